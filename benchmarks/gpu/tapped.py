"""A file that somebody else might have written, of the same weights, tapped: the same maps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

import vitonnx as vx
from benchmarks.gpu.asked import Arrays, probed_pixels, sets_of
from benchmarks.gpu.compare import compare
from benchmarks.gpu.rows import Rows
from vitonnx.graph import KeepOutputs
from vitonnx.modelfile import load_manifest, open_graph, save_graph


def write_foreign(file: Path, target: Path) -> None:
    """Write a probe-ready file as a plain one: normalised pixels in, one answer out."""
    model = open_graph(file)
    outputs = {value.name for value in model.graph.outputs}
    KeepOutputs(["logits" if "logits" in outputs else "embedding"])(model)
    (embed,) = (node for node in model.graph if node.op_type == "Conv")
    normalised = embed.inputs[0]
    assert normalised is not None
    height, width = load_manifest(file).size
    shape = ir.Shape(["batch", 3, height, width])
    pixels = ir.Value(name="pixels", shape=shape, type=ir.TensorType(ir.DataType.FLOAT))
    normalised.replace_all_uses_with(pixels)
    model.graph.inputs[:] = [pixels]
    model.metadata_props.clear()
    KeepOutputs([value.name for value in model.graph.outputs if value.name])(model)
    save_graph(model, target)


def recipe_of(file: Path) -> str:
    """Say how pixels are normalised, as `tap_model` takes it."""
    recipe = load_manifest(file).preprocessing
    return ",".join(f"{number}" for number in (*recipe.mean, *recipe.std))


def work(rows: Rows, device: str, model: str, file: str, known: str, **_: Any) -> None:
    with np.load(known) as stored:
        expected: Arrays = dict(stored)
    with tempfile.TemporaryDirectory() as folder:
        foreign, target = (Path(folder) / name for name in ("foreign.onnx", "tapped.onnx"))
        write_foreign(Path(file), foreign)
        side = load_manifest(Path(file)).size
        vx.tap_model(foreign, target, preprocess=recipe_of(Path(file)), size=side)
        for mode in ("fp32", "fp16"):
            engine = vx.Engine(target, device=device, precision=mode, in_graph=True)
            for probes in sets_of(engine):
                for label, probe in probes.items():
                    if probe.located or label not in expected:
                        continue
                    row = {"model": model, "mode": mode, "path": "tapped", "what": label}
                    with rows.tried(**row):
                        array = probed_pixels(engine, expected["pixels"], probe)
                        rows.add(**row, **compare(array, expected[label]))
