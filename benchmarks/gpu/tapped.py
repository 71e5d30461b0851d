"""A file that somebody else might have written, of the same weights, tapped: the same maps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx_ir as ir

import vitonnx as vx
from benchmarks.gpu.asked import probed_pixels, sets_of
from benchmarks.gpu.compare import compare
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.task import Task
from vitonnx.graph import KeepOutputs
from vitonnx.modelfile import load_manifest, open_graph, save_graph


def write_foreign(file: Path, target: Path) -> None:
    """Write a probe-ready file as a plain one: normalised pixels in, one answer out."""
    model, (height, width) = open_graph(file), load_manifest(file).size
    outputs = {str(value.name) for value in model.graph.outputs}
    answer = "logits" if "logits" in outputs else "embedding"
    (embed,) = (node for node in model.graph if node.op_type == "Conv")
    normalised = embed.inputs[0]
    assert normalised is not None
    shape = ir.Shape(["batch", 3, height, width])
    pixels = ir.Value(name="pixels", shape=shape, type=ir.TensorType(ir.DataType.FLOAT))
    normalised.replace_all_uses_with(pixels)
    model.graph.inputs[:] = [pixels]
    model.metadata_props.clear()
    KeepOutputs([answer])(model)
    save_graph(model, target)


def work(rows: Rows, task: Task) -> None:
    recipe = load_manifest(Path(task.file)).preprocessing
    normalised = ",".join(f"{number}" for number in (*recipe.mean, *recipe.std))
    with tempfile.TemporaryDirectory() as folder:
        foreign, target = (Path(folder) / name for name in ("foreign.onnx", "tapped.onnx"))
        write_foreign(Path(task.file), foreign)
        vx.tap_model(foreign, target, preprocess=normalised, size=recipe.size)
        for mode in ("fp32", "fp16"):
            engine = task.engine(file=target, precision=mode)
            asked = {label: probe for probes in sets_of(engine) for label, probe in probes.items()}
            for label, probe in asked.items():
                # A pixel of the picture is another one of ready pixels.
                if not probe.located and label in task.expected:
                    with rows.tried(mode=mode, what=label):
                        array = probed_pixels(engine, task.expected["pixels"], probe)
                        rows.add(mode=mode, what=label, **compare(array, task.expected[label]))
