"""Pictures and files in and out."""

from vitonnx.media._atomic import atomic_path, atomic_with_companions
from vitonnx.media._find import find_pictures
from vitonnx.media._picture import PictureSource, open_picture

__all__ = [
    "PictureSource",
    "atomic_path",
    "atomic_with_companions",
    "find_pictures",
    "open_picture",
]
