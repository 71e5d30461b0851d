"""What probes find in pictures, as columns: one row a picture, bad ones included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Result
from vitonnx.errors import UsageError

__all__ = ["ERROR", "columns_of", "form_of"]

ERROR = "error"
KINDS = "biufc"


def form_of(result: Result) -> dict[str, NDArray[Any]]:
    """Give the columns' row where there is no result, from any result of the same probes.

    Returns
    -------
    dict of str to array
        By ``<probe>.<array>``: NaN, or 0 and False where there is no NaN.

    Raises
    ------
    UsageError
        If a probe finds nothing that a column can hold.
    """
    form = {}
    for name, array in _arrays(result).items():
        if array.dtype.kind not in KINDS:
            raise UsageError(f"{name} is of {array.dtype}, which no column of arrays can hold.")
        form[name] = np.full_like(array, np.nan if array.dtype.kind in "fc" else 0)
    for probe in result:
        if not any(name.startswith(f"{probe}.") for name in form):
            raise UsageError(f"{probe} finds no arrays, and so there is nothing to add of it.")
    return form


def columns_of(
    results: Iterable[Result], form: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], list[str | None]]:
    """Stack what was found.

    Parameters
    ----------
    results : iterable of Result
        One a picture.
    form : mapping of str to array
        See `form_of`.

    Returns
    -------
    columns : dict of str to array (pictures, ...)
        That of `form` for a picture with an error.
    errors : list of str or None
        Why there is no result.
    """
    rows: dict[str, list[NDArray[Any]]] = {name: [] for name in form}
    errors: list[str | None] = []
    for result in results:
        errors.append(None if result.error is None else str(result.error))
        found = form if result.error is not None else _arrays(result)
        for name, stacked in rows.items():
            if found[name].shape != form[name].shape:
                raise UsageError(
                    f"{name} has the shape {found[name].shape} for {result.file}, and "
                    f"{form[name].shape} for others: a column needs one for all pictures."
                )
            stacked.append(found[name])
    return {name: np.stack(stacked) for name, stacked in rows.items()}, errors


def _arrays(result: Result) -> dict[str, NDArray[Any]]:
    probes: Sequence[str] = tuple(result)
    return {
        f"{probe}.{name}": np.asarray(array)
        for probe in probes
        for name, array in result[probe].arrays().items()
    }
