"""Any picture that Pillow decodes, as red, green and blue in 8 bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from vitonnx.errors import PictureError

__all__ = ["to_rgb"]

SIXTEEN_BITS = 65_535
TILE = 2**18  # pixels that are converted at a time: some megabytes beside the picture


def to_rgb(picture: Image.Image, *, name: str) -> Image.Image:
    """Convert a picture of any mode to RGB; one that is in RGB already is returned as it is.

    Transparent pictures are blended over white, and 16 bits are scaled to 8; this takes next to no
    memory beyond the picture and its RGB, in any mode. Embedded colour profiles are not applied:
    the published models were trained without them. Raise a PictureError for floats, and for
    integers beyond 16 bits, as it is unknown which value is white.
    """
    match picture.mode:
        case "F":
            raise PictureError(
                f"{name} holds floats, and it is unknown which value is white: convert it to 8 or "
                "16 bits."
            )
        case "I":
            _refuse_beyond_16_bits(picture, name)
        case "RGB" if not picture.has_transparency_data:
            return picture
    whole = Image.new("RGB", picture.size)
    for box in _tiles(picture.size):
        tile = picture if box == (0, 0, *picture.size) else picture.crop(box)
        whole.paste(_tile_to_rgb(tile), box)
    return whole


def _tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Cut a picture into boxes, of which each takes little memory on its way through the modes."""
    width, height = size
    across = min(width, TILE)
    down = max(1, TILE // across)
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def _tile_to_rgb(tile: Image.Image) -> Image.Image:
    if tile.mode.startswith("I"):
        # 0 to 65535 become 0 to 255, each the nearest.
        values = np.asarray(tile).astype(np.int32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")
    if tile.mode == "La":
        # Pillow knows no straight way from premultiplied grey.
        tile = tile.convert("LA")
    if tile.has_transparency_data:
        white = Image.new("RGBA", tile.size, "white")
        tile = Image.alpha_composite(white, tile.convert("RGBA"))
    return tile.convert("RGB")


def _refuse_beyond_16_bits(picture: Image.Image, name: str) -> None:
    lowest, highest = (int(value) for value in np.ravel(picture.getextrema()))
    if lowest < 0 or highest > SIXTEEN_BITS:
        raise PictureError(
            f"{name} holds numbers from {lowest} to {highest}, beyond 16 bits, and it is unknown "
            "which value is white: convert it to 8 or 16 bits."
        )
