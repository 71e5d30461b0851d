"""Decode JPEGs that would need more memory than allowed at reduced size."""

from __future__ import annotations

from PIL import Image

from vitonnx.media._budget import DECODING
from vitonnx.media._needs import JPEGS, bytes_needed

__all__ = ["reduce_to_fit"]

SHARES = (2, 4, 8)  # what a JPEG's decoder can divide its sides by


def reduce_to_fit(picture: Image.Image) -> int | None:
    """Have a JPEG decoded at the largest share of its size that fits into `DECODING`.

    Scaling down from the result differs by up to 4 of 255 levels from scaling down the original, as
    the decoder averages the frequencies of a block rather than its pixels.

    Parameters
    ----------
    picture : PIL.Image.Image
        Opened, and not yet decoded.

    Returns
    -------
    int or None
        Bytes that it needs then; None where no share fits, or it isn't a JPEG.
    """
    if picture.format not in JPEGS:
        return None
    for share in SHARES:
        needed = bytes_needed(picture, share)
        if needed is not None and needed <= DECODING.whole:
            width, height = picture.size
            picture.draft(None, (width // share, height // share))
            return needed if picture.width < width else None
    return None
