"""Weight probes: a question to the file itself, with no picture and no runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from vitonnx.errors import UsageError
from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.probes import Layout, Probe, WeightProbe

__all__ = ["probe_weights"]

Found = TypeVar("Found")

PATCH_KERNEL = "patch_embed/kernel"


def probe_weights(path: str | Path, probe: WeightProbe[Found]) -> Found:
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
    if isinstance(probe, Probe):
        raise UsageError(
            f"{probe.name} reads pictures, not weights: use "
            "vitonnx.Engine(file).probe(pictures, probe)."
        )
    file = Path(path)
    manifest = load_manifest(file)
    layout = Layout.of(manifest)
    weights = load_weights(file, probe.reads(layout))
    if manifest.preprocessing.channel_order == "bgr" and PATCH_KERNEL in weights:
        # Filters are shown in the colours of pictures.
        weights = {**weights, PATCH_KERNEL: weights[PATCH_KERNEL][:, ::-1]}
    return probe.compute(weights, layout)
