"""Memory that decoding a picture to RGB takes, computed from its header."""

from __future__ import annotations

from typing import Final

from PIL import Image

from vitonnx.media._decoders import bytes_held

__all__ = ["JPEGS", "bytes_needed"]

# Pillow stores a picture of these modes in so many bytes a pixel, any other in four.
STORED: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
RGB: Final = 4
"""Bytes a pixel of a second picture: the RGB that is made of one in another mode, or one turned."""

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
        Picture as opened.
    share : int
        Divisor of a JPEG's sides in decoding.

    Returns
    -------
    int or None
        Bytes; None where the header doesn't tell.
    """
    if picture.format in NESTING:
        return None
    stored = STORED.get(picture.mode, 4)
    pixels = picture.width * picture.height
    decoding = stored * pixels // share**2 + bytes_held(picture)
    if picture.format in JPEGS and _has_several_scans(picture):
        decoding += COEFFICIENT * len(picture.getbands()) * pixels
    return max(decoding, (stored + RGB) * pixels // share**2)


def _has_several_scans(picture: Image.Image) -> bool:
    """Tell whether a JPEG is progressive, or stores its channels one after the other."""
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
