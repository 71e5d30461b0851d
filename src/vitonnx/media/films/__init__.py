"""Films in and out. PyAV is imported here and nowhere else, as it takes a fifth of a second."""

from vitonnx.media.films._facts import FilmFacts, read_facts
from vitonnx.media.films._film import Film, FilmFrame, Span
from vitonnx.media.films._open import open_film
from vitonnx.media.films._writer import FilmWriter

__all__ = ["Film", "FilmFacts", "FilmFrame", "FilmWriter", "Span", "open_film", "read_facts"]
