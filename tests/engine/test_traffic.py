"""Bytes that a GPU moves for each attention weight, in 16 bits a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

import vitonnx as vx
from graph.small_graphs import opened, read
from vitonnx.data.scenes import draw_scene
from vitonnx.demo import demo_models
from vitonnx.engine import Plan, plan_graph
from vitonnx.engine._fidelity import rank_correlation
from vitonnx.probes import GraphProbe

Exported = Callable[[str], Path]

HEADS, TOKENS = 3, 1 + 5 * 7
PROBES: dict[str, GraphProbe[Any]] = {
    "rollout": vx.Rollout(),
    "rollout, max": vx.Rollout(fusion="max"),
    "rollout, discard": vx.Rollout(discard=0.5),
    "distance": vx.Distance(),
    "entropy": vx.Entropy(),
}
# Of two blocks, whose last is read in one row alone where nothing else is asked. Scores are written
# and read by softmax, which writes weights; these are read by the product with the values, and by
# the probe: in a sum; or in a product with distances, which is summed; or, in single precision, by
# a logarithm. Behind it, what a softmax in single precision moves.
BYTES = {
    "rollout": (5, 14),
    "rollout, max": (5, 14),
    "rollout, discard": (9, 24),
    "distance": (13, 32),
    "entropy": (51, 58),
}


def planned(file: Path, probe: GraphProbe[Any], provider: str, precision: Any = "fp16") -> ir.Model:
    return plan_graph(read(file), Plan((probe,), precision=precision, provider=provider))


def moved(model: ir.Model) -> float:
    """Count the bytes that nodes read and write of arrays as large as attention, a weight."""
    blocks = sum(node.op_type == "Softmax" for node in model.graph)
    values = [value for node in model.graph for value in (*node.inputs, *node.outputs)]
    sizes = 0.0
    for value in values:
        sides = () if value is None or value.shape is None else tuple(value.shape)
        if sides[-2:] == (TOKENS, TOKENS) and value is not None and value.dtype is not None:
            count = math.prod(side for side in sides if isinstance(side, int))
            sizes += value.dtype.itemsize * (count if count == HEADS * TOKENS**2 else 0)
    return sizes / (blocks * HEADS * TOKENS**2)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_attention_is_read_in_sixteen_bits(name: str, precision: str, exported: Exported) -> None:
    """By a provider whose sums are in single precision; others' may be in 16 bits."""
    file = exported("plain")
    providers = ("cuda", "webgpu")
    found = tuple(moved(planned(file, PROBES[name], each, precision)) for each in providers)
    assert found == BYTES[name]


@pytest.mark.parametrize("name", ["heads", *PROBES])
def test_what_it_gives_is_as_close(name: str) -> None:
    """Of a trained model, whose attention has peaks and next to nothing beside them.

    Here the processor's kernels compute it, which sum in single precision as a GPU's do.
    """
    file = Path(demo_models()["scenes_dino"])
    probe = {"heads": vx.Heads(), **PROBES}[name]
    images = np.stack([draw_scene(number, (48, 48)).picture for number in range(3)])
    exact, found = (
        opened(planned(file, probe, *how))(images=images)[probe.name]
        for how in (("cpu", "fp32"), ("cuda", "fp16"))
    )
    assert np.abs(found - exact).max() <= 2e-3 * np.abs(exact).max()
    assert rank_correlation(found, exact) >= 0.999


def test_a_row_alone_stays_in_single_precision(exported: Exported) -> None:
    """It is little to move, and a map is drawn of it."""
    model = planned(exported("plain"), vx.Heads(), "cuda")
    (softmax,) = (node for node in model.graph if node.op_type == "Softmax")
    assert softmax.outputs[0].dtype == ir.DataType.FLOAT
