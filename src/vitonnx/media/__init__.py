"""Pictures, films and files in and out."""

from vitonnx.media._arrays import save_arrays, stack_models
from vitonnx.media._atomic import atomic_path, atomic_with_companions, atomic_with_partial
from vitonnx.media._film import Film, FilmFrame, Span
from vitonnx.media._film_reader import open_film
from vitonnx.media._film_writer import FilmWriter
from vitonnx.media._find import find_picture_names, find_pictures
from vitonnx.media._lists import read_lists
from vitonnx.media._picture import PictureSource, open_picture

__all__ = [
    "Film",
    "FilmFrame",
    "FilmWriter",
    "PictureSource",
    "Span",
    "atomic_path",
    "atomic_with_companions",
    "atomic_with_partial",
    "find_picture_names",
    "find_pictures",
    "open_film",
    "open_picture",
    "read_lists",
    "save_arrays",
    "stack_models",
]
