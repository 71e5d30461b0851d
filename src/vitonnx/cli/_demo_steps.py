"""The commands of the demo, as a person would type them in its folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

__all__ = ["PAGE", "write_steps"]

PAGE: Final = "report.html"

# Pixels: a third more than in training, for finer maps. Accuracy stays the same; at twice the
# training size, a quarter of the objects are misclassified.
SIZE: Final = 64

MOST_SHOWN: Final = 8  # pictures that the report shows one by one

STEPS: Final = (
    (
        "Where each head of DINO's last block looks, with the fewest patches holding 60 % of it:",
        "probe heads scenes_dino.onnx {first} --mass 0.6 --size {size} -o heads.png",
    ),
    (
        "The same for both models and all pictures, as arrays:",
        "probe heads scenes_vit.onnx {pictures} --compare scenes_dino.onnx -o heads.npz",
    ),
    (
        "Attention traced through all blocks, the supervised model beside the DINO model:",
        "probe rollout scenes_vit.onnx {pictures} --compare scenes_dino.onnx --size {size} "
        "-o rollout.png",
    ),
    (
        "How far the heads look, averaged over a folder, as a figure and as arrays:",
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
        "A video, beside the maps of both models:",
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
    """Generate the commands.

    Parameters
    ----------
    pictures : sequence of Path
        Pictures, each as INPUT on the command line.
    album : Path
        Folder of pictures to average over.
    video : Path
        Video to probe.
    first : Path
        Picture to show at full size.
    shown : int
        Number of pictures that the report shows one by one, up to a maximum.
    limit : str
        Option that allows larger pictures, if one was given.

    Yields
    ------
    why, line : str
        Purpose of the command, empty if it is that of the one before; and the words to type after
        ``vitonnx``.

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
