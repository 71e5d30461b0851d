"""A baked graph against plain inference of the same graph, pixels ready in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx_ir as ir
import onnxruntime

from benchmarks.models import model_file, raw_file
from benchmarks.timing import interleave, ratio
from vitonnx.engine import Engine, bake
from vitonnx.engine._precision import reduce_precision, reduced_in_graph
from vitonnx.engine.devices import Device, start_runtime
from vitonnx.graph import KeepOutputs
from vitonnx.probes import (
    CKA,
    PCA,
    Attribution,
    Distance,
    Entropy,
    Heads,
    Lens,
    Method,
    Norms,
    Probe,
    Rollout,
    Similarity,
)

BATCH = 8
PROBES: dict[str, list[Probe[Any]]] = {
    "heads": [Heads()],
    "rollout": [Rollout()],
    "distance": [Distance()],
    "all three": [Heads(), Rollout(), Distance()],
    "entropy": [Entropy()],
    "pca": [PCA()],
    "pca of the foreground": [PCA(foreground="first")],
    "similarity": [Similarity(query="patch")],
    "norms": [Norms()],
    "lens": [Lens()],
    "lens in the middle": [Lens(block=5)],
    **{f"attribution, {method}": [Attribution(method)] for method in get_args(Method)},
    "cka, class tokens": [CKA(tokens="cls")],
    "cka, patches": [CKA(tokens="patches")],
}


def measure(short: str, *, rounds: int, device: Device, precision: str) -> list[list[str]]:
    """Give a row a graph: name, pictures a second, ratio to plain inference, spread."""
    file = model_file(short)
    reduced = reduced_in_graph(precision, "fp32", device)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        model = ir.load(file)
        outputs = {value.name for value in model.graph.outputs}
        KeepOutputs(["logits" if "logits" in outputs else "embedding"])(model)
        ir.save(reduce_precision(model, reduced), plain)
        graphs = {"plain inference": plain}
        engine = Engine(file, device="cpu")
        noise = list(np.random.default_rng(1).integers(0, 256, (8, 97, 89, 3), dtype=np.uint8))
        for name, probes in PROBES.items():
            if "logits" not in outputs and any(
                isinstance(probe, Lens | Attribution) for probe in probes
            ):
                continue
            asked = [
                engine.fitted(noise, each) if isinstance(each, PCA) else each for each in probes
            ]
            graphs[name] = Path(folder) / f"{len(graphs)}.onnx"
            # What fewer bits cost is no matter here.
            bake(engine, asked, graphs[name], precision=reduced, pictures=noise[:1], force=True)
        if reduced == "fp32" and (raw := raw_file(short)):
            graphs["raw tf2onnx output, all outputs"] = raw
        height, width = engine.manifest.size
        pixels = np.random.default_rng(0).integers(
            0, 256, (BATCH, height, width, 3), dtype=np.uint8
        )
        # A device that computes otherwise than it is told is refused here, and not measured.
        Engine(file, device=device.name, precision=precision).probe_pixels(pixels[:1], Heads())
        times = interleave(
            {name: runner(graph, pixels, device, precision) for name, graph in graphs.items()},
            rounds,
        )
    base = times["plain inference"]
    return [
        [
            f"{short} {name}",
            f"{BATCH / each.median:.1f}",
            f"{ratio(base, each):.3f}",
            f"{each.spread:.0%}",
        ]
        for name, each in times.items()
    ]


def runner(graph: Path, pixels: np.ndarray, device: Device, precision: str) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    session = start_runtime(graph, device, options, precision=precision)
    if device.provider not in session.get_providers():
        raise SystemExit(f"{graph.name} would run on the CPU: {device.provider} doesn't load.")
    feed = {"images": pixels, "queries": np.arange(len(pixels)) + 7}
    feed = {each.name: feed[each.name] for each in session.get_inputs()}
    return lambda: session.run(None, feed)
