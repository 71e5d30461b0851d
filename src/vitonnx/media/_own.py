"""Recognise pictures drawn by vitonnx."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SOFTWARE", "is_own_figure"]

SOFTWARE = "vitonnx"

# A PNG's text chunks stand behind its header, which is 33 bytes long.
MARK = b"tEXtSoftware\0" + SOFTWARE.encode()
BEGINNING = 128


def is_own_figure(path: Path) -> bool:
    """Look whether a PNG says that vitonnx drew it, as `vitonnx.plots.save_figure` has it say."""
    if path.suffix.lower() != ".png":
        return False
    try:
        with path.open("rb") as file:
            return MARK in file.read(BEGINNING)
    except OSError:
        return False  # Whoever opens it as a picture says what is wrong with it.
