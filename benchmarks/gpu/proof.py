"""Prove that onnxruntime computes on the device: every operator that planned graphs have."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.gpu.card import PROVIDERS, open_runtime
from benchmarks.gpu.rows import Rows
from vitonnx.demo import demo_models
from vitonnx.engine import Engine, find_obstacle

HEADS, DIM = 6, 384
# Half precision has ten bits, and rounds after every one of a dozen operators.
LIMIT = 2e-2


def prove(device: str, rows: Rows) -> bool:
    """Tell whether every node of a graph of such operators ran there, and gave what is right."""
    # vitonnx goes first: it loads CUDA's libraries, wherever pip has put them.
    obstacle = find_obstacle(device)
    if obstacle is not None:
        rows.add(section="prove", what="vitonnx finds the device", failed=str(obstacle))
        return False
    engine = Engine(demo_models()["scenes_vit"], device=device)
    facts = {"device": engine.device, "precision": engine.precision}
    rows.add(section="prove", what="vitonnx finds the device", ok=True, **facts)
    with rows.tried(section="prove", what="every node runs on the device"):
        pixels = np.random.default_rng(1).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
        given, ran = profiled(graph(), device, {"images": pixels})
        expected = open_runtime(graph(), "cpu").run(None, {"images": pixels})
        errors = [
            float(np.abs(one - other).max() / np.abs(other).max())
            for one, other in zip(given, expected, strict=True)
        ]
        elsewhere = {name: dict(found) for name, found in ran.items() if name != PROVIDERS[device]}
        rows.add(
            section="prove",
            what="every node runs on the device",
            ok=not elsewhere and max(errors) < LIMIT,
            error=max(errors),
            nodes={name: dict(found) for name, found in ran.items()},
        )
    return all(row.get("ok") for row in rows.rows if row["section"] == "prove")


def profiled(
    graph: Path | bytes, device: str, feed: dict[str, NDArray[np.generic]]
) -> tuple[list[NDArray[np.generic]], dict[str, Counter[str]]]:
    """Run a graph; give its outputs, and the operators that ran, by provider."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = open_runtime(graph, device, options)
        given = session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    found: dict[str, Counter[str]] = {}
    for event in events:
        said = event.get("args", {})
        if said.get("provider") and event["name"].endswith("_kernel_time"):
            found.setdefault(said["provider"], Counter())[said["op_name"]] += 1
    return given, found


def graph() -> bytes:
    """Make a small network of the operators that planned graphs have, in single and in half."""
    random = np.random.default_rng(0)

    def weight(name: str, *shape: int, kind: type = np.float16) -> onnx.TensorProto:
        values = random.standard_normal(shape) / np.sqrt(shape[0])
        return numpy_helper.from_array(values.astype(kind), name)

    weights = [
        weight("kernel", DIM, 3, 16, 16, kind=np.float32),
        *(weight(name, DIM) for name in ("scale", "bias")),
        *(weight(name, DIM, DIM) for name in "qkv"),
        weight("first", DIM, 4 * DIM),
        weight("second", 4 * DIM, DIM),
        numpy_helper.from_array(np.array([0, DIM, -1]), "flat"),
        numpy_helper.from_array(np.array([0, 0, HEADS, -1]), "split"),
        numpy_helper.from_array(np.array([1]), "one"),
    ]
    single, half = TensorProto.FLOAT, TensorProto.FLOAT16
    node = helper.make_node
    nodes = [
        node("Cast", ["images"], ["single"], to=single),
        node("Transpose", ["single"], ["planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["planes", "kernel"], ["patches"], strides=[16, 16]),
        node("Reshape", ["patches", "flat"], ["rows"]),
        node("Transpose", ["rows"], ["tokens"], perm=[0, 2, 1]),
        node("Cast", ["tokens"], ["half"], to=half),
        node("LayerNormalization", ["half", "scale", "bias"], ["normed"], axis=-1),
        *(node("MatMul", ["normed", name], [name.upper()]) for name in "qkv"),
        node("MultiHeadAttention", list("QKV"), ["mixed"], num_heads=HEADS, domain="com.microsoft"),
        *(node("Reshape", [name, "split"], [f"{name}_split"]) for name in "QK"),
        node("Transpose", ["Q_split"], ["query"], perm=[0, 2, 1, 3]),
        node("Transpose", ["K_split"], ["key"], perm=[0, 2, 3, 1]),
        node("MatMul", ["query", "key"], ["scores"]),
        node("Cast", ["scores"], ["scores_single"], to=single),
        node("Softmax", ["scores_single"], ["attention"], axis=-1),
        node("ReduceSum", ["attention", "one"], ["summed"], keepdims=0),
        node("MatMul", ["mixed", "first"], ["wide"]),
        node("Gelu", ["wide"], ["active"]),
        node("MatMul", ["active", "second"], ["narrow"]),
        node("Add", ["narrow", "half"], ["added"]),
        node("Cast", ["added"], ["out"], to=single),
    ]
    made = helper.make_graph(
        nodes,
        "proof",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 224, 224, 3])],
        [helper.make_tensor_value_info(name, single, None) for name in ("out", "summed")],
        weights,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised
