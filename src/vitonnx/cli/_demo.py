"""``vitonnx demo``: run every probe on the models inside the package."""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Callable, Sequence
from contextlib import chdir, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import Gauge, give, informing_once
from vitonnx.cli._demo_steps import PAGE, write_steps
from vitonnx.cli._main import call
from vitonnx.cli._options import MILLION, MaxPixels, Quiet
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.demo import Material

NEXT = """
Next, try pictures and a video of your own:
  $ vitonnx demo --image bird.png --video walk.mp4
  $ vitonnx probe heads scenes_dino bird.png

These two models know nothing but drawn scenes. To use published weights (downloaded once):
  $ pip install 'vitonnx[export]'
  $ vitonnx export dino_vits16
  $ vitonnx probe heads dino_vits16.onnx bird.png

Everything is in this folder. Start with the report:"""

EXAMPLE = "Example: vitonnx demo --image bird.png -o try"


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Write everything to this folder.")
    ] = Path("vitonnx-demo"),
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            metavar="FILE",
            help="Use this picture instead of drawn scenes (repeat for several).",
        ),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option("--video", metavar="FILE", help="Use this video instead of a drawn one."),
    ] = None,
    max_pixels: MaxPixels = None,
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate", help="Only measure how good the models are, on 500 unseen scenes."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run every probe on two small models and drawn scenes, without network or TensorFlow."""
    from vitonnx.cli._demo_evaluate import measure, open_folder, show
    from vitonnx.demo import draw_material, stored_evaluation
    from vitonnx.media import open_picture
    from vitonnx.media.videos import open_video

    if evaluate:
        if image or video:
            raise UsageError("--evaluate draws its own scenes: omit --image and --video.")
        measure(output, quiet=quiet)
        return
    for each in image or ():
        open_picture(each, max_pixels=max_pixels)
    if video is not None:
        open_video(video, max_pixels=max_pixels)
    open_folder(output)
    _copy_models(output)
    with Gauge("Drawing scenes", quiet=quiet) as progress:
        drawn = draw_material(output, progress=progress)
    steps = partial(_type, output, drawn, image or (), video, max_pixels)
    command = context.find_root().command
    if quiet:
        with redirect_stdout(io.StringIO()):
            code = steps(command, quiet=True)
    else:
        code = steps(command, quiet=False)
        give("", "How good the two models are (`vitonnx demo --evaluate` measures it):")
        show(stored_evaluation())
        give(*NEXT.splitlines())
    give(output / PAGE)
    if code:
        raise typer.Exit(code)


def _copy_models(folder: Path) -> None:
    from vitonnx.demo import demo_models
    from vitonnx.media import atomic_path

    for model in demo_models().values():
        with atomic_path(folder / model.name) as passing:
            shutil.copyfile(model, passing)


def _type(
    folder: Path,
    drawn: Material,
    images: Sequence[Path],
    video: Path | None,
    max_pixels: int | None,
    command: Callable[..., object],
    *,
    quiet: bool,
) -> int:
    """Print and run each command in the folder, and return the worst exit code."""
    own = [image.absolute() for image in images]
    steps = write_steps(
        own or [drawn.pictures.relative_to(folder)],
        drawn.album.relative_to(folder),
        video.absolute() if video else drawn.video.relative_to(folder),
        first=own[0] if own else drawn.shown[0].relative_to(folder),
        shown=len(own or drawn.shown),
        limit="" if max_pixels is None else f" --max-pixels {max_pixels // MILLION}",
    )
    give(f"$ cd {shlex.quote(str(folder))}")
    worst = 0
    with chdir(folder), informing_once():
        for why, line in steps:
            give("", f"# {why}", f"$ vitonnx {line}")
            worst = max(worst, call(command, [*shlex.split(line), *["--quiet"] * quiet]))
    return worst
