"""The recipe from a picture to a model's input."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from vitonnx.errors import UsageError

__all__ = ["LARGEST_SIDE", "Fit", "Padding", "PilFilter", "Preprocessing", "colour_of"]

PilFilter = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Fit = Literal["cut", "pad", "squash"]
"""How a picture gets an input's shape: its centre is cut out, or it is padded, or squashed."""

Colour = tuple[float, float, float]

LARGEST_SIDE = 2**14
"""Pixels of a side, of the input and of what a picture is scaled to: 16,384."""

MOST_PIXELS = 2**26
"""Of an input: 8192x8192, whose patches of 16 pixels already have 17 billion pairs."""

FARTHEST = 10_000  # of mean and std: pixels are from 0 to 1
LEAST_CROP = 0.01  # of a picture that is first scaled to a hundred times the input


def colour_of(mean: Colour) -> tuple[int, int, int]:
    """Return the colour, from 0 to 255, nearest to one given in floats from 0 to 1.

    Examples
    --------
    >>> colour_of((0.485, 0.456, 1.25))
    (124, 116, 255)
    """
    red, green, blue = (min(255, max(0, round(255 * part))) for part in mean)
    return red, green, blue


@dataclass(frozen=True, kw_only=True)
class Padding:
    """Padding of an input whose shape differs from the picture's.

    Parameters
    ----------
    colour : three whole numbers from 0 to 255
        Red, green and blue.
    place : "centre" or "end"
        Place of the picture: in the middle, or at the top left, with the padding at the right and
        the bottom.
    before : bool
        Whether the picture is padded before it is scaled, so that its last pixels blend with the
        colour, or after.
    """

    colour: tuple[int, int, int]
    place: Literal["centre", "end"] = "centre"
    before: bool = False

    def __post_init__(self) -> None:
        if not all(0 <= part <= 255 for part in self.colour):
            raise UsageError(
                f"the colour of the padding is {self.colour}; it must be from 0 to 255."
            )


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The recipe from a picture to the model's input.

    The picture is scaled, keeping its aspect, until it just covers ``size / crop``, and its centre
    is cropped. Without ``resize``, it is squashed to ``size / crop`` instead. With ``padding``, it
    is scaled, keeping its aspect, until it just fits into ``size / crop``, and the rest is filled.

    Parameters
    ----------
    resize : int or None
        Shorter side, in pixels, of what the picture is scaled to cover; None squashes, or pads.
    size : (height, width)
        Input size of the model, in pixels.
    crop : float from 0.01 to 1
        Share of the scaled picture's shorter side that the crop keeps, as published: it says
        how ``resize`` follows from another ``size``.
    interpolation : "nearest", "bilinear", "bicubic" or "lanczos"
        Pillow's antialiased filter of that name.
    mean, std : three floats
        Values for red, green and blue, for pixels in the range 0 to 1; applied inside the graph.
    padding : Padding, optional
        Padding of the input; only without ``resize``.
    multiple : int, optional
        Every picture has an input size of its own: it is scaled to one of the sides of ``size``,
        whichever changes it less, its aspect kept, and both sides are rounded to this multiple.
    rounding : "even" or "down"
        Rounding of half a pixel of a margin: to the even number, as in timm, or down, as in
        transformers.
    channel_order : "rgb" or "bgr"
        Channel order of the network's own input. The file's input is always RGB: the graph reverses
        it after normalisation.
    """

    resize: int | None
    size: tuple[int, int]
    crop: float
    interpolation: PilFilter
    mean: Colour
    std: Colour
    padding: Padding | None = None
    multiple: int | None = None
    rounding: Literal["even", "down"] = "even"
    channel_order: Literal["rgb", "bgr"] = "rgb"

    def __post_init__(self) -> None:
        if not LEAST_CROP <= self.crop <= 1:
            raise UsageError(f"crop is {self.crop}; it must be from {LEAST_CROP} to 1.")
        if self.resize is not None and self.resize < min(self.size):
            raise UsageError(
                f"resize is {self.resize}, less than the shorter side of the input, "
                f"{min(self.size)}: the picture couldn't cover it."
            )
        if self.resize is not None and self.padding is not None:
            raise UsageError(
                "a recipe either crops pictures (resize) or pads them (padding): set only one."
            )
        if self.multiple is not None and not 1 <= self.multiple <= LARGEST_SIDE:
            raise UsageError(
                f"multiple is {self.multiple}; it must be from 1 to {LARGEST_SIDE:,} pixels."
            )
        if not all(abs(part) <= FARTHEST for part in self.mean) or not all(
            1 / FARTHEST <= part <= FARTHEST for part in self.std
        ):
            raise UsageError(
                f"mean is {self.mean} and std {self.std}; mean must be from {-FARTHEST} to "
                f"{FARTHEST}, and std from {1 / FARTHEST:g} to {FARTHEST}."
            )
        # Whatever is scaled is scaled to this: a recipe must not ask for gigabytes.
        asked = [self.resize or 1, *self.size]
        if all(1 <= side <= LARGEST_SIDE for side in asked):
            asked += [math.ceil(side / self.crop) for side in self.size]
        if (
            not all(1 <= side <= LARGEST_SIDE for side in asked)
            or self.size[0] * self.size[1] > MOST_PIXELS
        ):
            raise UsageError(
                f"size is {self.size[0]}x{self.size[1]}, resize {self.resize} and crop "
                f"{self.crop}; all sides must be from 1 to {LARGEST_SIDE:,} pixels, and the input "
                f"must have at most {MOST_PIXELS:,} pixels."
            )

    @property
    def contract_version(self) -> int:
        """Oldest version of the contract whose readers follow this recipe."""
        newer = (
            self.padding is not None,
            self.multiple is not None,
            self.resize is None and self.crop != 1,
            self.channel_order != "rgb",  # filters would be shown in other colours
        )
        return 2 if any(newer) else 1

    @property
    def scaled(self) -> tuple[int, int]:
        """Height and width that ``crop`` is a share of, where the picture is squashed or padded.

        Examples
        --------
        >>> Preprocessing(resize=None, size=(224, 320), crop=0.875, interpolation="bicubic",
        ...               mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).scaled
        (256, 365)
        """
        # The small addend keeps 224 / 0.875 at 256, whatever the floating point makes of it.
        height, width = (int(side / self.crop + 1e-6) for side in self.size)
        return height, width

    def fitted(self, fit: Fit) -> Self:
        """Return the same recipe with the whole picture, or as much of its centre as fits.

        Parameters
        ----------
        fit : "cut", "pad" or "squash"
            The largest centre that has the input's shape; all of it, padded in the mean colour;
            or all of it, squashed.
        """
        whole = replace(self, resize=None, crop=1.0, padding=None, multiple=None)
        match fit:
            case "cut":
                return replace(whole, resize=min(self.size))
            case "pad":
                return replace(whole, padding=Padding(colour=self.mean_colour))
            case "squash":
                return whole
        raise UsageError(f"fit {fit!r} is unknown; use cut, pad or squash.")

    def for_picture(self, picture: tuple[int, int]) -> Self:
        """Return the recipe at the input size of a picture, if each picture has its own.

        Parameters
        ----------
        picture : (height, width)
            Size of the picture, in pixels.

        References
        ----------
        Ranftl et al. 2021, arXiv:2103.13413: DPT's own code, and transformers'.

        Examples
        --------
        >>> recipe = Preprocessing(resize=None, size=(518, 518), crop=1.0, interpolation="bicubic",
        ...                        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), multiple=14)
        >>> recipe.for_picture((480, 640)).size
        (518, 686)
        """
        if self.multiple is None:
            return self
        # As little as possible: the side whose scale is nearer to 1 says how much.
        scale = min(
            (of / side for of, side in zip(self.size, picture, strict=True)),
            key=lambda scale: abs(1 - scale),  # of two that are as near, the height's
        )
        height, width = (
            max(1, round(scale * side / self.multiple)) * self.multiple for side in picture
        )
        return replace(self, size=(height, width), multiple=None)

    def to_fields(self) -> dict[str, Any]:
        """Return the recipe as plain values, without those equal to the default."""
        usual = {entry.name: entry.default for entry in fields(self)}
        return {key: value for key, value in asdict(self).items() if usual[key] != value}

    @property
    def mean_colour(self) -> tuple[int, int, int]:
        """The colour that is zero to the network, from 0 to 255."""
        return colour_of(self.mean)

    def at(self, size: tuple[int, int]) -> Self:
        """Return the same recipe for another input size: same crop ratio, scaled to cover.

        Examples
        --------
        >>> recipe = Preprocessing(resize=248, size=(224, 224), crop=0.9, interpolation="bicubic",
        ...                        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> recipe.at((384, 480)).resize
        426
        """
        if size == self.size:
            return self
        # The small addend keeps 0.875 of 224 at 256, whatever the floating point makes of it.
        resize = None if self.resize is None else int(min(size) / self.crop + 1e-6)
        return replace(self, size=size, resize=resize)
