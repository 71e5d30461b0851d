"""Weight probes: a question to the file itself, with no picture and no runtime."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TypeVar

from vitonnx.contract import PATCH_KERNEL
from vitonnx.errors import UsageError
from vitonnx.filenames import as_path
from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.probes import Found, Probe, WeightProbe, answering, no_probe

__all__ = ["probe_weights"]

Result = TypeVar("Result", bound=Found)


def probe_weights(path: str | os.PathLike[str], probe: WeightProbe[Result]) -> Result:
    """Ask a probe-ready file about its weights.

    Only the weights that the probe names are read, so that the size of the file doesn't matter.

    Parameters
    ----------
    path : path
        The ONNX file.
    probe : WeightProbe
        `Filters` or `Positions`.

    Returns
    -------
    FiltersResult or PositionsResult
        Result with NumPy arrays.

    Raises
    ------
    ModelFileError
        If the file can't be read, isn't probe-ready, or lacks a weight.
    UsageError
        If the probe asks for pictures, or the model doesn't have what it asks for.

    Examples
    --------
    ::

        result = vx.probe_weights("dino.onnx", vx.Positions(metric="cosine"))
        result.similarity  # float32 (patches, patches)
    """
    _refuse_other(probe)
    file = as_path(path)
    manifest = load_manifest(file)
    with answering(probe):
        reads = probe.reads(manifest)
    weights = load_weights(file, reads)
    if manifest.preprocessing.channel_order == "bgr" and PATCH_KERNEL in weights:
        # Filters are shown in the colours of pictures.
        weights = {**weights, PATCH_KERNEL: weights[PATCH_KERNEL][:, ::-1]}
    with answering(probe):
        found = probe.compute(weights, manifest)
        return replace(found, model=manifest.name, untrained=manifest.untrained)


def _refuse_other(probe: object) -> None:
    """Raise a UsageError unless this is one probe of weights."""
    if isinstance(probe, WeightProbe):
        return
    if isinstance(probe, Probe):
        raise UsageError(
            f"{probe.name} reads pictures, not weights: use "
            "vitonnx.Engine(file).probe(pictures, probe)."
        )
    if isinstance(probe, list | tuple):
        raise UsageError("Weights are asked one probe at a time: call it once for each of them.")
    raise no_probe(probe, "vitonnx.Filters()")
