"""Placement of the input on a picture, by a recipe: crop and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vitonnx.manifest import Preprocessing
from vitonnx.probes import Crop, Layout, Probe, answering

__all__ = ["Place", "place"]


@dataclass(frozen=True)
class Place:
    """The input's place on a picture.

    Parameters
    ----------
    picture, size : (height, width)
        Sizes of the picture and of the input, in pixels.
    covered : (height, width)
        Size of the part of the input that is cut into patches, from its top left corner.
    scaled : (height, width)
        Size that the whole picture is scaled to.
    top, left : int
        The input's corner on the scaled picture; negative where it is padded.
    canvas : (height, width)
        Size of the padded picture if it is padded before scaling, else of the picture.
    corner : (top, left)
        Position of the picture on that canvas.
    """

    picture: tuple[int, int]
    size: tuple[int, int]
    covered: tuple[int, int]
    scaled: tuple[int, int]
    top: int
    left: int
    canvas: tuple[int, int]
    corner: tuple[int, int] = (0, 0)

    @property
    def crop(self) -> Crop:
        """Left, top, right and bottom of what the patches cover, in pixels of the picture.

        It reaches beyond the picture where the input is padded.
        """
        rows, columns = self.covered
        if self.canvas != self.picture:
            (top, left), (height, width) = self.corner, self.canvas
            right, bottom = columns * width / self.size[1], rows * height / self.size[0]
            return float(-left), float(-top), right - left, bottom - top
        down, across = (
            whole / scaled for whole, scaled in zip(self.picture, self.scaled, strict=True)
        )
        right, bottom = self.left + columns, self.top + rows
        return self.left * across, self.top * down, right * across, bottom * down

    @property
    def seen(self) -> Crop:
        """Part of the picture that the patches show, in its pixels: the crop without padding."""
        left, top, right, bottom = self.crop
        height, width = self.picture
        return max(0.0, left), max(0.0, top), min(right, float(width)), min(bottom, float(height))

    @property
    def inside(self) -> Crop:
        """Left, top, right and bottom of the picture, in shares of what the patches cover."""
        left, top, right, bottom = self.crop
        height, width = self.picture
        return (
            min(1.0, max(0.0, -left / (right - left))),
            min(1.0, max(0.0, -top / (bottom - top))),
            min(1.0, (width - left) / (right - left)),
            min(1.0, (height - top) / (bottom - top)),
        )

    def token(self, probe: Probe[Any], layout: Layout) -> int | None:
        """Find a probe's query token: see `Probe.token`.

        Raises
        ------
        PictureError
            If it is a pixel that no patch shows, be it one of the padding.
        """
        with answering(probe):
            probe.token(layout, self.seen)
            return probe.token(layout, self.crop)


def place(
    picture: tuple[int, int], recipe: Preprocessing, covered: tuple[int, int] | None = None
) -> Place:
    """Find the input's place on a picture.

    Parameters
    ----------
    picture : (height, width)
        Size in pixels.
    recipe : Preprocessing
        Recipe whose input size doesn't depend on the picture.
    covered : (height, width), optional
        Size of the part of the input that is cut into patches; by default, all of it.

    Examples
    --------
    >>> recipe = Preprocessing(resize=None, size=(96, 96), crop=1.0, interpolation="bicubic",
    ...                        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).fitted("pad")
    >>> found = place((240, 320), recipe)
    >>> found.scaled, found.crop, found.inside
    ((72, 96), (0.0, -40.0, 320.0, 280.0), (0.0, 0.125, 1.0, 0.875))
    """
    covered = covered or recipe.size
    padding = recipe.padding
    at_end = padding is not None and padding.place == "end"
    if padding is not None and padding.before:
        canvas = _canvas(picture, recipe.size)
        top, left = (
            0 if at_end else (whole - side) // 2
            for whole, side in zip(canvas, picture, strict=True)
        )
        # As if the picture alone were scaled: for those that are too long to be padded first.
        sides = zip(picture, recipe.size, canvas, strict=True)
        height, width = (max(1, round(side * of / whole)) for side, of, whole in sides)
        down, across = recipe.size[0] / canvas[0], recipe.size[1] / canvas[1]
        return Place(
            picture,
            recipe.size,
            covered,
            (height, width),
            -round(top * down),
            -round(left * across),
            canvas,
            (top, left),
        )
    scaled = _scaled(*picture, recipe)
    top, left = (
        0 if at_end else _margin(whole, side, recipe)
        for whole, side in zip(scaled, recipe.size, strict=True)
    )
    return Place(picture, recipe.size, covered, scaled, top, left, picture)


def _canvas(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the smallest canvas of an input's shape that holds a picture."""
    (height, width), (rows, columns) = picture, size
    if height * columns >= width * rows:
        return height, max(width, round(height * columns / rows))
    return max(height, round(width * rows / columns)), width


def _scaled(height: int, width: int, recipe: Preprocessing) -> tuple[int, int]:
    """Height and width of the whole picture when it is scaled, before anything is cut or padded.

    One pixel more or less moves every edge in the picture, so this rounds exactly as timm does,
    which leaves squares to torchvision.
    """
    if recipe.resize is None:
        return recipe.scaled if recipe.padding is None else _fitting(height, width, recipe)
    if recipe.size[0] == recipe.size[1]:
        shorter = min(height, width)
        return height * recipe.resize // shorter, width * recipe.resize // shorter
    cover_height, cover_width = (
        recipe.resize if side == min(recipe.size) else scaled
        for side, scaled in zip(recipe.size, recipe.scaled, strict=True)
    )
    scale = min(height / cover_height, width / cover_width)
    return round(height / scale), round(width / scale)


def _fitting(height: int, width: int, recipe: Preprocessing) -> tuple[int, int]:
    """Height and width of the whole picture when it just fits into the input and its margin."""
    room = recipe.scaled
    scale = min(room[0] / height, room[1] / width)
    # Where half margins go down a half side goes up, as in transformers' SAM; timm's is even.
    half = round if recipe.rounding == "even" else lambda side: int(side + 0.5)
    sides = (half(side * scale) for side in (height, width))
    # A sliver keeps a pixel.
    down, across = (max(1, min(side, most)) for side, most in zip(sides, room, strict=True))
    return down, across


def _margin(scaled: int, cropped: int, recipe: Preprocessing) -> int:
    """Count the pixels before a centre crop, or, below zero, those of the padding."""
    margin = scaled - cropped
    if margin < 0 or recipe.rounding == "down":
        return int(margin / 2)
    return round(margin / 2)
