"""A planned graph as a file of its own: probes in it, for any runtime in any language."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import LOGITS, TARGET, TARGETS
from vitonnx.dataset import as_dataset
from vitonnx.engine._asked import as_pictures, as_probes
from vitonnx.engine._engine import Engine, Picture
from vitonnx.engine._fidelity import Fidelity, hold_fidelity
from vitonnx.engine._fit import can_bake, fit
from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine._precision import Precision, check_precision
from vitonnx.engine._reduce import check_reduction, reduce_file
from vitonnx.engine._session import load_promises, open_session
from vitonnx.engine.devices import choose_device
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.filenames import as_path
from vitonnx.layout import Layout
from vitonnx.manifest import BAKED_KEY, Manifest, Preprocessing
from vitonnx.media import Notice, atomic_with_companions, check_writable, temporary_folder
from vitonnx.modelfile import (
    Tensor,
    load_manifest,
    load_outline,
    open_graph,
    save_graph,
    weight_files,
)
from vitonnx.probes import GraphProbe, Probe, answering, options_of

__all__ = ["Baked", "bake"]

PLAIN = (bool, int, float, str, tuple, type(None))  # what a file can say of an option
# Single precision against NumPy on the host: rounding in another order, and no more.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Baked:
    """A file that probes were compiled into.

    Parameters
    ----------
    file : Path
        The file that was written.
    inputs, outputs : dict of str to (str, tuple)
        By name, each one's type, such as ``float32``, and its shape; None where a side is open, as
        the batch is.
    fidelity : Fidelity or None
        What the precision costs, where fewer bits were asked for.
    """

    file: Path
    inputs: dict[str, tuple[str, tuple[int | None, ...]]]
    outputs: dict[str, tuple[str, tuple[int | None, ...]]]
    fidelity: Fidelity | None = None


def bake(
    engine: Engine,
    probes: Probe[Any] | Sequence[Probe[Any]],
    path: str | Path,
    *,
    precision: str = "fp32",
    calibrate: Picture | Iterable[Picture] | None = None,
    fused: bool = False,
    logits: bool = False,
    pictures: Picture | Iterable[Picture] | None = None,
    force: bool = False,
    notice: Notice = lambda sentence: None,
    progress: Notice = lambda now: None,
) -> Baked:
    """Compile probes into a model's graph, and write it as a file for any runtime.

    The file has an output for each probe, of its name. Its input is that of the model, ``images``,
    uint8 (batch, height, width, 3), at the size of the engine; how pictures become it, the file's
    manifest says as the engine does it. A probe that asks for a pixel has a second input,
    ``queries``, int64 (batch,), each picture's query token.

    Parameters
    ----------
    engine : Engine
        The model, opened at the size, and with the fit, that the file is for.
    probes : probe or sequence of probes
        Such as `Heads`, each a `GraphProbe`. One that asks for a pixel takes the query ``patch``.
    path : path
        The file to write.
    precision : "fp32", "fp16", "bf16" or "int8"
        Of the network's products in the file, whatever the engine computes in; a model that is in
        fewer bits already stays as it is.
    calibrate : picture or sequence of pictures, optional
        In "int8": fix the scales by these, instead of scaling every picture for itself.
    fused : bool
        Whether onnxruntime's own operators may be used; else there are standard ones only.
    logits : bool
        Whether the classes' scores are an output too.
    pictures : picture or sequence of pictures, optional
        On which fewer bits are compared with single precision; drawn scenes by default.
    force : bool
        Whether the file is written even if the precision costs too much.
    notice : callable
        Takes a sentence where too high a cost is accepted.
    progress : callable
        Takes what is being done now.

    Raises
    ------
    DeviceError
        If nothing here computes in the precision.
    ModelFileError
        If the model can't be read.
    PictureError
        If a picture can't be read or used.
    PrecisionError
        If the precision costs too much; nothing is written then.
    UsageError
        If there is nothing to bake, the model doesn't have what a probe asks for, or a probe must
        be fitted first (see `Engine.fitted`) and doesn't say on what.
    VitonnxError
        If the baked graph does not give what NumPy gives; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> import vitonnx as vx
    >>> from vitonnx.demo import demo_models
    >>> engine = vx.Engine(demo_models()["scenes_dino"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bake(engine, vx.Rollout(), f"{folder}/baked.onnx").outputs
    {'rollout': ('float32', (None, 6, 6))}
    """
    if not isinstance(engine, Engine):
        raise UsageError(
            f"bake takes an engine, such as vitonnx.Engine({engine!r}), and then probes."
        )
    engine._refuse_closed()
    path = as_path(path, "file to write")
    source, compiled = engine.file, _compiled(probes)
    compiled = tuple(
        probe if can_bake(engine, probe) else fit(engine, None, probe) for probe in compiled
    )
    for advice in (probe.advice(engine.layout) for probe in compiled):
        if advice is not None:
            notice(advice)
    manifest, has = load_promises(source)
    check_reduction(precision, calibrate)
    measured, shown = (
        None if some is None else as_dataset(as_pictures(some)) for some in (calibrate, pictures)
    )
    read = [file for each in (measured, shown) if each is not None for file in each.files]
    check_writable(path, [source, *weight_files(source), *read])
    if logits and LOGITS not in has.outputs:
        raise UsageError(f"{source} has no logits to bake: its checkpoint had no head.")
    for probe in compiled:
        engine.reads_of(probe)
    size = None if engine.manifest.size == manifest.size else engine.manifest.size
    kept, fidelity = (LOGITS,) if logits else (), None
    with temporary_folder() as folder:
        if measured is not None:
            progress(f"{precision}, calibrated on {measured.counted()} pictures")
            source = folder / "int8.onnx"
            reduce_file(
                engine.file,
                source,
                precision,
                size=size,
                fit=engine.fit,
                calibration=measured,
                max_pixels=engine.max_pixels,
            )
        if precision != "fp32" and manifest.precision == "fp32":
            progress(f"comparing {precision} with fp32")
            exact = engine.sibling(precision="fp32")
            reduced = engine.sibling(source, precision=precision)
            fidelity = hold_fidelity(exact, reduced, shown, force=force, notice=notice)
        progress("writing the file")
        takes = _takes(source, precision)
        from vitonnx.graph import ANY_PROVIDER

        plan = Plan(
            compiled, kept, size, fused=fused, precision=takes, fixed=True, provider=ANY_PROVIDER
        )
        return _write(source, path, plan, engine.manifest.preprocessing, fidelity)


def _compiled(probes: Probe[Any] | Sequence[Probe[Any]]) -> tuple[GraphProbe[Any], ...]:
    """Give probes as a tuple, and refuse in a sentence whatever can't be baked."""
    asked, compiled = as_probes(probes), []
    if not asked:
        raise UsageError("There is nothing to bake: give a probe, such as vitonnx.Rollout().")
    for probe in asked:
        if not isinstance(probe, GraphProbe):
            raise UsageError(
                f"{probe.name} can't be baked: no GraphProbe, it isn't compiled into the graph."
            )
        _refuse_host_work(probe)
        compiled.append(probe)
    return tuple(compiled)


def _refuse_host_work(probe: GraphProbe[Any]) -> None:
    """Refuse options that no graph depends on: a baked file would leave them out in silence."""
    if probe.draws:
        raise UsageError(
            f"{probe.name} can't be baked when it averages several runs: leave its samples out."
        )
    form = probe.graph_form
    for option in options_of(type(probe)):
        asked, baked = getattr(probe, option.name), getattr(form, option.name)
        if asked != baked and not probe.carries(option):
            remedy = "leave it out" if baked == option.default else f"use {baked!r} instead"
            raise UsageError(
                f"{probe.name} can't be baked with {option.name} {asked!r}, which isn't part of "
                f"the graph: {remedy}."
            )


def _takes(source: Path, asked: str) -> Precision:
    """Give the precision that is still to be reached; what the file is in already takes no work."""
    given, wanted = load_manifest(source).precision, check_precision(asked)
    if given == "fp32":
        return wanted
    if wanted not in ("fp32", given):
        raise UsageError(f"can't bake {source} in {wanted}: it is in {given}.")
    return "fp32"


def _write(
    source: Path, path: Path, plan: Plan, recipe: Preprocessing, fidelity: Fidelity | None
) -> Baked:
    from vitonnx.graph import read_manifest, write_manifest

    model = plan_graph(open_graph(source), plan)
    manifest = replace(read_manifest(model), preprocessing=recipe)
    write_manifest(model, manifest)
    model.metadata_props[BAKED_KEY] = json.dumps(_says(plan, manifest, fidelity))
    with atomic_with_companions(path) as passing:
        save_graph(model, passing)
        if plan.precision == manifest.precision == "fp32":
            _verify(source, passing, plan)
    outline = load_outline(path)
    return Baked(path, _described(outline.inputs), _described(outline.outputs), fidelity)


def _described(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    from onnx.helper import tensor_dtype_to_np_dtype

    return {
        name: (str(tensor_dtype_to_np_dtype(each.element)), tuple(each.shape))
        for name, each in tensors.items()
    }


def _says(plan: Plan, manifest: Manifest, fidelity: Fidelity | None) -> Mapping[str, Any]:
    reduced = plan.precision != "fp32"
    return {
        "probes": {
            probe.name: {
                option.name: value
                for option in options_of(type(probe))
                if isinstance(value := getattr(probe, option.name), PLAIN)
            }
            for probe in plan.probes
        },
        "precision": plan.precision if reduced else manifest.precision,
        "fidelity": manifest.fidelity if fidelity is None else fidelity.numbers(),
    }


def _verify(source: Path, baked: Path, plan: Plan) -> None:
    """Run noise through both, and compare with the probes on the host."""
    cpu = choose_device("cpu")
    raw = Engine(source, device="cpu", size=plan.size, in_graph=False)
    noise = np.random.default_rng(0).integers(
        0, 256, (2, *raw.manifest.size, 3), dtype=np.uint8, endpoint=False
    )
    layout: Layout = raw.layout
    queries = np.array([layout.tokens - 1, layout.tokens // 2], np.int64)
    classes = np.array([0, (layout.class_count or 1) - 1], np.int64)
    own: dict[str, NDArray[Any]] = {TARGETS: classes[:, None]}
    for probe in plan.probes:
        own |= probe.constants(layout)
    # First run the file itself: its failures must not be blamed on the baked graph.
    reads = sorted({name for probe in plan.probes for name in probe.reads(layout)})
    outputs, layout = raw.run_informed(noise, reads, own)
    found = open_session(baked, device=cpu, threads=None).run(
        noise, plan.names, queries if plan.located else None, {TARGET: classes}
    )
    for probe in plan.probes:
        token = queries if probe.located else probe.token(layout, (0, 0, 1, 1))
        read: dict[str, NDArray[Any]] = {name: outputs[name] for name in probe.reads(layout)}
        read |= probe.constants(layout)
        with answering(probe):
            expected = np.asarray(probe.condense(read, layout, token))
        error = probe.difference(found[probe.name], expected)
        if not error <= TOLERANCE:
            raise VitonnxError(
                f"{probe.name} in the baked graph is off by {error:.1e} of its largest value, more "
                f"than {TOLERANCE:.0e}: nothing was written. Please report the model."
            )
