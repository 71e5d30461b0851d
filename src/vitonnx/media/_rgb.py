"""Any picture that Pillow decodes, as red, green and blue in 8 bits."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vitonnx.errors import PictureError

__all__ = ["to_rgb"]

SIXTEEN_BITS = 65_535


def to_rgb(picture: Image.Image, *, name: str) -> Image.Image:
    """Convert a picture to RGB.

    What is transparent lies over white, and 16 bits are scaled to 8. Embedded colour profiles are
    not applied: the published models were trained without.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of any mode; it is left as it is.
    name : str
        What messages call it.

    Returns
    -------
    PIL.Image.Image, mode RGB
        The same, where it is in RGB already.

    Raises
    ------
    PictureError
        If nobody can know which of its numbers is white: floats, and integers beyond 16 bits.
    """
    match picture.mode:
        case "F":
            raise PictureError(
                f"{name} holds floats, and which of them is white can't be known: "
                "convert it to 8 or 16 bits."
            )
        case "I" | "I;16" | "I;16L" | "I;16B" | "I;16N":
            return _from_16_bits(picture, name).convert("RGB")
        case "La":
            # Pillow knows no straight way from premultiplied grey.
            picture = picture.convert("LA")
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _from_16_bits(picture: Image.Image, name: str) -> Image.Image:
    """Scale 0 to 65535 to 0 to 255, to the nearest."""
    values = np.asarray(picture).astype(np.int32)
    if values.min() < 0 or values.max() > SIXTEEN_BITS:
        raise PictureError(
            f"{name} holds numbers from {values.min()} to {values.max()}, beyond 16 bits, and "
            "which of them is white can't be known: convert it to 8 or 16 bits."
        )
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
