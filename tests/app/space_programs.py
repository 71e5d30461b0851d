"""What the program in a Space's folder says, without serving anything."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

__all__ = ["program"]


def program(folder: Path) -> dict[str, Any]:
    """All that ``app.py`` says before it serves."""
    path = folder / "app.py"
    tree = ast.parse(path.read_text())
    assert isinstance(tree.body.pop(), ast.Try)
    said: dict[str, Any] = {"__file__": str(path)}
    exec(compile(tree, path, "exec"), said)
    return said
