"""Turn a picture into the model's input pixels, by the recipe of the manifest."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.blame import blamed_on
from vitonnx.engine._placing import Place, place
from vitonnx.errors import PictureError
from vitonnx.manifest import Preprocessing
from vitonnx.probes import Crop, Layout, Probe

__all__ = ["Prepared", "prepare", "scaling_errors"]

# Beyond this side, in pixels, a picture is never scaled whole: one of 1 x 5000 pixels would fill
# a gigabyte on the way to its crop.
LONGEST = 20_000
# Above so many pixels, 0.25 GiB, nothing is padded whole: a strip of 1 x 20,000 would be a square.
LARGEST_CANVAS = 2**26


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as the model sees it.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input, without the batch; RGB.
    place : Place
        Place of the input on the picture.
    """

    pixels: NDArray[np.uint8]
    place: Place

    @property
    def covered(self) -> NDArray[np.uint8]:
        """The part of the pixels that the patches cover."""
        rows, columns = self.place.covered
        return self.pixels[:rows, :columns]

    @property
    def crop(self) -> Crop:
        """The part of the picture that they cover: see `Place.crop`."""
        return self.place.crop

    @property
    def inside(self) -> Crop:
        """The picture's share of that part; (0, 0, 1, 1) without padding."""
        return self.place.inside

    @property
    def seen(self) -> Crop:
        """The part of the picture that the patches show, without padding."""
        return self.place.seen

    def token(self, probe: Probe[Any], layout: Layout) -> int | None:
        """Find a probe's query token: see `Place.token`."""
        return self.place.token(probe, layout)


def scaling_errors(
    name: str | os.PathLike[str], sides: tuple[int, int]
) -> AbstractContextManager[None]:
    """Turn errors while a picture of some height and width is scaled into a PictureError."""
    return blamed_on(
        name,
        PictureError,
        lambda reason: (
            f"can't scale {name} from {sides[0]}x{sides[1]} pixels ({reason}): make it smaller, "
            "or crop it."
        ),
    )


def prepare(
    picture: Image.Image,
    recipe: Preprocessing,
    covered: tuple[int, int] | None = None,
    *,
    sides: tuple[int, int] | None = None,
) -> Prepared:
    """Scale a picture and cut out its centre, or pad it, as timm, torchvision and transformers do.

    Parameters
    ----------
    picture : PIL.Image.Image, mode RGB
        Picture of any size.
    recipe : Preprocessing
        Recipe; its mean and standard deviation are not applied, since the graph does that. If it
        gives every picture its own size, that size is used.
    covered : (height, width), optional
        Size of the part of the input that is cut into patches; by default, all of it.
    sides : (height, width), optional
        Size of the original, if the picture was decoded at reduced size; the place refers to it.

    Examples
    --------
    >>> recipe = Preprocessing(resize=256, size=(224, 224), crop=0.875, interpolation="bicubic",
    ...                        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    >>> prepare(Image.new("RGB", (1024, 512)), recipe).crop
    (288.0, 32.0, 736.0, 480.0)
    """
    sides = sides or (picture.height, picture.width)
    recipe = recipe.for_picture(sides)
    found = place(sides, recipe, covered)
    return Prepared(np.asarray(_scaled(picture, recipe, found)), found)


def _scaled(picture: Image.Image, recipe: Preprocessing, found: Place) -> Image.Image:
    """Scale a picture and give the input, cut out of it or filled."""
    resampling = Image.Resampling[recipe.interpolation.upper()]
    height, width = recipe.size
    padding = recipe.padding
    if padding is not None and padding.before and _can_be_padded(picture, found):
        canvas = Image.new("RGB", found.canvas[::-1], padding.colour)
        canvas.paste(picture, found.corner[::-1])
        return canvas.resize((width, height), resampling)
    scaled_height, scaled_width = found.scaled
    box = (found.left, found.top, found.left + width, found.top + height)
    if padding is None and max(found.scaled) <= LONGEST:
        return picture.resize((scaled_width, scaled_height), resampling).crop(box)
    # Scaling nothing but what is seen differs by the rounding of its corners.
    seen = max(box[0], 0), max(box[1], 0), min(box[2], scaled_width), min(box[3], scaled_height)
    across, down = picture.width / scaled_width, picture.height / scaled_height
    source = (seen[0] * across, seen[1] * down, seen[2] * across, seen[3] * down)
    size = (seen[2] - seen[0], seen[3] - seen[1])
    cut = picture.resize(size, resampling, box=source)
    if size == (width, height) or padding is None:
        return cut
    filled = Image.new("RGB", (width, height), padding.colour)
    filled.paste(cut, (seen[0] - box[0], seen[1] - box[1]))
    return filled


def _can_be_padded(picture: Image.Image, found: Place) -> bool:
    """Tell whether a picture can be padded before it is scaled: at full size, and not too large."""
    rows, columns = found.canvas
    is_whole = (picture.height, picture.width) == found.picture
    return is_whole and max(rows, columns) <= LONGEST and rows * columns <= LARGEST_CANVAS
