"""The commands of the demo: what a person would type in its folder, one after the other."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

__all__ = ["PAGE", "write_steps"]

PAGE: Final = "report.html"

# In pixels: a third more than the models were trained at, for finer maps. They are as accurate
# there; at twice their own size one thing in four is taken for another.
SIZE: Final = 64

MOST_SHOWN: Final = 8  # pictures that the page shows one by one

STEPS: Final = (
    (
        "Where each head of DINO's last block looks, and the fewest patches that hold 60 % of it:",
        "probe heads scenes_dino.onnx {first} --mass 0.6 --size {size} -o heads.png",
    ),
    (
        "The same of both models and all pictures, as arrays:",
        "probe heads scenes_vit.onnx {pictures} --compare scenes_dino.onnx -o heads.npz",
    ),
    (
        "Attention followed through all blocks, the supervised model beside DINO's:",
        "probe rollout scenes_vit.onnx {pictures} --compare scenes_dino.onnx --size {size} "
        "-o rollout.png",
    ),
    (
        "How far the heads look, on average over a folder, drawn and as numbers:",
        "probe distance scenes_vit.onnx {album} --compare scenes_dino.onnx -o distance.png",
    ),
    (
        "",
        "probe distance scenes_vit.onnx {album} --compare scenes_dino.onnx -o distance.npz",
    ),
    (
        "What the weights alone tell:",
        "probe filters scenes_vit.onnx --compare scenes_dino.onnx --components 28 -o filters.png",
    ),
    (
        "",
        "probe positions scenes_vit.onnx --compare scenes_dino.onnx -o positions.png",
    ),
    (
        "A video, and beside it where both look:",
        "probe video scenes_vit.onnx {video} --compare scenes_dino.onnx --short-side {size} "
        "-o video.mp4",
    ),
    (
        "All of it on one page:",
        "report scenes_vit.onnx {pictures} {album} --compare scenes_dino.onnx --video {video} "
        "--size {size} --show {shown} -o " + PAGE,
    ),
)


def write_steps(
    pictures: Sequence[Path],
    album: Path,
    video: Path,
    *,
    first: Path,
    shown: int,
    limit: str = "",
) -> Iterator[tuple[str, str]]:
    """Write down the commands.

    Parameters
    ----------
    pictures : sequence of Path
        Each as INPUT on the command line.
    album : Path
        A folder of pictures to average over.
    video : Path
    first : Path
        The picture that is shown at full size.
    shown : int
        How many pictures the page shows one by one, if they aren't too many.
    limit : str
        The option that allows larger pictures, where one was given.

    Yields
    ------
    why, line : str
        What the command is good for, empty where that has just been said; and what is to be typed
        after ``vitonnx``.

    Examples
    --------
    >>> own = Path("my bird.png")
    >>> next(write_steps([own], Path("album"), Path("video.mp4"), first=own, shown=1))[1]
    "probe heads scenes_dino.onnx 'my bird.png' --mass 0.6 --size 64 -o heads.png"
    """
    for why, line in STEPS:
        reads_pictures = not line.startswith(("probe filters", "probe positions"))
        yield (
            why,
            line.format(
                first=shlex.quote(str(first)),
                pictures=" ".join(shlex.quote(str(picture)) for picture in pictures),
                album=shlex.quote(str(album)),
                video=shlex.quote(str(video)),
                shown=min(shown, MOST_SHOWN),
                size=SIZE,
            )
            + limit * reads_pictures,
        )
