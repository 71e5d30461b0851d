"""Pictures as content that is there, or as the reason why there is none."""

from __future__ import annotations

from functools import partial

from vitonnx.errors import PictureError
from vitonnx.media import Encoded

__all__ = ["kept", "refused"]


def kept(name: str, content: bytes) -> Encoded:
    """Give a picture whose file is in memory."""
    return Encoded(name, partial(_give, content))


def refused(name: str, reason: str) -> Encoded:
    """Give a picture that raises a `PictureError` once it is read, as a damaged one does."""
    return Encoded(name, partial(_refuse, reason))


def _give(content: bytes) -> bytes:
    return content


def _refuse(reason: str) -> bytes:
    raise PictureError(reason)
