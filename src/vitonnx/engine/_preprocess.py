"""From a picture to the pixels that the model sees, by the recipe of its manifest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.manifest import Preprocessing

__all__ = ["Prepared", "prepare"]

# Beyond this side, in pixels, a picture is never scaled whole: one of 1 x 5000 pixels would fill
# a gigabyte on the way to its crop.
LONGEST = 20_000


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as the model sees it.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input, without the batch; RGB.
    seen : uint8 (height, width, 3)
        What the patches cover of it.
    crop : (left, top, right, bottom)
        What of the picture that is, in its own pixels; (0, 0, width, height) is all of it.
    """

    pixels: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    crop: tuple[float, float, float, float]


def prepare(
    picture: Image.Image, recipe: Preprocessing, covered: tuple[int, int] | None = None
) -> Prepared:
    """Scale a picture and cut out its centre, in the arithmetic of timm and torchvision.

    Parameters
    ----------
    picture : PIL.Image.Image, mode RGB
        Of any size.
    recipe : Preprocessing
        Its mean and standard deviation are not applied: the graph does that.
    covered : (height, width), optional
        Of the part of the input that is cut into patches; all of it by default.

    Returns
    -------
    Prepared

    Examples
    --------
    >>> recipe = Preprocessing(resize=256, size=(224, 224), crop=0.875, interpolation="bicubic",
    ...                        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    >>> prepare(Image.new("RGB", (1024, 512)), recipe).crop
    (288.0, 32.0, 736.0, 480.0)
    """
    height, width = recipe.size
    scaled_height, scaled_width = _scaled(picture.height, picture.width, recipe)
    top, left = _margin(scaled_height, height), _margin(scaled_width, width)
    box = (left, top, left + width, top + height)
    across, down = picture.width / scaled_width, picture.height / scaled_height
    crop = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    rows, columns = covered or recipe.size
    seen = (crop[0], crop[1], (left + columns) * across, (top + rows) * down)
    resampling = Image.Resampling[recipe.interpolation.upper()]
    if max(scaled_height, scaled_width) > LONGEST:
        # Scaling nothing but the crop differs by the rounding of its corners.
        cut = picture.resize((width, height), resampling, box=crop)
    else:
        cut = picture.resize((scaled_width, scaled_height), resampling).crop(box)
    pixels = np.asarray(cut)
    return Prepared(pixels=pixels, seen=pixels[:rows, :columns], crop=seen)


def _scaled(height: int, width: int, recipe: Preprocessing) -> tuple[int, int]:
    """Height and width of the whole picture when it just covers the crop and its margin.

    One pixel more or less moves every edge in the picture, so this rounds just as timm does, which
    leaves squares to torchvision.
    """
    if recipe.resize is None:
        return recipe.size
    if recipe.size[0] == recipe.size[1]:
        shorter = min(height, width)
        return height * recipe.resize // shorter, width * recipe.resize // shorter
    # The addend is that of Preprocessing.at.
    cover_height, cover_width = (
        recipe.resize if side == min(recipe.size) else int(side / recipe.crop + 1e-6)
        for side in recipe.size
    )
    scale = min(height / cover_height, width / cover_width)
    return round(height / scale), round(width / scale)


def _margin(scaled: int, cropped: int) -> int:
    """Count the pixels before a centre crop; torchvision rounds a half to the even number."""
    return round((scaled - cropped) / 2)
