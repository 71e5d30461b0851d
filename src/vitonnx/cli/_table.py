"""Tables for a terminal."""

from __future__ import annotations

import rich.table
from rich.text import Text

from vitonnx.filenames import shown

__all__ = ["Table"]


class Table(rich.table.Table):
    """Rich's table, whose cells are others' text: in one line each, and no markup."""

    def row(self, *cells: str) -> None:
        """Add a row."""
        self.add_row(*(Text(shown(cell)) for cell in cells))
