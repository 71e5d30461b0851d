"""Weight probes of a model, by its name as well as by its file."""

from __future__ import annotations

import os
from typing import TypeVar

from vitonnx import weights
from vitonnx.names import resolve
from vitonnx.probes import Found, WeightProbe

__all__ = ["probe_weights"]

Result = TypeVar("Result", bound=Found)


def probe_weights(model: str | os.PathLike[str], probe: WeightProbe[Result]) -> Result:
    """Ask a model about its weights, with no picture and no inference.

    Parameters
    ----------
    model : str or path
        A file or a name, as `vitonnx.Engine` takes it.
    probe : WeightProbe
        `Filters` or `Positions`.

    Returns
    -------
    FiltersResult or PositionsResult
        Its arrays are NumPy's.

    Raises
    ------
    UnknownModelError
        If the model is neither a file nor a name.
    ModelFileError
        If the file can't be read, isn't probe-ready, or lacks a weight.
    UsageError
        If the probe asks for pictures, or the model doesn't have what it asks for.

    Examples
    --------
    >>> from vitonnx.probes import Positions
    >>> probe_weights("scenes_vit", Positions(metric="cosine")).similarity.shape
    (36, 36)
    """
    return weights.probe_weights(resolve(model), probe)
