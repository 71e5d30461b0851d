"""Planned graphs: the same numbers, and no more work than is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
import pytest
from PIL import Image

import tiny_models as tiny
import vitonnx as vx
from graph.small_graphs import BATCHES, check, opened, pictures, reaches, read, shapes, squares
from vitonnx.engine import Plan
from vitonnx.engine._plan import plan_graph
from vitonnx.graph import read_manifest
from vitonnx.probes import GraphProbe, Layout, Maps, PictureResult, Prediction, Probe

Exported = Callable[[str], Path]
Probes = Sequence[Any]

ALL = (vx.Heads(), vx.Rollout(), vx.Distance(), vx.Entropy())
PROBES: list[Any] = [
    vx.Heads(),
    vx.Heads(block=0),
    vx.Heads(query="mean", mass=0.6),
    vx.Heads(block=0, query=(20, 30), mass=0.4),
    vx.Rollout(),
    vx.Rollout(fusion="max"),
    vx.Rollout(fusion="min"),
    vx.Rollout(fusion="max", discard=0.3),
    vx.Distance(),
    vx.Distance(renormalize=True),
    vx.Entropy(),
]

# Both ways compute in single precision; a planned graph sums in another order, and its fused
# attention in a kernel of its own. Weights are at most 1, logits of the order of 1.
WEIGHTS: dict[str, Any] = {"atol": 2e-6, "rtol": 1e-5}
LOGITS: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-5}
# Pixels: a sum of some thousand products of up to 1, times a distance of up to 60.
DISTANCES: dict[str, Any] = {"atol": 1e-4, "rtol": 1e-5}
# Nats: a sum of some dozen weights times their logarithms.
ENTROPIES: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(autouse=True)
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep plans in a folder of the test's own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "vitonnx" / "plans"


def photographs() -> list[Image.Image]:
    """Make three pictures of different shapes, all of which hold the pixel y 20, x 30."""
    noise = np.random.default_rng(11)
    sizes = [(44, 60), (47, 61), (41, 67)]
    arrays = [noise.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    return [Image.fromarray(array) for array in arrays]


def same(file: Path, probes: Probes, size: tuple[int, int] | None = None) -> None:
    """Compare the planned engine with the file's own outputs, probed by NumPy."""
    engines = [vx.Engine(file, device="cpu", size=size, in_graph=each) for each in (True, False)]
    # Three pictures in one batch, and one alone.
    for images in (photographs(), photographs()[:1]):
        pairs = zip(*(list(engine.stream(images, probes)) for engine in engines), strict=True)
        for planned, raw in pairs:
            assert planned.error is None is raw.error
            if raw.logits is None:
                assert planned.logits is None
            else:
                np.testing.assert_allclose(planned.logits, raw.logits, **LOGITS)
            for probe in probes:
                equal(planned[probe.name], raw[probe.name])


def equal(planned: Any, raw: Any) -> None:
    found, expected = vars(planned), vars(raw)
    assert list(found) == list(expected)
    tolerances = {"distance": DISTANCES, "logits": LOGITS, "entropy": ENTROPIES}
    for name, value in expected.items():
        if isinstance(value, Prediction):
            assert (found[name].index, found[name].label) == (value.index, value.label)
        elif not isinstance(value, np.ndarray):
            assert found[name] == value
        elif value.dtype == bool:
            np.testing.assert_array_equal(found[name], value)
        else:
            assert found[name].dtype == value.dtype
            assert found[name].shape == value.shape
            np.testing.assert_allclose(found[name], value, **tolerances.get(name, WEIGHTS))


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_every_probe_gives_what_numpy_gives(probe: Any, exported: Exported) -> None:
    same(exported("registers"), [probe])


@pytest.mark.parametrize("kind", ["plain", "distilled", "pooled"])
def test_every_kind_of_model_in_one_pass(kind: str, exported: Exported) -> None:
    same(exported(kind), ALL)


@pytest.mark.parametrize("kind", ["registers", "pooled"])
def test_at_another_size(kind: str, exported: Exported) -> None:
    same(exported(kind), [vx.Heads(query=(20, 30)), *ALL[1:]], size=(24, 88))


def planned(file: Path, *probes: Any, outputs: tuple[str, ...] = (), **options: Any) -> ir.Model:
    model = plan_graph(read(file), Plan(tuple(probes), outputs, **options))
    check(model)
    return model


@pytest.mark.parametrize("fused", [True, False])
def test_the_runtimes_own_operators_may_be_left_out(fused: bool, exported: Exported) -> None:
    """One graph for onnxruntime, and one of nothing but the standard."""
    file = exported("distilled")
    run_raw = opened(read(file))
    probes = (vx.Heads(block=0), vx.Distance(renormalize=True), vx.Rollout(discard=0.2))
    layout = read_manifest(ir.load(file))
    for asked in (probes, probes[:1]):
        model = planned(file, *asked, outputs=("logits", "block_01/tokens"), fused=fused)
        domains = {node.domain for node in model.graph}
        assert domains == ({"", "com.microsoft"} if fused and len(asked) == 1 else {""})
        assert set(model.opset_imports) == domains
        names = [value.name for value in model.graph.outputs]
        assert names == ["logits", "block_01/tokens", *(probe.name for probe in asked)]
        run_planned = opened(model)
        for batch in BATCHES:
            raw, found = (each(images=pictures(batch)) for each in (run_raw, run_planned))
            for name in ("logits", "block_01/tokens"):
                np.testing.assert_allclose(found[name], raw[name], **LOGITS)
            for probe in asked:
                token = probe.token(layout, (0, 0, 56, 40))
                expected = probe.condense(raw, layout, token)
                tolerance = DISTANCES if probe.name == "distance" else WEIGHTS
                np.testing.assert_allclose(found[probe.name], expected, **tolerance)


@pytest.mark.parametrize(
    ("kind", "query"), [("plain", None), ("distilled", "dist"), ("registers", "reg2")]
)
@pytest.mark.parametrize("block", [0, -1])
def test_one_query_of_one_block_needs_no_matrix(
    kind: str, query: str | None, block: int, exported: Exported
) -> None:
    probe = vx.Heads(block=block, query=query)
    model = planned(exported(kind), probe, outputs=("logits",))
    tokens = len(tiny.CONFIGS[kind].prefix_tokens) + 35
    assert squares(read(exported(kind)), tokens)  # they are found where they are
    assert squares(model, tokens) == []
    assert shapes(model, "Softmax") == [[None, 3, 1, tokens]]
    # Tokens that a head reads one by one may each have a kernel of their own.
    fused = [str(node.name) for node in model.graph if node.op_type == "MultiHeadAttention"]
    assert {name[:8] for name in fused} == {"block_00", "block_01"}


@pytest.mark.parametrize("kind", ["plain", "pooled"])
def test_without_a_probe_there_is_no_matrix_at_all(kind: str, exported: Exported) -> None:
    model = planned(exported(kind), outputs=("logits",))
    assert squares(model, len(tiny.CONFIGS[kind].prefix_tokens) + 35) == []


@pytest.mark.parametrize("query", [None, "mean", (20, 30)])
def test_a_probe_of_the_first_block_runs_nothing_behind_it(query: Any, exported: Exported) -> None:
    model = planned(exported("headless"), vx.Heads(block=0, query=query))
    names = [str(node.name) for node in model.graph] + list(model.graph.initializers)
    assert [name for name in names if name.startswith("block_00/attention/query")]
    unread = ("block_01", "block_00/mlp", "block_00/attention/value", "norm/", "head/")
    assert not [name for name in names if name.startswith(unread)]
    assert [value.name for value in model.graph.inputs] == [
        "images",
        *(["queries"] if isinstance(query, tuple) else []),
    ]


@pytest.mark.parametrize("kind", ["plain", "registers"])
def test_the_last_block_computes_one_token_where_one_is_read(kind: str, exported: Exported) -> None:
    tokens = len(tiny.CONFIGS[kind].prefix_tokens) + 35
    model = planned(exported(kind), vx.Heads(), outputs=("logits",))
    assert [sides[1] for sides in shapes(model, "Gelu")] == [tokens, 1]


def reads_whole(node: ir.Node, tokens: int) -> bool:
    """Whether a node reads an attention of 3 heads, or what is as large."""
    sides = (value.shape for value in node.inputs if value is not None)
    return any(shape is not None and list(shape[1:]) == [3, tokens, tokens] for shape in sides)


@pytest.mark.parametrize(
    ("kind", "probes"),
    [("plain", ALL), ("pooled", (vx.Rollout(discard=0.3), vx.Distance(renormalize=True)))],
)
def test_no_two_attentions_are_held_at_once(
    kind: str, probes: tuple[Any, ...], exported: Exported
) -> None:
    """In whatever order a runtime works: all that reads block 0's comes before block 1's."""
    model = planned(exported(kind), *probes, outputs=("logits",))
    tokens = len(tiny.CONFIGS[kind].prefix_tokens) + 35
    softmax = [node for node in model.graph if node.op_type == "Softmax"]
    assert len(softmax) == 2
    first, second = softmax
    behind_second = {second}
    for node in model.graph:  # in topological order
        if any(value.producer() in behind_second for value in node.inputs if value is not None):
            behind_second.add(node)
    readers = [
        value
        for node in model.graph
        if reads_whole(node, tokens)
        and node not in behind_second
        and reaches([first.outputs[0]], node)
        for value in node.outputs
    ]
    assert len(readers) >= len(probes)
    scores = second.inputs[0]
    assert scores is not None
    producer = scores.producer()
    assert producer is not None
    assert reaches(readers, producer)


def test_what_leaves_the_graph_is_small(exported: Exported) -> None:
    model = planned(exported("plain"), *ALL, outputs=("logits",))
    sides = {value.name: list(value.shape or ())[1:] for value in model.graph.outputs}
    assert list(sides) == ["logits", "heads", "rollout", "distance", "entropy"]
    maps = {"heads": [3, 5, 7], "rollout": [5, 7]}
    assert sides == {"logits": [11], **maps, "distance": [2, 3], "entropy": [2, 3]}


@pytest.mark.parametrize("outputs", [("logits", "block_00/tokens"), ("block_00/tokens", "logits")])
def test_outputs_come_in_the_order_of_the_plan(
    outputs: tuple[str, ...], exported: Exported
) -> None:
    model = planned(exported("plain"), vx.Heads(block=0), outputs=outputs)
    assert [value.name for value in model.graph.outputs] == [*outputs, "heads"]


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnResult(PictureResult):
    """What a user's own probe found."""

    value: Any

    @property
    def finding(self) -> Maps:
        raise NotImplementedError


class Own(Probe[OwnResult]):
    """A probe of a user's own."""

    name: ClassVar[str] = "own"
    gives = Maps

    def reads(self, layout: Layout) -> tuple[str, ...]:
        return (layout.attention(-1),)

    def compute(
        self, outputs: Mapping[str, Any], layout: Layout, queries: Sequence[int | None]
    ) -> list[OwnResult]:
        largest = outputs[layout.attention(-1)].max(axis=(1, 2, 3))
        return [OwnResult(value=largest[row]) for row in range(len(queries))]


def test_a_probe_that_can_not_be_compiled_works_beside_others(exported: Exported) -> None:
    same(exported("plain"), [Own(), vx.Heads(block=0), vx.Distance()])
    (result,) = vx.Engine(exported("plain"), device="cpu").probe(photographs()[:1], Own())
    assert 1 / 36 < result.value <= 1


@dataclass(frozen=True)
class Compiled(GraphProbe[OwnResult]):
    """A probe of a user's own, which can be compiled."""

    name: ClassVar[str] = "own"
    gives = Maps

    what: str = "row"

    def reads(self, layout: Layout) -> tuple[str, ...]:
        tokens = ("block_00/tokens",) if self.what == "norms" else ()
        return (*(layout.attention(block) for block in range(layout.blocks)), *tokens)

    def condense(self, outputs: Mapping[str, Any], layout: Layout, queries: Any) -> Any:
        attention = outputs[layout.attention(0)]
        xp = attention.__array_namespace__()
        if self.what == "row":
            return attention[:, :, 1, :]
        if self.what == "slice":
            return attention[:, :, 1:3, :]
        if self.what == "folded":
            folded = xp.reshape(attention, (-1, layout.tokens, layout.tokens))
            return xp.reshape(xp.sum(folded, axis=1), (-1, layout.heads, layout.tokens))
        if self.what == "norms":
            # Attention weighed by how large the tokens are behind the block.
            norms = xp.sqrt(xp.sum(outputs["block_00/tokens"] ** 2, axis=-1))
            return xp.sum(attention * norms[:, None, None, :], axis=-1)
        if self.what == "both":
            return xp.sum(outputs[layout.attention(1)] @ attention, axis=(1, 2))
        return attention  # all of it

    def result(self, condensed: Any, layout: Layout, query: int | None) -> OwnResult:
        return OwnResult(value=condensed)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("row", "plain"),
        ("slice", "plain"),
        ("folded", "plain"),
        ("norms", "plain"),
        ("both", "plain"),
        ("both", "headless"),
        ("all", "headless"),
    ],
)
def test_probes_of_a_users_own_are_compiled(what: str, kind: str, exported: Exported) -> None:
    """Whatever they read and in whatever form they read it."""
    same(exported(kind), [Compiled(what)])


def test_a_model_of_one_head(tmp_path: Path) -> None:
    """Its heads together are no smaller than one of them."""
    from vitonnx.export import export_model

    spec = tiny.spec("headless")
    spec = replace(spec, config=replace(spec.config, heads=1))
    export_model(spec, tmp_path / "one.onnx", weights=3)
    same(tmp_path / "one.onnx", ALL)
