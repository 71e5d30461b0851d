"""What the page answers is what the engine finds, kept or not, whichever the probe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.visitor import _array

from vitonnx.app import MEGABYTE, Limits, _answers
from vitonnx.app._answers import GRAPHS, Answers
from vitonnx.app._visit import Visit, receive
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.errors import PictureError, UsageError
from vitonnx.portable import answer_of, kept_bytes
from vitonnx.probes import PROBES, Probe, SumProbe, WeightProbe, options_of, read_probe

MODELS = list(demo_models())
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    *((each.name, {}) for each in PROBES if issubclass(each, Probe) and each.name != "cka"),
    *(("heads", {"block": "0", "query": "100,120", "mass": "0.6"}), ("heads", {"query": "mean"})),
    *(("similarity", {"query": "100,120", "block": "1"}), ("similarity", {"query": "cls"})),
    *(("rollout", {"fusion": "max", "discard": "0.5"}), ("lens", {"block": "1", "class_": "cat"})),
    ("pca", {"foreground": "first", "block": "2", "whiten": "true"}),
    ("attribution", {"target": ["3", "predicted"]}),
    ("attribution", {"method": "gradient", "samples": "3"}),
    ("attribution", {"method": "generic", "target": "cat"}),
]


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {name: Engine(file) for name, file in demo_models().items()}


@pytest.fixture(scope="module", params=[160 * MEGABYTE, 100_000], ids=["kept", "too large to keep"])
def answers(engines: dict[str, Engine], request: pytest.FixtureRequest) -> Answers:
    return Answers(engines, Limits(memory=request.param))


@pytest.fixture
def visit(engines: dict[str, Engine], picture: Path) -> Visit:
    return receive(picture, picture.name, engines, Limits())


def same(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert np.shape(found[name]) == np.shape(array)
        largest = float(np.abs(np.asarray(array, float)).max(initial=0))
        # What a graph finds differs from NumPy by rounding, and a component by its sign, never.
        np.testing.assert_allclose(found[name], array, atol=1e-4 * largest + 1e-6, rtol=0)


@pytest.mark.parametrize(("name", "options"), QUESTIONS, ids=str)
def test_what_the_engine_finds(
    name: str, options: dict[str, Any], answers: Answers, visit: Visit, picture: Path
) -> None:
    probe = read_probe(name, options)
    assert isinstance(probe, Probe)
    for _ in range(2):  # the second is kept
        finding, arrays = answers.ask(visit, "scenes_vit", probe, visit)
        (expected,) = answers.engines["scenes_vit"].probe([picture], probe)
        same(arrays, expected.arrays())
        assert type(finding) is type(expected.finding)
        said, true = (answer_of(each, {})["finding"] for each in (finding, expected.finding))
        assert said.keys() == true.keys()
        for field, value in true.items():
            if not (isinstance(value, dict) and "data" in value):
                assert said[field] == value, field


def test_samples_of_one_picture(answers: Answers, visit: Visit, picture: Path) -> None:
    probe = read_probe("cka", {"tokens": "patches"})
    assert isinstance(probe, SumProbe)
    finding, arrays = answers.ask(visit, "scenes_vit", probe, visit)
    expected: Any = answers.engines["scenes_vit"].total([picture], probe)
    same(arrays, {"cka": expected.values})
    assert finding.labels == expected.labels
    with pytest.raises(UsageError, match="at least 4 samples"):
        answers.ask(visit, "scenes_vit", read_probe("cka", {}), visit)


def test_what_was_learned_of_another_picture(
    answers: Answers, visit: Visit, picture: Path, another: Path
) -> None:
    """The query lies in the first, and so do the components of the colours."""
    engine = answers.engines["scenes_vit"]
    second = receive(another, another.name, answers.engines, Limits())
    for name, options in (("similarity", {"query": "100,120"}), ("pca", {}), ("norms", {})):
        probe = read_probe(name, options)
        _, arrays = answers.ask(second, "scenes_vit", probe, visit)
        fitted: Any = engine.fitted([picture], probe)
        same(arrays, engine.probe([another], fitted)[0].arrays())
        _, own = answers.ask(second, "scenes_vit", probe, second)
        assert any(not np.array_equal(own[each], arrays[each]) for each in own) or name == "norms"


def test_a_picture_runs_once_through_a_model(
    engines: dict[str, Engine], visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, run = Answers(engines, Limits()), Engine.run_informed
    runs: list[Any] = []

    def counted(*given: Any) -> Any:
        runs.append(given)
        return run(*given)

    monkeypatch.setattr(Engine, "run_informed", counted)
    assert len(answers.look(visit, "scenes_vit")["classes"]) == 5
    assert 0.8 < answers.kept.held / kept_bytes(engines["scenes_vit"].layout) < 1  # as is foreseen
    assert answers.look(visit, "scenes_dino")["classes"] == []
    for block in "01234":
        for query in ("cls", "100,120", "140,200"):
            probe = read_probe("heads", {"block": block, "query": query})
            answers.ask(visit, "scenes_vit", probe, visit)
    answers.ask(visit, "scenes_vit", read_probe("rollout", {}), visit)
    assert len(runs) == 1
    for query in ("cls", "100,120", "140,200"):
        for name in ("similarity", "pca"):
            options = {"query": query} if name == "similarity" else {}
            answers.ask(visit, "scenes_vit", read_probe(name, options), visit)
    assert len(runs) == 2  # for the normalised tokens, which the file doesn't give
    answers.kept.forget(visit.key)
    assert answers.kept.held == 0
    answers.look(visit, "scenes_vit")
    assert len(runs) == 3


def test_graphs_of_many_questions_are_closed_again(answers: Answers, visit: Visit) -> None:
    for number in range(1, GRAPHS + 3):
        probe = read_probe("attribution", {"target": ["1"] * number})
        answers.ask(visit, "scenes_vit", probe, visit)
    assert len(answers._graphs) == GRAPHS


def test_what_would_take_too_long_or_too_much(
    answers: Answers, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = read_probe("attribution", {"method": "gradient", "samples": "101"})
    with pytest.raises(UsageError, match="101 runs of a model are more than the 100"):
        answers.ask(visit, "scenes_vit", many, visit)
    monkeypatch.setattr(_answers, "MOST_SECONDS", 0.001)
    flow = read_probe("flow", {"fusion": "min"})
    with pytest.raises(UsageError, match=r"flow may take more than the 0.001 s .* maximum flows"):
        answers.ask(visit, "scenes_vit", flow, visit)
    monkeypatch.setattr(_answers, "MOST_BYTES", MEGABYTE)
    with pytest.raises(UsageError, match="cka takes 2 MB for scenes_vit, more than the 1 MB"):
        answers.ask(visit, "scenes_vit", read_probe("cka", {}), visit)


def test_where_no_model_sees(answers: Answers, visit: Visit) -> None:
    probe = read_probe("heads", {"query": "100,1"})
    with pytest.raises(PictureError, match="x 1 lies outside the crop"):
        answers.ask(visit, "scenes_vit", probe, visit)


@pytest.mark.parametrize("kind", PROBES, ids=lambda kind: kind.name)
def test_options_are_words_of_the_command_line(kind: Any) -> None:
    """Each at its default, in words, is the probe as it is."""
    assert read_probe(kind.name, {}) == kind()
    for option in options_of(kind):
        if option.default not in (None, ""):
            words = str(option.default).lower() if option.kind is bool else str(option.default)
            assert read_probe(kind.name, {option.name: words}) == kind()
        with pytest.raises(UsageError, match="takes what the command line does"):
            read_probe(kind.name, {option.name: 3})
    with pytest.raises(UsageError, match="no option 'x'"):
        read_probe(kind.name, {"x": "1"})


def test_every_shape_becomes_json(engines: dict[str, Engine], visit: Visit) -> None:
    answers = Answers(engines, Limits())
    kinds = set()
    for kind in PROBES:
        probe = read_probe(kind.name, {"tokens": "patches"} if kind.name == "cka" else {})
        if isinstance(probe, WeightProbe):
            found = engines["scenes_vit"].probe_weights(probe)
            finding, arrays = found.finding, found.arrays()
        else:
            finding, arrays = answers.ask(visit, "scenes_vit", probe, visit)
        said = answer_of(finding, arrays)
        kinds.add((kind.gives.__name__, said["finding"]["kind"]))
        assert all("_" not in name for name in said["finding"])
        for name, array in arrays.items():
            np.testing.assert_array_equal(_array(said["arrays"][name]), array)
    assert kinds == {
        *(("Maps", "maps"), ("ColourMaps", "colours"), ("ClassMaps", "classes")),
        *(("Table", "table"), ("Plate", "plate"), ("Matrix", "matrix")),
    }


def test_arrays_of_kinds_that_javascript_lacks() -> None:
    kinds = {"float16": "float32", "int8": "int64", "uint16": "int64", "bool": "bool"}
    for kind, sent in {**kinds, "uint8": "uint8", ">f8": "float64"}.items():
        array = np.arange(6).reshape(2, 3).astype(kind).T
        (said,) = answer_of(read_probe("heads", {}), {"x": array})["arrays"].values()
        assert said["dtype"] == sent
        np.testing.assert_array_equal(_array(said), array)
