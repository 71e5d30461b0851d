"""Figures to files."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from vitonnx.errors import UsageError
from vitonnx.media import SOFTWARE, atomic_path

__all__ = ["save_figure"]

# What would make two files of one figure differ, left out, and who drew a PNG, which a search for
# pictures passes over; and how finely pixels are drawn, in dots an inch: a page of vectors is
# looked at from nearer.
METADATA: dict[str, dict[str, str | None]] = {
    ".png": {"Software": SOFTWARE},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}
DPI = {".png": 150, ".pdf": 300, ".svg": 300}


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file, the same bytes whenever it is the same figure.

    A PNG says inside that vitonnx drew it: `vitonnx.media.find_pictures` passes it over.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        As the functions of this package give it.
    path : str or Path
        Its suffix says the form: ``.png``, ``.pdf`` or ``.svg``.

    Raises
    ------
    UsageError
        If the suffix is another, or the folder is missing.
    VitonnxError
        If the file can't be written.

    Examples
    --------
    >>> save_figure(Figure(), "heads.tiff")
    Traceback (most recent call last):
        ...
    vitonnx.errors.UsageError: heads.tiff can't be written as a picture: its suffix must be .png, \
.pdf or .svg.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in METADATA:
        raise UsageError(
            f"{path} can't be written as a picture: its suffix must be .png, .pdf or .svg."
        )
    # The salt makes the names inside an SVG the same each time; without it they are random.
    page = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "vitonnx"}):
        figure.savefig(page, format=suffix[1:], dpi=DPI[suffix], metadata=METADATA[suffix])
    # Matplotlib's writers fail a second time where the disk is full; this fails once.
    with atomic_path(path) as passing:
        passing.write_bytes(page.getvalue())
