"""How much memory a picture takes from its file to its RGB, known from its header."""

from __future__ import annotations

from typing import Final

from PIL import Image

__all__ = ["JPEGS", "bytes_needed"]

# Pillow stores a picture of these modes in so many bytes a pixel, any other in four.
STORED: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
RGB: Final = 4
"""Bytes a pixel of a second picture: the RGB that is made of one in another mode, or one turned."""

# What decoders hold beside the picture, at most, in bytes a pixel. Measured with Pillow 12.3.
DECODERS: Final = {
    "WEBP": 12,  # libwebp's two canvases, and Pillow's copy
    "AVIF": 16,  # planes of up to 16 bits, and two copies as RGBA
    "HEIF": 16,
    "JPEG2000": 20,  # OpenJPEG's 32 bits of each of up to five channels
    "QOI": 8,  # Pillow's own decoders, which collect bytes
    "PPM": 8,
    "BMP": 8,
    "DIB": 8,
    "SGI": 8,
    "TIFF": 8,  # where one strip holds all of it
    "DDS": 8,
}
COEFFICIENT: Final = 2
"""Bytes a channel of a pixel: a JPEG that comes in several scans is kept so, up to its end."""
JPEGS: Final = {"JPEG", "MPO"}
# They may hold a PNG or a JPEG 2000 of any size, whatever their own header says.
NESTING: Final = {"ICO", "ICNS"}


def bytes_needed(picture: Image.Image, share: int = 1) -> int | None:
    """Estimate what a picture takes at its peak, decoded, turned upright and in RGB.

    Parameters
    ----------
    picture : PIL.Image.Image
        As it was opened.
    share : int
        That a JPEG's sides are divided by as it is decoded.

    Returns
    -------
    int or None
        Bytes; None where the header doesn't tell.
    """
    if picture.format in NESTING:
        return None
    stored = STORED.get(picture.mode, 4)
    decoding = stored + DECODERS.get(picture.format or "", 0)
    if picture.format in JPEGS and _has_several_scans(picture):
        decoding += COEFFICIENT * len(picture.getbands()) * share**2
    return picture.width * picture.height * max(decoding, stored + RGB) // share**2


def _has_several_scans(picture: Image.Image) -> bool:
    """Tell whether a JPEG is progressive, or has its channels one after the other."""
    channels = len(picture.getbands())
    if "progressive" in picture.info:
        return True
    file = getattr(picture, "fp", None)
    if file is None or file.closed:
        return True  # it may
    # Pillow stands behind the header of the first scan, which names the scan's channels.
    behind = file.tell()
    length = 6 + 2 * channels
    file.seek(max(0, behind - length))
    header = file.read(3)
    file.seek(behind)
    return bool(header != bytes([0, length, channels]))
