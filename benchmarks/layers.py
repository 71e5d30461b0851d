"""Which layers take OpenVINO's time on a processor: the package `openvino` profiles what runs.

Run ``python -m benchmarks.layers --precision bf16``; it needs ``pip install openvino``, of
the release that the plug-in has.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import openvino

from benchmarks.models import model_file
from benchmarks.tables import machine, table
from vitonnx.engine import Plan, plan_graph
from vitonnx.modelfile import open_graph
from vitonnx.probes import load_probes

BATCH = 8
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
# OpenVINO's names of layers, by what they do.
KINDS = {
    "FullyConnected": "products with weights",
    "Convolution": "products with weights",
    "MatMul": "products of attention",
    "Subgraph": "attention, fused",
    "Softmax": "softmax",
    "Transpose": "transposes",
    "Reorder": "from one precision or layout to another",
    "Convert": "from one precision or layout to another",
    "ReduceSum": "sums",
    "MVN": "norms",
    "MulAdd": "norms",
}
OTHERS = "all else"


def planned(model: Path, probe: str, folder: Path) -> Path:
    """Write the graph that a probe runs on OpenVINO."""
    asked = load_probes().classes[probe]()
    plan = Plan((asked.graph_form,), provider="openvino")
    file = folder / f"{probe}.onnx"
    ir.save(ir.external_data.load_to_model(plan_graph(open_graph(model), plan)), file)
    return file


def profile(file: Path, precision: str, rounds: int) -> Counter[str]:
    """Give the milliseconds that a picture spends in each kind of layer."""
    core = openvino.Core()
    settings = {"PERF_COUNT": "YES", "INFERENCE_PRECISION_HINT": HINTS[precision]}
    compiled = core.compile_model(core.read_model(file), "CPU", settings)
    request = compiled.create_infer_request()
    feed: dict[str, Any] = {}
    for given in compiled.inputs:
        sides = [side.get_length() if side.is_static else BATCH for side in given.partial_shape]
        kind = given.element_type.to_dtype()
        shown = np.random.default_rng(0).integers(0, 256, sides)
        feed[given.any_name] = (shown if kind == np.uint8 else np.zeros(sides)).astype(kind)
    request.infer(feed)
    taken: Counter[str] = Counter()
    for _ in range(rounds):
        request.infer(feed)
        for layer in request.profiling_info:
            kind = KINDS.get(layer.node_type, OTHERS)
            taken[kind] += layer.real_time.total_seconds() * 1e3 / rounds / BATCH
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="S/16")
    parser.add_argument("--precision", default="bf16", choices=HINTS)
    parser.add_argument("--probes", nargs="+", default=["heads", "rollout", "distance"])
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {
            probe: profile(
                planned(model_file(asked.model), probe, Path(folder)),
                asked.precision,
                asked.rounds,
            )
            for probe in asked.probes
        }
    kinds = dict.fromkeys([*KINDS.values(), OTHERS])
    rows = [[kind, *(f"{taken[kind]:.2f}" for taken in found.values())] for kind in kinds]
    rows.append(["together", *(f"{taken.total():.1f}" for taken in found.values())])
    title = f"{asked.model} in {asked.precision}, batch {BATCH}, milliseconds a picture"
    print("\n".join([*machine(), "", *table(title, ("layers", *found), rows)]))


if __name__ == "__main__":
    main()
