"""The commands of the demo, as a person would type them in its folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from vitonnx.probes import find_probe

__all__ = ["PAGE", "write_steps"]

PAGE: Final = "report.html"

# Pixels: a third more than in training, for finer maps. Accuracy stays the same; at twice the
# training size, a quarter of the objects are misclassified.
SIZE: Final = 64

MOST_SHOWN: Final = 3  # pictures that the report shows

DINO: Final = "--compare scenes_dino.onnx"

# First what a model makes of one picture, then of many, and then what its weights tell: the order
# of a report. What makes a class is asked of the model alone that knows classes.
STEPS: Final = (
    "probe heads scenes_dino.onnx {first} --mass 0.6 --size {size} -o heads.png",
    f"probe pca scenes_vit.onnx {{pictures}} {DINO} --size {{size}} -o pca.png",
    f"probe similarity scenes_vit.onnx {{pictures}} {DINO} --size {{size}} -o similarity.png",
    "probe attribution scenes_vit.onnx {pictures} --size {size} -o attribution.png",
    "probe lens scenes_vit.onnx {pictures} --size {size} -o lens.png",
    f"probe rollout scenes_vit.onnx {{pictures}} {DINO} --size {{size}} -o rollout.png",
    f"probe norms scenes_vit.onnx {{pictures}} {DINO} --size {{size}} -o norms.png",
    f"probe distance scenes_vit.onnx {{album}} {DINO} -o distance.png",
    f"probe entropy scenes_vit.onnx {{album}} {DINO} -o entropy.png",
    "probe cka scenes_vit.onnx {album} -o cka.png",
    f"probe filters scenes_vit.onnx {DINO} --components 28 -o filters.png",
    f"probe positions scenes_vit.onnx {DINO} -o positions.png",
    f"probe video scenes_vit.onnx {{video}} {DINO} --short-side {{size}} -o video.mp4",
    "probe heads scenes_dino.onnx {pictures} -o heads.npz",
    f"report scenes_vit.onnx {{pictures}} {{album}} {DINO} --video {{video}} --size {{size}} "
    f"--show {{shown}} -o {PAGE}",
)

# What a step is for whose file says more than its probe; all others, their probe says.
PURPOSES: Final = {
    "video.mp4": "See whether both models' attention stays on a thing that moves.",
    "heads.npz": "The numbers behind a figure, as arrays: every probe writes them.",
    PAGE: "All of it on one page:",
}


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
        Number of pictures that the report shows, up to a maximum.
    limit : str
        Option that allows larger pictures, if one was given.

    Yields
    ------
    why, line : str
        What the command's figure tells, in one sentence; and the words to type after ``vitonnx``.

    Examples
    --------
    >>> own = Path("my bird.png")
    >>> next(write_steps([own], Path("album"), Path("video.mp4"), first=own, shown=1))[1]
    "probe heads scenes_dino.onnx 'my bird.png' --mass 0.6 --size 64 -o heads.png"
    """
    for step in STEPS:
        _, name, *_, output = step.split()
        reads_pictures = name not in ("filters", "positions")
        yield (
            PURPOSES.get(output) or find_probe(name).purpose,
            step.format(
                first=shlex.quote(str(first)),
                pictures=" ".join(shlex.quote(str(picture)) for picture in pictures),
                album=shlex.quote(str(album)),
                video=shlex.quote(str(video)),
                shown=min(shown, MOST_SHOWN),
                size=SIZE,
            )
            + limit * reads_pictures,
        )
