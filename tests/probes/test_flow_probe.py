import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import vitonnx as vx
from probes.random_attention import random_attention
from terminal import run, run_without
from vitonnx.data.scenes import draw_scene
from vitonnx.errors import MissingExtraError, UsageError
from vitonnx.probes import Flow, FlowResult, GraphProbe, Layout, Probe, attention_flow
from vitonnx.probes._flow import MOST_EDGES, _layers
from vitonnx.probes._flow_graph import FlowGraph

CROP = (0.0, 0.0, 35.0, 21.0)
REGISTERS = ("reg0", "reg1", "reg2", "reg3")
TOKENS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    ((), ()),
    (("cls",), ()),
    (("cls", "dist"), ()),
    (("cls", *REGISTERS), ()),
    (("cls",), ("suffix0", "suffix1")),
    ((), ("suffix0",)),
    ((*REGISTERS, "cls"), ()),  # the class token need not be the first
]


def model_of(prefix: tuple[str, ...], suffix: tuple[str, ...] = (), **more: Any) -> Layout:
    given: dict[str, Any] = {"grid": (3, 5), "patch_size": 7, "blocks": 3, "heads": 2, **more}
    return Layout(prefix_tokens=prefix, suffix_tokens=suffix, **given)


@pytest.mark.parametrize(("prefix", "suffix"), TOKENS, ids=repr)
def test_map_of_every_picture(prefix: tuple[str, ...], suffix: tuple[str, ...]) -> None:
    model = model_of(prefix, suffix)
    blocks = random_attention(3, 2, 2, model.tokens, model.tokens)  # 3 blocks of 2 pictures
    probe = Flow(fusion="max")
    outputs = dict(zip(probe.reads(model), blocks, strict=True))
    results = probe.compute(outputs, model, [probe.token(model, CROP)] * 2)
    query = prefix.index("cls") if "cls" in prefix else slice(len(prefix), len(prefix) + 15)
    flow, bound = attention_flow(list(blocks), fusion="max", query=query)
    assert len(results) == 2
    for picture, result in enumerate(results):
        patches = slice(len(prefix), len(prefix) + 15)
        np.testing.assert_array_equal(result.flow, flow[picture, patches].reshape(3, 5))
        assert result.error_bound == bound[picture, patches].max()
        assert (result.fusion, result.flow.dtype) == ("max", np.float64)
        assert list(result.arrays()) == ["flow"]


@pytest.mark.parametrize(("prefix", "suffix"), TOKENS, ids=repr)
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_its_cost_counts_the_edges(
    prefix: tuple[str, ...], suffix: tuple[str, ...], blocks: int
) -> None:
    model = model_of(prefix, suffix, blocks=blocks)
    attentions = list(random_attention(blocks, 1, 2, model.tokens, model.tokens))
    query = model.class_token
    patches = slice(model.prefix, model.prefix + 15)
    graph = FlowGraph(_layers(attentions, "mean", patches if query is None else query))
    said = Flow().advice(model)
    assert said.startswith(f"a picture takes 15 maximum flows in a graph of {graph.edges:,} edges:")
    assert said.endswith(".")


def test_what_would_take_hours_is_refused_with_a_size_that_is_not() -> None:
    vit = model_of(("cls",), grid=(90, 60), patch_size=14, blocks=12)
    for ask in (Flow().advice, Flow().reads):
        with pytest.raises(UsageError, match=r"gigabytes.*smaller --size, such as 812x532\.$"):
            ask(vit)
    # 58x38 patches; one row more, in about the same shape, would be 59x39.
    assert 10 * (58 * 38 + 1) ** 2 <= MOST_EDGES < 10 * (59 * 39 + 1) ** 2
    assert Flow().advice(model_of(("cls",), grid=(58, 38), blocks=12))
    # What published models take by default is not refused.
    assert Flow().advice(model_of(("cls", *REGISTERS), grid=(37, 37), patch_size=14, blocks=24))


def test_its_finding_says_how_exact_it_is() -> None:
    finding = FlowResult(flow=np.ones((3, 5)), error_bound=1.21e-7, fusion="min").finding
    assert finding.labels == ("attention flow",)
    assert finding.values.shape == (1, 3, 5)
    assert finding.details[1:] == ("fusion of heads: min", "exact to 2e-07")


def test_other_tokens_than_the_models_are_refused() -> None:
    model = model_of(("cls",))
    outputs = {name: random_attention(1, 2, 17, 17) for name in Flow().reads(model)}
    with pytest.raises(UsageError, match=r"17 tokens; a grid of 3x5 with 1 prefix tokens has 16"):
        Flow().compute(outputs, model, [0])


def test_an_unknown_fusion_is_refused_at_once() -> None:
    unknown: Any = "sum"
    with pytest.raises(UsageError, match="mean, max, min"):
        Flow(fusion=unknown)


def test_it_is_a_probe_of_pictures_and_in_no_graph() -> None:
    probe: Probe[FlowResult] = Flow()
    assert (probe.name, probe.in_videos) == ("flow", False)
    assert not isinstance(probe, GraphProbe)


@pytest.mark.parametrize("kind", ["pooled", "registers"])
def test_through_an_engine(kind: str, exported: Callable[[str], Path]) -> None:
    pictures = list(np.random.default_rng(5).integers(0, 256, (3, 47, 61, 3), np.uint8))
    with vx.Engine(exported(kind), device="cpu") as engine:
        results = engine.probe(pictures, Flow())
        names, layout = Flow().reads(engine.layout), engine.layout
    session = onnxruntime.InferenceSession(exported(kind), providers=["CPUExecutionProvider"])
    pixels = np.stack([np.asarray(result.pixels) for result in results])
    patches = slice(layout.prefix, layout.prefix + layout.patches)
    flow, _ = attention_flow(
        session.run(names, {"images": pixels}),
        query=patches if layout.class_token is None else layout.class_token,
        targets=patches,
    )
    assert layout.grid == (5, 7)
    found = np.stack([result.flow for result in results])
    # The network may run in other batches; capacities differ in the last place of single precision.
    np.testing.assert_allclose(found, flow.reshape(3, 5, 7), atol=1e-5)


def test_the_command(desk: Path) -> None:
    Image.fromarray(draw_scene((0, 2, 0, 3), (48, 48), 1).picture).save("scene.png")
    asked = ("probe", "flow", "scenes_dino", "scene.png", "--device", "cpu", "--fusion", "max")
    assert run(*asked, "-o", "flow.npz", "--quiet").code == 0
    (result,) = vx.Engine("scenes_dino", device="cpu").probe("scene.png", Flow(fusion="max"))
    with np.load("flow.npz") as stored:
        assert stored["flow"].dtype == np.float64
        np.testing.assert_allclose(stored["flow"], result.flow[None], atol=1e-5)  # as above
    assert run(*asked, "--quiet").out == "scene.flow.png\n"


def test_the_command_without_scipy(desk: Path) -> None:
    Image.fromarray(draw_scene((0, 2, 0, 3), (48, 48), 1).picture).save("scene.png")
    outcome = run_without("scipy", "probe flow scenes_dino scene.png --device cpu -o flow.png")
    assert outcome.code == 2
    (error,) = outcome.errors
    assert "install the flow extra with  pip install 'vitonnx[flow]'" in error
    assert [path.name for path in desk.iterdir()] == ["scene.png"]


def test_an_engine_without_scipy_refuses_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with (
        vx.Engine("scenes_dino", device="cpu") as engine,
        pytest.raises(MissingExtraError, match=r"attention flow needs scipy.*\[flow\]"),
    ):
        engine.stream(["none.png"], [Flow()])
