"""Films of where models look: the join of engine, media and plots.

It is a package of its own because each of these three does without the others: the engine draws
nothing, media know no models, and plots run none. Here frames go from a film through the engine to
maps, and from maps through plots to a film.
"""

from vitonnx.film._engine import fit_note, open_engine
from vitonnx.film._options import FilmHead, FilmOptions, ScaleKind
from vitonnx.film._probe_film import FilmReport, probe_film

__all__ = [
    "FilmHead",
    "FilmOptions",
    "FilmReport",
    "ScaleKind",
    "fit_note",
    "open_engine",
    "probe_film",
]
