"""Masks of the objects in pictures: found in a folder, and cropped as their pictures are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.dataset import Dataset, Sample
from vitonnx.engine import Prepared, prepare
from vitonnx.errors import PictureError, UsageError
from vitonnx.evaluate._window import Window
from vitonnx.filenames import as_path
from vitonnx.manifest import Preprocessing
from vitonnx.media import Encoded, open_picture

__all__ = ["MaskFolder", "Masks", "as_masks", "mask_of"]


@dataclass(frozen=True)
class MaskFolder:
    """A folder with a mask for every picture, under the picture's id, as a PNG.

    Parameters
    ----------
    folder : Path

    Examples
    --------
    >>> MaskFolder(Path("masks")).find(Sample("cats/7.jpeg", "val/cats/7.jpeg")).as_posix()
    'masks/cats/7.png'
    """

    folder: Path

    def find(self, sample: Sample) -> Path:
        """Give the path of a picture's mask, whether or not it is there.

        Where none has the picture's id, one may have its name alone: pictures that are named one by
        one are known by paths from anywhere.
        """
        own = PurePosixPath(sample.id)
        alone = self.folder / f"{own.stem}.png"
        if own.is_absolute() or ".." in own.parts:
            return alone
        path = self.folder / own.with_suffix(".png")
        return alone if alone.exists() and not path.exists() else path


Masks: TypeAlias = MaskFolder | Sequence[Any]
"""A folder, or one mask per picture: a path, or a bool array (height, width)."""


def as_masks(masks: Any, pictures: Dataset) -> Masks | None:
    """Check what is given as masks.

    Raises
    ------
    UsageError
        If a folder isn't there, or there are more or fewer masks than pictures.
    """
    if masks is None:
        return None
    if isinstance(masks, str | os.PathLike):
        masks = MaskFolder(as_path(masks))
    if isinstance(masks, MaskFolder):
        if not masks.folder.is_dir():
            raise UsageError(
                f"there is no folder of masks {masks.folder}: give the folder that has a PNG for "
                "each picture."
            )
        if pictures.is_listed and any(
            not isinstance(picture, str | Path | Encoded) for picture in pictures
        ):
            raise UsageError(
                "masks in a folder are found by the names of picture files, and a picture is given "
                "as an array: give a mask for each picture."
            )
        return masks
    pairs = pictures.counted()
    if not isinstance(masks, Sequence) or len(masks) != pairs:
        count = len(masks) if isinstance(masks, Sequence) else 1
        raise UsageError(
            f"{pairs} pictures have {count} masks: give a folder, or a list of one for "
            "each picture."
        )
    return masks


def mask_of(
    masks: Masks, number: int, source: Sample, picture: Prepared, recipe: Preprocessing
) -> NDArray[np.bool_]:
    """Give the part of a picture's mask that lies in its window.

    Parameters
    ----------
    masks : Masks
    number : int
        The picture's place among all.
    source : Sample
        As it was given.
    picture : Prepared
        As the model sees it.
    recipe : Preprocessing
        The model's.

    Returns
    -------
    bool (height, width)
        Of the `Window`, scaled to the nearest pixel. In a file all that isn't black is object.

    Raises
    ------
    PictureError
        If it can't be read, has another size than the picture, or shows nothing there.
    """
    given = masks.find(source) if isinstance(masks, MaskFolder) else masks[number]
    name = str(given) if isinstance(given, str | Path) else f"the mask of picture {number}"
    of = source.name
    mask = _read(given, name, of)
    if mask.shape != picture.place.picture:
        (height, width), (rows, columns) = mask.shape, picture.place.picture
        raise PictureError(
            f"{name} has {height}x{width} pixels and {of} {rows}x{columns}: make the mask as large "
            "as its picture."
        )
    padding = recipe.padding and replace(recipe.padding, colour=(0, 0, 0))
    whole = Image.fromarray(mask.astype(np.uint8) * 255).convert("RGB")
    as_picture = replace(recipe, interpolation="nearest", padding=padding)
    seen = prepare(whole, as_picture, picture.place.covered).covered[..., 0] > 0
    inside = np.asarray(Window.of(picture).cut(seen), np.bool_)
    if not inside.any():
        raise PictureError(
            f"{name} marks nothing in the part of {of} that the model sees: leave the picture out."
        )
    return inside


def _read(given: Any, name: str, of: str) -> NDArray[np.bool_]:
    if isinstance(given, str | Path):
        if not Path(given).exists():
            raise PictureError(f"{of} has no mask: {given} does not exist.")
        return np.asarray(np.asarray(open_picture(given)).any(axis=2), np.bool_)
    mask = np.asarray(given)
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise PictureError(
            f"{name} is a {mask.dtype} array of shape {mask.shape}; expected bool (height, width)."
        )
    return mask
