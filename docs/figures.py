"""Draw the figures of the pages in docs/probes/, each by the command that its page shows.

Run it from a checkout after a change of the models inside the package, of a page's command, or of
how figures look::

    python docs/figures.py            # all of them, in less than two minutes
    python docs/figures.py heads pca  # these two
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vitonnx.cli import main
from vitonnx.demo import demo_models, draw_material

PAGES = Path(__file__).parent / "probes"
DEMO = "vitonnx-demo"  # where `vitonnx demo` draws the pictures that the commands name

LONGEST = 900  # pixels of a figure's longer side, so that it stays below 100 kB


def command_of(page: Path) -> str:
    """Read the command that draws a page's figure, which has the page's name.

    Raises
    ------
    ValueError
        If the page has no such command, or several.
    """
    figure = page.with_suffix(".png").name
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(rf"^vitonnx .* -o {re.escape(figure)}$", text, re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"{page.name} has {len(found)} commands that write {figure}; it needs 1")
    return " ".join(found[0].split())


def origin_of(command: str) -> dict[str, str]:
    """Tell what a figure depends on: its command, and the content of the models that it names.

    It is kept in the figure, so that a test finds one that is out of date.
    """
    named = {name: file for name, file in demo_models().items() if name in shlex.split(command)}
    digests = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in named.items()}
    return {"command": command, **digests}


def draw(page: Path, target: Path) -> None:
    """Draw a page's figure into a file, in a folder where `vitonnx demo` has drawn its pictures.

    Raises
    ------
    RuntimeError
        If the command fails; it has said why.
    """
    command = command_of(page)
    _, *arguments = shlex.split(command)
    if code := main([*arguments, "--quiet"]):
        raise RuntimeError(f"{command} ended with {code}")
    origin = PngInfo()
    for key, value in origin_of(command).items():
        origin.add_text(key, value)
    with Image.open(arguments[-1]) as drawn:
        small = drawn.convert("RGB")
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    # 256 colours. The usual way to choose them, by median cut, spends them on pictures and leaves
    # the scale of colours few; and dithering makes plain areas grainy, and the file larger.
    small = small.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    small.save(target, optimize=True, pnginfo=origin)


def draw_all(names: Sequence[str]) -> None:
    """Draw the figures of these pages, or of all, beside their pages."""
    pages = [PAGES / f"{name}.md" for name in names] or sorted(PAGES.glob("*.md"))
    with tempfile.TemporaryDirectory() as desk:
        os.chdir(desk)
        Path(DEMO).mkdir()
        draw_material(Path(DEMO))
        for page in pages:
            draw(page, page.with_suffix(".png"))


if __name__ == "__main__":
    draw_all(sys.argv[1:])
