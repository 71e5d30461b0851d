"""List skipped pictures at the end, where they can't be overlooked."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from vitonnx.cli._console import complain

__all__ = ["list_skipped"]


def list_skipped(reasons: Sequence[object], pictures: int) -> None:
    """List why pictures were skipped.

    Parameters
    ----------
    reasons : sequence
        One reason per skipped picture.
    pictures : int
        Number of all pictures, skipped ones included.

    Raises
    ------
    typer.Exit
        With code 1 if there are any.
    """
    if not reasons:
        return
    for reason in reasons:
        complain(reason)
    if pictures > 1:
        others = "; the others are done" if len(reasons) < pictures else ""
        complain(f"{len(reasons)} of {pictures} pictures skipped{others}.")
    raise typer.Exit(1)
