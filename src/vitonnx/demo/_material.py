"""Pictures, an album and a video to try the models on: drawn, and so the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from PIL import Image

from vitonnx.data.scenes import Scene, draw_video
from vitonnx.demo._scenes import ALBUM, PICTURES, VIDEO, draw
from vitonnx.media import atomic_path
from vitonnx.media.videos import Frame, VideoWriter

__all__ = ["Material", "draw_material", "draw_pictures", "draw_video_file"]

# Names say what is on them. Index of the scene, chosen by eye, so that no thing lies outside the
# square in the middle that the models see; height and width; how many things.
SHOWN: Final = {
    "butterfly.png": (10, (256, 256), 1),
    "car.png": (8, (256, 256), 1),
    "cat-house.png": (43, (256, 352), 2),
    "mushroom-flower.png": (136, (352, 256), 2),
    "car-boat-cat.png": (34, (256, 256), 3),
}
ALBUM_SIZE: Final = (96, 96)
ALBUM_SCENES: Final = 40

RATE: Final = 25  # frames a second
FRAMES: Final = 100  # after which everything is where it was: the video can go round
VIDEO_SIZE: Final = (240, 320)
VIDEO_INDEX: Final = 30  # a cat and a cup, which hardly ever hide each other


@dataclass(frozen=True)
class Material:
    """Pictures, album and video of the demo.

    Parameters
    ----------
    pictures : Path
        A folder of pictures to look at.
    album : Path
        A folder of many small ones, to average over.
    video : Path
    shown : tuple of Path
        The pictures to look at, the best first.
    """

    pictures: Path
    album: Path
    video: Path
    shown: tuple[Path, ...]


def draw_material(
    folder: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> Material:
    """Draw everything into a folder; each file is there whole or not at all.

    Parameters
    ----------
    folder : Path
        Files in it that have our names are replaced, all others stay.
    progress : callable, optional
        Called with the amount drawn, and the total.

    Returns
    -------
    Material

    Raises
    ------
    UsageError, VitonnxError
        If something can't be written.
    """
    pictures, album, video = folder / "pictures", folder / "album", folder / "scenes.mp4"
    total = len(SHOWN) + ALBUM_SCENES + FRAMES
    shown = draw_pictures(pictures)
    progress(done := len(shown), total)
    album.mkdir(exist_ok=True)
    for index in range(ALBUM_SCENES):
        _write_picture(album / f"{index:02d}.png", draw(ALBUM, index, ALBUM_SIZE))
        progress(done := done + 1, total)
    draw_video_file(video, lambda frames: progress(done + frames, total))
    return Material(pictures, album, video, shown)


def draw_pictures(folder: Path) -> tuple[Path, ...]:
    """Draw pictures to look at into a folder; their names list the objects in them.

    Returns
    -------
    tuple of Path
        The best first.

    Raises
    ------
    UsageError, VitonnxError
        If something can't be written.
    """
    folder.mkdir(exist_ok=True)
    for name, (index, size, objects) in SHOWN.items():
        _write_picture(folder / name, draw(PICTURES, index, size, objects))
    return tuple(folder / name for name in SHOWN)


def draw_video_file(path: Path, progress: Callable[[int], None] = lambda frames: None) -> None:
    """Draw the video into a file, .mp4: four seconds, after which it can go round.

    Parameters
    ----------
    path : Path
        The file to write.
    progress : callable, optional
        Called with the number of frames drawn.

    Raises
    ------
    UsageError, VitonnxError
        If it can't be written.
    """
    scenes = draw_video((0, VIDEO, 0, VIDEO_INDEX), FRAMES, VIDEO_SIZE, objects=2)
    with (
        atomic_path(path) as passing,
        VideoWriter(passing, rate=Fraction(RATE), ticks=RATE, sound=None) as writer,
    ):
        for number, scene in enumerate(scenes):
            writer.write(Frame(scene.picture, Fraction(number, RATE), Fraction(1, RATE)))
            progress(number + 1)


def _write_picture(path: Path, scene: Scene) -> None:
    with atomic_path(path) as passing:
        Image.fromarray(scene.picture).save(passing)
