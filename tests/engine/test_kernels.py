"""Planned graphs on devices: nothing that grows with the picture is computed by the CPU."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnx_ir.passes.common as common
import onnxruntime
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from engine.planned_probes import PLANS, planned_probes
from graph.small_graphs import kinds, noise, pictures, read
from tap.foreign_ways import WAYS
from vitonnx.contract import QUERIES
from vitonnx.engine import Plan, plan_graph
from vitonnx.graph import ANY_PROVIDER, PROVIDERS, FitKernels, has_kernel, provider_of
from vitonnx.layout import Layout
from vitonnx.probes import Attribution

Files = Mapping[str, Path]
Feed = dict[str, NDArray[Any]]

FILES = ("ported", "tapped")
SIZES = ((40, 56), (48, 88))  # 36 and 67 tokens: no side of the models is as long
BATCHES = (1, 5)
# Of the largest value. Sums of single numbers in another order; gradients go through all of them.
CLOSE, GRADIENTS_CLOSE = 1e-5, 1e-4


@pytest.fixture(scope="module")
def files(exported: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    onnx.save(WAYS["registers"].model(), folder / "foreign.onnx")
    tapped = folder / "tapped.onnx"
    vx.tap_model(folder / "foreign.onnx", tapped, preprocess="imagenet")
    return {"ported": exported("plain"), "tapped": tapped}


def layout_of(file: Path, size: tuple[int, int]) -> Layout:
    return vx.Engine(file, device="cpu", size=size).layout


def planned(file: Path, size: tuple[int, int], plan: str) -> ir.Model:
    probes = tuple(probe.graph_form for probe in planned_probes(plan, layout_of(file, size)))
    model = plan_graph(read(file), Plan(probes, size=size))
    common.ShapeInferencePass()(model)
    return model


def fitted(model: ir.Model, provider: str) -> ir.Model:
    """Do at once what a plan for a provider does at its end: planning anew takes its time."""
    return FitKernels(provider_of(provider))(model.clone()).model


def sides_of(layout: Layout, size: tuple[int, int]) -> set[int]:
    """Give the sides of arrays that are as large as the picture is."""
    return {layout.patches, layout.tokens, layout.tokens**2, *size}


def of_pictures(graph: ir.Graph) -> Iterator[ir.Node]:
    """Go through the nodes that depend on an input; the runtime computes all others once."""
    behind = set(graph.inputs)
    for node in graph:
        if behind.intersection(node.inputs):
            behind.update(node.outputs)
            yield node


# What a probe computes is the same for both files, and what goes before it the same for all probes.
# Gradients go through the files' own operators: one method's is taken of both.
PAIRS = [("means", "tapped"), *((plan, FILES[turn % 2]) for turn, plan in enumerate(PLANS))]


@pytest.mark.parametrize(("plan", "file"), PAIRS)
def test_what_grows_with_the_picture_has_a_kernel(plan: str, file: str, files: Files) -> None:
    (size, *_) = SIZES
    sides = sides_of(layout_of(files[file], size), size)
    model = planned(files[file], size, plan)
    for provider in PROVIDERS:
        for node in of_pictures(fitted(model, provider).graph):
            shapes = [value.shape for value in (*node.inputs, *node.outputs) if value is not None]
            if any(shape is not None and sides.intersection(shape) for shape in shapes):
                assert has_kernel(node, provider_of(provider)), node


def test_openvino_gets_no_doubles_to_put_together(files: Files) -> None:
    """Its plug-in leaves pictures of larger batches out, which only Intel's hardware shows."""
    probes = tuple(probe.graph_form for probe in (vx.Distance(), vx.Entropy()))
    left = {
        provider: {
            node.op_type
            for node in plan_graph(read(files["ported"]), Plan(probes, provider=provider)).graph
            if any(value.dtype == ir.DataType.DOUBLE for value in node.outputs)
        }
        for provider in ("", "openvino", ANY_PROVIDER)
    }
    assert left[""] >= {"Concat", "Div", "ReduceSum"}
    assert left["openvino"] == left[ANY_PROVIDER] == {"Cast"}  # nor does a file for anybody


@pytest.mark.parametrize("provider", ["openvino", ANY_PROVIDER])
def test_openvino_reads_every_gradient(provider: str, files: Files) -> None:
    """Built in, it reads norms of one output and pads of all axes, or the whole graph not at all.

    Other processors than Intel's have nothing else.
    """
    asked = {
        "ported": Attribution(method="gradient"),
        "tapped": Attribution(method="gradient-rollout"),
    }
    for file, probe in asked.items():
        plan = Plan((probe.graph_form,), provider=provider)
        nodes = list(plan_graph(read(files[file]), plan).graph)
        assert all(len(node.outputs) == 1 for node in nodes if node.op_type == "LayerNormalization")
        pads = [node for node in nodes if node.op_type == "Pad"]
        assert all(len(node.inputs) == 3 for node in pads)
        assert pads


def test_a_plan_says_whose_kernels(files: Files) -> None:
    kinds_of = {
        provider: kinds(plan_graph(read(files["tapped"]), Plan((vx.Heads(),), provider=provider)))
        for provider in ("", "cpu", "cuda", "webgpu")
    }
    assert kinds_of[""] == kinds_of["cpu"] == kinds_of["cuda"]
    assert "DequantizeLinear" not in kinds_of[""]
    assert "DequantizeLinear" in kinds_of["webgpu"]


@dataclass
class Opened:
    """A session that notes what ran where."""

    session: Any
    folder: Path

    @classmethod
    def on(cls, provider: str, model: ir.Model, folder: Path) -> Opened:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        graph = ir.to_proto(model).SerializeToString()
        providers = list(dict.fromkeys([provider, "CPUExecutionProvider"]))
        session = onnxruntime.InferenceSession(graph, options, providers=providers)
        assert session.get_providers() == providers
        return cls(session, folder)

    def run(self, feed: Feed) -> Feed:
        names = [output.name for output in self.session.get_outputs()]
        taken = {each.name: feed[each.name] for each in self.session.get_inputs()}
        return dict(zip(names, self.session.run(names, taken), strict=True))

    def on_host(self) -> Iterator[tuple[str, list[int]]]:
        """End the notes: name what the CPU ran, or was copied, with each shape it read or gave."""
        for event in json.loads(Path(self.session.end_profiling()).read_text()):
            said = event.get("args", {})
            if not event["name"].endswith("kernel_time"):
                continue
            if said["provider"] == "CPUExecutionProvider" or "Memcpy" in said["op_name"]:
                for shapes in (said["input_type_shape"], said["output_type_shape"]):
                    yield from ((event["name"], shape) for of in shapes for shape in of.values())


@pytest.fixture(scope="module")
def kept() -> list[Opened]:
    """Sessions that stay open: the device keeps its programs as long as one of them does."""
    return []


def feed_of(model: ir.Model, batch: int, layout: Layout, size: tuple[int, int]) -> Feed:
    """Make up what the graph takes."""
    feed: Feed = {}
    for number, given in enumerate(model.graph.inputs):
        name, shape = str(given.name), given.shape or ()
        sides = [side if isinstance(side, int) else batch for side in shape]
        whole = given.dtype == ir.DataType.INT64
        feed[name] = np.zeros(sides, np.int64) if whole else noise(*sides, seed=number)
    feed["images"] = pictures(batch, *size)
    if QUERIES in feed:
        feed[QUERIES] = np.arange(batch) + layout.prefix
    return feed


@pytest.mark.webgpu
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("plan", PLANS)
def test_webgpu_computes_what_the_cpu_does(
    plan: str,
    file: str,
    size: tuple[int, int],
    files: Files,
    kept: list[Opened],
    tmp_path: Path,
) -> None:
    layout = layout_of(files[file], size)
    model = planned(files[file], size, plan)
    device = Opened.on("WebGpuExecutionProvider", fitted(model, "webgpu"), tmp_path)
    host = Opened.on("CPUExecutionProvider", model, tmp_path)
    kept.append(device)
    for batch in BATCHES:
        feed = feed_of(model, batch, layout, size)
        found, expected = device.run(feed), host.run(feed)
        for probe in planned_probes(plan, layout):
            one, other = found[probe.name], expected[probe.name]
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            limit = GRADIENTS_CLOSE if isinstance(probe, Attribution) else CLOSE
            assert probe.difference(one, other) < limit, (probe, batch)
    sides = sides_of(layout, size)
    large = [(name, shape) for name, shape in device.on_host() if sides.intersection(shape)]
    assert large == []
