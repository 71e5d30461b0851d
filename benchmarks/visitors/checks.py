"""Is this the answer to what was asked, of the picture that was shown?"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.visitors.truth import Seen
from vitonnx.media import open_picture
from vitonnx.plots import describe
from vitonnx.probes import Maps

__all__ = ["MixedError", "check_numbers", "check_portraits", "check_view"]

Json: TypeAlias = Any

# The page keeps attention in half precision, whose steps are 0.05 % of a value, and sends maps as
# 256 colours, of which it may take the neighbour.
HALF = 1e-3
COLOUR = 1 / 255
# Half precision may change which entries rollout discards, where two are nearly equal.
DISCARDED = 20 / 255
# A portrait, as 8x8 squares of 256 levels, after JPEG.
LEVELS = 8


class MixedError(Exception):
    """The answer is not the one that belongs to the question."""


def check_view(view: Json, picture: Path, seen: Mapping[str, Seen]) -> None:
    """Compare what is sent to the viewer with what must be.

    Raises
    ------
    MixedError
        If it is of another picture, of other models, or of other places of the controls.
    """
    _equal("the file's name", view["name"], picture.name)
    _equal("the models", [said["name"] for said in view["models"]], list(seen))
    for said, truth in zip(view["models"], seen.values(), strict=True):
        _near("the crop", np.array(said["crop"]), np.array(truth.crop), 1e-6)
        if truth.prediction is not None:
            best = said["classes"][0]
            _near("the best class's share", best["share"], truth.prediction.probability, 1e-5)
            if truth.prediction.label is not None:
                _equal("the best class", best["label"], truth.prediction.label)
        heads = np.stack([truth.heads.mean, *truth.heads.attention])
        _check_maps("heads", said["heads"], heads, truth.heads.finding, COLOUR)
        within = DISCARDED if truth.rollout.discard else COLOUR
        rollout = np.asarray(truth.rollout.rollout)[None]
        _check_maps("rollout", said["rollout"], rollout, truth.rollout.finding, within)


def _check_maps(
    what: str, said: Json, maps: NDArray[np.float32], found: Maps, within: float
) -> None:
    words = [word for word in describe(found, alone=True) if word]
    _equal(f"the words of {what}", said["words"], words)
    sent = np.stack([np.frombuffer(base64.b64decode(each), np.uint8) for each in said["maps"]])
    low, high = said["low"], said["high"]
    tolerance = within * (high - low) + HALF * abs(high)
    true = np.clip(maps, low, high).reshape(len(maps), -1)
    _near(what, low + (high - low) * sent / 255, true, tolerance)
    highest = np.array([each["value"] for each in said["highest"]])
    _near(f"the highest of {what}", highest, maps.max((1, 2)), tolerance)


def check_portraits(view: Json, picture: Path, seen: Mapping[str, Seen]) -> None:
    """Compare the pictures that are sent along with what the models see.

    Raises
    ------
    MixedError
        If they show something else.
    """
    opened = open_picture(picture)
    for said, truth in zip(view["models"], seen.values(), strict=True):
        portrait = Image.open(io.BytesIO(base64.b64decode(said["picture"].partition(",")[2])))
        true = opened.resize((8, 8), Image.Resampling.BOX, box=truth.crop)
        sent = portrait.resize((8, 8), Image.Resampling.BOX)
        _near("the portrait", np.asarray(sent, float), np.asarray(true, float), LEVELS)


def check_numbers(
    files: Mapping[str, bytes], picture: Path, probe: str, seen: Mapping[str, Seen]
) -> None:
    """Compare saved files with what they must hold: the numbers, and a figure.

    Parameters
    ----------
    files : mapping of str to bytes
        By their names.

    Raises
    ------
    MixedError
        If they hold something else.
    """
    stem = f"{picture.stem}.{probe}"
    _equal("the figure", files[f"{stem}.png"][:8], b"\x89PNG\r\n\x1a\n")
    for name, truth in seen.items():
        # Models whose maps differ in shape have a file each.
        content = files.get(f"{stem}.npz") or files[f"{stem}.{name}.npz"]
        with np.load(io.BytesIO(content)) as arrays:
            _equal("the files", arrays["files"].tolist(), [picture.name])
            array = "attention" if probe == "heads" else "rollout"
            found = arrays[array]
            if "models" in arrays:
                found = found[arrays["models"].tolist().index(name)]
            true = truth.heads.attention if probe == "heads" else truth.rollout.rollout
            _near(f"the numbers of {probe}", found[0], np.asarray(true), 1e-6)


def _equal(what: str, found: object, true: object) -> None:
    if found != true:
        raise MixedError(f"{what}: {found!r} instead of {true!r}")


def _near(what: str, found: Any, true: Any, tolerance: float) -> None:
    if np.shape(found) != np.shape(true):
        raise MixedError(f"{what}: of shape {np.shape(found)} instead of {np.shape(true)}")
    farthest = float(np.abs(np.subtract(found, true)).max())
    if not farthest <= tolerance:
        raise MixedError(f"{what}: off by {farthest:.2g}, where {tolerance:.2g} is rounding")
