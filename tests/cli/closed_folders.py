"""Folders as those see them who may not write there; root may everything, and becomes nobody."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["closed"]

NOBODY = 65534


@contextmanager
def closed(folder: Path) -> Iterator[Path]:
    """Copy a folder to where nobody may write in it, for as long as the block runs.

    Beside it there is room for another folder, which everybody may write in.
    """
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o777)
        copy = shutil.copytree(folder, Path(home, "closed"))
        for file in copy.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o444)
        copy.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            yield copy
        finally:
            if is_root:
                os.seteuid(0)
            copy.chmod(0o755)
