"""Probes as graphs of their own find what the engine finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from vitonnx.contract import LOGITS
from vitonnx.engine import Engine
from vitonnx.portable._form import EXAMPLE, Form, forms_of
from vitonnx.portable._kept import kept_names
from vitonnx.portable._small_graph import FIRST, Small, runs_network, small_graph, whole_graph
from vitonnx.probes import Found, load_probes

Exported = Callable[[str], Path]

CLASS = 3
# Single precision on both sides, but the order of sums differs; of a fit, what the noise of single
# precision makes of its components.
TOLERANCE = 2e-5


# Every probe of the plain model; of others what their tokens, or their heads, make different.
ASKED = {
    "plain": (
        *("heads", "rollout", "attribution", "similarity", "norms", "lens", "distance"),
        "entropy",
    ),
    "distilled": ("heads", "lens", "similarity"),
    "registers": ("rollout", "attribution", "norms", "distance", "entropy"),
    "pooled": ("heads", "rollout", "attribution", "lens"),
}


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest, exported: Exported) -> Engine:
    return Engine(exported(request.param), device="cpu", in_graph=False)


def kept(engine: Engine, pixels: np.ndarray) -> dict[str, Any]:
    names = [*kept_names(engine.layout), LOGITS]
    found, _ = engine.run_informed(pixels[None], names)
    return found


def answer(small: Small, pool: dict[str, Any]) -> dict[str, Any]:
    """Run one graph after the other, as a page does."""
    for graph in small.graphs:
        session = ort.InferenceSession(
            ir.to_proto(ir.external_data.load_to_model(graph)).SerializeToString(),
            providers=["CPUExecutionProvider"],
        )
        feeds = {each.name: pool[each.name] for each in session.get_inputs()}
        names = [each.name for each in session.get_outputs()]
        pool = {**pool, **dict(zip(names, session.run(names, feeds), strict=True))}
    return pool


def asked(form: Form, engine: Engine, block: int, token: int) -> Any:
    """Give the probe that the form's inputs stand for."""
    told: dict[str, Any] = dict.fromkeys(form.numbers, EXAMPLE)
    if form.target:
        told[form.target] = CLASS
    probe: Any = form.probe(block, **told)
    layout = engine.layout
    if form.query == "token":
        row, column = layout.patch(token) or (0, 0)
        half, side = layout.patch_size // 2, layout.patch_size
        probe = replace(probe, query=(row * side + half, column * side + half))
    if probe.name == "attribution":
        probe = replace(probe, target=CLASS)
    return probe


@pytest.mark.parametrize(
    ("engine", "name"),
    [(kind, name) for kind, names in ASKED.items() for name in names],
    indirect=["engine"],
)
def test_every_form_equals_the_engine(name: str, engine: Engine) -> None:
    """Those of one block for the first and the last by turns."""
    picture = np.random.default_rng(3).integers(0, 256, (*engine.manifest.size, 3), np.uint8)
    own = kept(engine, picture)
    forms = forms_of(load_probes().classes[name], engine.layout)
    assert forms
    for number, form in enumerate(forms):
        blocks = (0, -1) if len(forms) == 1 else ((0, -1)[number % 2],)
        for block in blocks if form.has_block else (-1,):
            hold(form, block, engine, picture, own)


def test_components_equal_those_of_the_engine(exported: Exported) -> None:
    engine = Engine(exported("plain"), device="cpu", in_graph=False)
    picture = np.random.default_rng(3).integers(0, 256, (*engine.manifest.size, 3), np.uint8)
    (form,) = forms_of(load_probes().classes["pca"], engine.layout)
    hold(form, 0, engine, picture, kept(engine, picture), tolerance=1e-4)


def hold(
    form: Form,
    block: int,
    engine: Engine,
    picture: np.ndarray,
    own: dict[str, Any],
    tolerance: float = TOLERANCE,
) -> None:
    layout = engine.layout
    token = layout.prefix + layout.grid[1] + 2
    if runs_network(form.example(block), layout):
        small = whole_graph(engine.file, engine.manifest.size, form, "fp32")
    else:
        small = small_graph(engine.file, engine.manifest.size, form, block)
    pool: dict[str, Any] = {
        **own,
        **{f"{FIRST}{key}": value for key, value in own.items()},
        "images": picture[None],
        "queries": np.asarray([token]),
        "targets": np.asarray([[CLASS]]),
        f"{form.kind.name}/class": np.asarray(CLASS),
        **{f"{form.kind.name}/{each}": np.asarray(EXAMPLE) for each in form.numbers},
    }
    found = answer(small, pool)
    (expected,) = engine.probe_pixels(picture[None], asked(form, engine, block, token))
    for outputs, arrays in (
        (small.finding, expected.drawn),
        (small.arrays, Found.arrays(expected)),
    ):
        assert {*arrays} <= {*outputs}
        for key, right in arrays.items():
            given = np.asarray(found[outputs[key]], float)
            assert given.shape == np.shape(right), (form.name, key)
            largest = max(float(np.abs(np.asarray(right, float)).max()), 1e-12)
            error = float(np.abs(given - right).max()) / largest
            assert error <= tolerance, (form.name, block, key, error)


def test_what_is_asked_runs_alone(exported: Exported) -> None:
    """A slider must not sort all attention again."""
    engine = Engine(exported("plain"), device="cpu")
    forms = forms_of(load_probes().classes["rollout"], engine.layout)
    (form,) = (each for each in forms if each.name == "rollout-mean-discard")
    first, second = small_graph(engine.file, engine.manifest.size, form, -1).graphs
    assert {node.op_type for node in first.graph} >= {"ReduceSum", "TopK"}
    assert "TopK" not in {node.op_type for node in second.graph}
    read = {str(value.name) for value in second.graph.inputs}
    assert not any(name.endswith("/attention") for name in read)
    assert read - {"rollout/discard"} == {str(value.name) for value in first.graph.outputs}


def test_a_second_picture_is_compared_with_the_first(exported: Exported) -> None:
    engine = Engine(exported("plain"), device="cpu", in_graph=False)
    shape = (2, *engine.manifest.size, 3)
    pictures = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    first, second = (kept(engine, picture) for picture in pictures)
    (form,) = forms_of(load_probes().classes["similarity"], engine.layout)
    token = engine.layout.prefix + 9
    small = small_graph(engine.file, engine.manifest.size, form, 0)
    pool = {**second, **{f"{FIRST}{key}": each for key, each in first.items()}}
    found = answer(small, {**pool, "queries": np.asarray([token])})
    probe = asked(form, engine, 0, token)
    _, expected = engine.probe_pixels(pictures, probe)
    given = found[small.arrays["similarity"]]
    np.testing.assert_allclose(given, expected.similarity, atol=TOLERANCE)
