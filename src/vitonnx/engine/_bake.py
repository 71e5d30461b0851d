"""A planned graph as a file of its own: probes in it, for any runtime in any language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitonnx.contract import LOGITS
from vitonnx.engine._device import choose_device
from vitonnx.engine._engine import Engine
from vitonnx.engine._fidelity import Fidelity
from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine._precision import check_precision
from vitonnx.engine._save import save_whole
from vitonnx.engine._session import load_promises, open_session
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.manifest import BAKED_KEY, Manifest
from vitonnx.media import atomic_with_companions
from vitonnx.modelfile import open_graph
from vitonnx.probes import GraphProbe, Probe

__all__ = ["bake"]

# Single precision against NumPy on the host: rounding in another order, and no more.
TOLERANCE = 1e-5


def bake(
    file: str | Path,
    path: str | Path,
    probes: Sequence[Probe[Any]],
    *,
    size: tuple[int, int] | None = None,
    precision: str = "fp32",
    fused: bool = False,
    logits: bool = False,
    fidelity: Fidelity | None = None,
) -> Plan:
    """Write a file whose outputs are what probes find: ``heads``, ``rollout``, ``distance``.

    The input is that of the probe-ready file, ``images``, uint8 (batch, height, width, 3); a probe
    that asks for a pixel has a second one, ``queries``, int64 (batch,), each picture's query token.

    Parameters
    ----------
    file : path
        A probe-ready file.
    path : path
        The file to write.
    probes : sequence of Probe
        `Heads`, `Rollout` or `Distance`, or one's own with a `condense`.
    size : (height, width), optional
        Of the input, in pixels, if another than the file's.
    precision : "fp32", "fp16", "bf16" or "int8"
        Of the network's products; a file that is in fewer bits already stays as it is.
    fused : bool
        Whether onnxruntime's own operators may be used; else there are standard ones only.
    logits : bool
        Whether the classes' scores are an output too.
    fidelity : Fidelity, optional
        What the precision costs, to be written into the file.

    Returns
    -------
    Plan
        What was baked.

    Raises
    ------
    ModelFileError
        If the file isn't probe-ready.
    UsageError
        If there is nothing to bake, or the model doesn't have what a probe asks for.
    VitonnxError
        If the baked graph does not give what NumPy gives; nothing is written then.
    """
    source = Path(file)
    manifest, has = load_promises(source)
    compiled = tuple(probe for probe in probes if isinstance(probe, GraphProbe))
    if not compiled or len(compiled) < len(probes):
        raise UsageError("There is nothing to bake: give probes that have a `condense`.")
    if logits and LOGITS not in has.outputs:
        raise UsageError(f"{source} has no logits to bake: its checkpoint had no head.")
    layout = manifest if size is None else manifest.at(size)
    for probe in compiled:
        probe.reads(layout)
    kept = (LOGITS,) if logits else ()
    wanted = check_precision(precision)
    if manifest.precision != "fp32":
        if wanted not in ("fp32", manifest.precision):
            raise UsageError(
                f"{source} is in {manifest.precision}, and can't be baked in {wanted}."
            )
        wanted = "fp32"
    plan = Plan(compiled, kept, size, fused=fused, precision=wanted)
    model = plan_graph(open_graph(source), plan)
    model.metadata_props[BAKED_KEY] = json.dumps(_says(plan, manifest, fidelity))
    with atomic_with_companions(path) as passing:
        save_whole(model, passing)
        if wanted == manifest.precision == "fp32":
            _verify(source, passing, plan)
    return plan


def _says(plan: Plan, manifest: Manifest, fidelity: Fidelity | None) -> Mapping[str, Any]:
    reduced = plan.precision != "fp32"
    return {
        "probes": {probe.name: _options(probe) for probe in plan.probes},
        "precision": plan.precision if reduced else manifest.precision,
        "fidelity": manifest.fidelity if fidelity is None else fidelity.numbers(),
    }


def _options(probe: object) -> dict[str, Any]:
    return asdict(probe) if is_dataclass(probe) and not isinstance(probe, type) else {}


def _verify(source: Path, baked: Path, plan: Plan) -> None:
    """Run noise through both, and compare with the probes on the host."""
    cpu = choose_device("cpu")
    raw = Engine(source, device="cpu", size=plan.size, in_graph=False)
    noise = np.random.default_rng(0).integers(
        0, 256, (2, *raw.manifest.size, 3), dtype=np.uint8, endpoint=False
    )
    layout = raw.layout
    queries = np.array([layout.tokens - 1, layout.tokens // 2], np.int64)
    # First the file itself: what it can't do is no fault of what was made of it.
    reads = sorted({name for probe in plan.probes for name in probe.reads(layout)})
    outputs = raw.run_pixels(noise, reads)
    found = open_session(baked, device=cpu, threads=None).run(
        noise, plan.names, queries if plan.located else None
    )
    for probe in plan.probes:
        token = queries if probe.located else probe.token(layout, (0, 0, 1, 1))
        read = {name: outputs[name] for name in probe.reads(layout)}
        expected = np.asarray(probe.condense(read, layout, token))
        error = np.abs(found[probe.name] - expected).max() / np.abs(expected).max()
        if not error <= TOLERANCE:
            raise VitonnxError(
                f"{probe.name} in the baked graph is off by {error:.1e} of its largest value, more "
                f"than {TOLERANCE:.0e}: nothing was written. Please report the model."
            )
