"""Prove that onnxruntime computes on the device: every operator that planned graphs have."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
import onnxruntime
from numpy.typing import NDArray
from onnx.helper import tensor_dtype_to_np_dtype

from benchmarks.gpu.card import PROVIDERS, open_runtime
from benchmarks.gpu.rows import Rows
from vitonnx.demo import demo_models
from vitonnx.engine import Engine, find_obstacle

# Half precision has ten bits, and rounds after every one of a dozen operators.
LIMIT = 2e-2
IMAGES = (4, 224, 224, 3)
GRAPH = """
<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
proof (
  uint8[batch, 224, 224, 3] images, float[384, 3, 16, 16] kernel, float16[384] scale,
  float16[384] bias, float16[384, 384] q, float16[384, 384] k, float16[384, 384] v,
  float16[384, 1536] first, float16[1536, 384] second
) => (float[batch, n, d] out, float[batch, h, m] summed) {
  flat = Constant <value_ints = [0, 384, -1]> ()
  split = Constant <value_ints = [0, 0, 6, -1]> ()
  one = Constant <value_ints = [1]> ()
  single = Cast <to = 1> (images)
  planes = Transpose <perm = [0, 3, 1, 2]> (single)
  patches = Conv <strides = [16, 16]> (planes, kernel)
  columns = Reshape (patches, flat)  tokens = Transpose <perm = [0, 2, 1]> (columns)
  half = Cast <to = 10> (tokens)
  normed = LayerNormalization <axis = -1> (half, scale, bias)
  Q = MatMul (normed, q)  K = MatMul (normed, k)  V = MatMul (normed, v)
  mixed = com.microsoft.MultiHeadAttention <num_heads = 6> (Q, K, V)
  rows = Reshape (Q, split)  query = Transpose <perm = [0, 2, 1, 3]> (rows)
  others = Reshape (K, split)  key = Transpose <perm = [0, 2, 3, 1]> (others)
  scores = MatMul (query, key)  exact = Cast <to = 1> (scores)
  attention = Softmax <axis = -1> (exact)
  summed = ReduceSum <keepdims = 0> (attention, one)
  wide = MatMul (mixed, first)  active = Gelu (wide)  narrow = MatMul (active, second)
  added = Add (narrow, half)  out = Cast <to = 1> (added)
}
"""


def prove(device: str, rows: Rows) -> bool:
    """Tell whether every node of a graph of such operators ran there, and gave what is right."""
    rows = rows.about(section="prove")
    # vitonnx goes first: it loads CUDA's libraries, wherever pip has put them.
    obstacle = find_obstacle(device)
    if obstacle is not None:
        rows.add(what="vitonnx finds the device", failed=str(obstacle))
        return False
    engine = Engine(demo_models()["scenes_vit"], device=device)
    found = f"{engine.device} in {engine.precision}"
    rows.add(what="vitonnx finds the device", ok=True, said=found)
    good = False
    with rows.tried(what="every node runs on the device"):
        model, random = onnx.parser.parse_model(GRAPH), np.random.default_rng(1)
        feed: dict[str, NDArray[Any]] = {"images": random.integers(0, 256, IMAGES, dtype=np.uint8)}
        for weight in model.graph.input[1:]:
            sides = [side.dim_value for side in weight.type.tensor_type.shape.dim]
            kind = tensor_dtype_to_np_dtype(weight.type.tensor_type.elem_type)
            feed[weight.name] = (random.standard_normal(sides) / sides[0] ** 0.5).astype(kind)
        graph: bytes = model.SerializeToString()
        given, ran = profiled(graph, device, feed)
        expected = open_runtime(graph, "cpu").run(None, feed)
        error = max(
            float(np.abs(one - other).max() / np.abs(other).max())
            for one, other in zip(given, expected, strict=True)
        )
        good = {*ran} == {PROVIDERS[device]} and error < LIMIT
        nodes = {name: dict(found) for name, found in ran.items()}
        rows.add(what="every node runs on the device", ok=good, error=error, said=nodes)
    return good


def profiled(
    graph: Path | bytes, device: str, feed: dict[str, NDArray[Any]]
) -> tuple[list[NDArray[Any]], dict[str, Counter[str]]]:
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
