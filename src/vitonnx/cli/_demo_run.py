"""The steps of ``vitonnx demo``: fill a folder, then run the commands in it."""

from __future__ import annotations

import io
import shlex
import shutil
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import typer

from vitonnx.cli._call import call
from vitonnx.cli._console import Gauge, give, informing_once
from vitonnx.cli._demo_evaluate import show
from vitonnx.cli._demo_folder import open_folder
from vitonnx.cli._demo_steps import PAGE, write_steps
from vitonnx.cli._options import MILLION
from vitonnx.demo import Material, demo_models, draw_material, stored_evaluation
from vitonnx.media import atomic_path, open_picture
from vitonnx.media.videos import open_video

__all__ = ["DemoCall", "run"]

NEXT = """
Next, try pictures and a video of your own:
  $ vitonnx demo --image bird.png --video walk.mp4
  $ vitonnx probe heads scenes_dino bird.png

These two models know nothing but drawn scenes. To use published weights (downloaded once):
  $ pip install 'vitonnx[export]'
  $ vitonnx export dino_vits16
  $ vitonnx probe heads dino_vits16.onnx bird.png

Everything is in this folder. Start with the report:"""


@dataclass(frozen=True, kw_only=True)
class DemoCall:
    """Arguments of the command line."""

    folder: Path
    images: tuple[Path, ...]
    video: Path | None
    max_pixels: int | None


def run(demo: DemoCall, command: Callable[..., object], *, quiet: bool) -> None:
    """Run the demo.

    Parameters
    ----------
    demo : DemoCall
    command : callable
        The root command.
    quiet : bool
        Whether to print the path of the report and nothing else.

    Raises
    ------
    VitonnxError
        If a picture or the video can't be read, or the folder can't be written to.
    typer.Exit
        With code 1 if part of a command's work failed.
    """
    for image in demo.images:
        open_picture(image, max_pixels=demo.max_pixels)
    if demo.video is not None:
        open_video(demo.video, max_pixels=demo.max_pixels)
    open_folder(demo.folder)
    _copy_models(demo.folder)
    with Gauge("Drawing scenes", quiet=quiet) as progress:
        drawn = draw_material(demo.folder, progress=progress)
    if quiet:
        with redirect_stdout(io.StringIO()):
            code = _type(demo, drawn, command, quiet=True)
    else:
        code = _type(demo, drawn, command, quiet=False)
        give("", "How good the two models are (`vitonnx demo --evaluate` measures it):")
        show(stored_evaluation())
        give(*NEXT.splitlines())
    give(demo.folder / PAGE)
    if code:
        raise typer.Exit(code)


def _copy_models(folder: Path) -> None:
    for model in demo_models().values():
        with atomic_path(folder / model.name) as passing:
            shutil.copyfile(model, passing)


def _type(demo: DemoCall, drawn: Material, command: Callable[..., object], *, quiet: bool) -> int:
    """Print and run each command in the folder, and return the worst exit code."""
    own = [image.absolute() for image in demo.images]
    steps = write_steps(
        own or [drawn.pictures.relative_to(demo.folder)],
        drawn.album.relative_to(demo.folder),
        demo.video.absolute() if demo.video else drawn.video.relative_to(demo.folder),
        first=own[0] if own else drawn.shown[0].relative_to(demo.folder),
        shown=len(own or drawn.shown),
        limit="" if demo.max_pixels is None else f" --max-pixels {demo.max_pixels // MILLION}",
    )
    give(f"$ cd {shlex.quote(str(demo.folder))}")
    worst = 0
    with chdir(demo.folder), informing_once():
        for why, line in steps:
            if why:
                give("", f"# {why}")
            give(f"$ vitonnx {line}")
            worst = max(worst, call(command, [*shlex.split(line), *["--quiet"] * quiet]))
    return worst
