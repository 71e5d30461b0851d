"""Slips that are likely: each is refused in a sentence that says what, why and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from vitonnx.engine import Result, save_results
from vitonnx.errors import (
    ModelFileError,
    PictureError,
    UnknownModelError,
    UsageError,
    VitonnxError,
)
from vitonnx.probes import GraphProbe, Maps, Option, PictureResult, Probe

PICTURE = np.random.default_rng(7).integers(0, 256, (53, 71, 3), np.uint8)
PIXELS = PICTURE[None, :48, :48]
HEADS, FILTERS = vx.Heads(), vx.Filters(count=3)
UNCHECKED: Any = vx  # what checkers of types would refuse

Use = Callable[[Any], object]


@pytest.fixture(scope="module")
def engine() -> vx.Engine:
    return vx.Engine("scenes_vit", device="cpu")


def is_good(result: Result) -> bool:
    if result.error is not None:
        raise result.error
    return True


def refused(use: Use, engine: Any, kind: type[vx.VitonnxError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        use(engine)
    said = str(caught.value)
    assert said.endswith((".", ")"))
    assert "\n" not in said
    assert len(said) < 400


# Each way of asking takes the same pictures, and refuses the same of them.
PICTURE_SLIPS: list[tuple[str, Any, type[vx.VitonnxError], str]] = [
    ("none", None, PictureError, "a NoneType is not a picture: give a path"),
    ("number", 3, PictureError, "a int is not a picture"),
    ("a list of numbers", [3], PictureError, "a int is not a picture"),
    ("a list with none", [None], PictureError, "a NoneType is not a picture"),
    ("a list in a list", [[PICTURE]], PictureError, "a list is not a picture"),
    ("bytes", b"\x89PNG", PictureError, "a bytes is not a picture"),
    ("a dict", {"bird": PICTURE}, PictureError, "a dict is not a picture"),
    ("floats", PICTURE / 255, PictureError, "float64 array of .*; expected uint8"),
    ("grey", PICTURE[..., 0], PictureError, r"shape \(53, 71\); expected uint8 \(height, width, 3"),
    ("channels first", PICTURE.transpose(2, 0, 1), PictureError, r"shape \(3, 53, 71\)"),
    ("a batch", np.stack([PICTURE] * 2), PictureError, r"list\(array\).*probe_pixels"),
    ("no pixels", PICTURE[:0], PictureError, r"shape \(0, 71, 3\)"),
    ("no file", "no such bird.png", PictureError, "no such bird.png"),
    ("a folder", Path(), PictureError, "folder"),
    ("an empty name", "", PictureError, "folder"),
]


@pytest.mark.parametrize("way", ["run", "probe", "stream"])
@pytest.mark.parametrize(("given", "kind", "says"), [row[1:] for row in PICTURE_SLIPS])
def test_pictures_that_are_none(
    given: Any, kind: type[vx.VitonnxError], says: str, way: str, engine: vx.Engine
) -> None:
    ways: dict[str, Use] = {
        "run": lambda engine: engine.run(given),
        "probe": lambda engine: engine.probe(given, HEADS),
        "stream": lambda engine: all(map(is_good, engine.stream(given, [HEADS]))),
    }
    refused(ways[way], engine, kind, says)


def test_no_picture(engine: vx.Engine) -> None:
    for use in (lambda each: each.run([]), lambda each: each.probe([], HEADS)):
        refused(use, engine, UsageError, "no picture given: give at least one")
    assert list(engine.stream([], [HEADS])) == []


def test_one_picture_is_a_list_of_itself(engine: vx.Engine, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "bird.png")
    for one in (PICTURE, Image.fromarray(PICTURE), tmp_path / "bird.png"):
        for given in (one, [one], (one,), iter([one])):
            (result,) = engine.probe(given, HEADS)
            assert result.attention.shape == (4, 6, 6)
    (streamed,) = engine.stream(str(tmp_path / "bird.png"), [HEADS])
    assert streamed.heads.attention.shape == (4, 6, 6)


def test_a_closed_engine_opens_no_other() -> None:
    engine = vx.Engine("scenes_vit", device="cpu")
    engine.close()
    for use in (lambda each: each.resized(64), lambda each: each.sibling()):
        refused(use, engine, UsageError, "is closed")


PROBE_SLIPS: list[tuple[Any, str]] = [
    (vx.Heads, r"Heads is a class: give an instance, Heads\(\)"),
    ("heads", r"'heads' is not a probe: give an object, such as vitonnx\.Heads\(\)"),
    (None, "None is not a probe"),
    (vx, "is not a probe"),
    (FILTERS, r"filters asks for no picture: use .*probe_weights"),
    (vx.Filters, r"Filters is a class"),
]


@pytest.mark.parametrize("way", ["probe", "probe_pixels", "stream", "explain"])
@pytest.mark.parametrize(("given", "says"), PROBE_SLIPS)
def test_probes_that_are_none(given: Any, says: str, way: str, engine: vx.Engine) -> None:
    ways: dict[str, Use] = {
        "probe": lambda engine: engine.probe(PICTURE, given),
        "probe_pixels": lambda engine: engine.probe_pixels(PIXELS, given),
        "stream": lambda engine: engine.stream([PICTURE], [HEADS, given]),
        "explain": lambda engine: engine.explain([HEADS, given]),
    }
    refused(ways[way], engine, UsageError, says)


WEIGHT_PROBE_SLIPS: list[tuple[Any, str]] = [
    (HEADS, r"heads reads pictures, not weights: use .*\.probe\("),
    (vx.Filters, r"Filters is a class: give an instance, Filters\(\)"),
    ([FILTERS], "one probe at a time"),
    ("filters", r"'filters' is not a probe: give an object, such as vitonnx\.Filters\(\)"),
    (None, "None is not a probe"),
]


@pytest.mark.parametrize(("given", "says"), WEIGHT_PROBE_SLIPS)
def test_weight_probes_that_are_none(given: Any, says: str, engine: vx.Engine) -> None:
    refused(lambda engine: engine.probe_weights(given), engine, UsageError, says)
    refused(lambda _: vx.probe_weights("scenes_vit", given), engine, UsageError, says)


SLIPS: dict[str, tuple[Use, type[vx.VitonnxError], str]] = {
    "the same probe twice in a stream": (
        lambda engine: engine.stream([PICTURE], [HEADS, vx.Heads(block=0)]),
        UsageError,
        "heads is there 2 times",
    ),
    "the same probe twice, explained": (
        lambda engine: engine.explain([HEADS, vx.Rollout(), HEADS]),
        UsageError,
        "heads is there 2 times",
    ),
    "a block that is not there": (
        lambda engine: engine.probe(PICTURE, vx.Heads(block=5)),
        UsageError,
        "no block 5",
    ),
    "an output that is not there": (
        lambda engine: engine.run_pixels(PIXELS, ["logit"]),
        UsageError,
        "no output 'logit'; it has .*logits",
    ),
    "no output": (lambda engine: engine.run_pixels(PIXELS, []), UsageError, "no output given"),
    "one picture for a batch": (
        lambda engine: engine.run_pixels(PIXELS[0], ["logits"]),
        UsageError,
        r"expected uint8 \(batch, 48, 48, 3\)",
    ),
    "several probes for one": (
        lambda engine: engine.probe_pixels(PIXELS, [HEADS]),
        UsageError,
        r"\[Heads\(.* is not a probe: give an object, such as vitonnx\.Heads\(\)",
    ),
    "a list for a batch": (
        lambda engine: engine.probe_pixels([PIXELS[0]], HEADS),
        UsageError,
        "a list is not a batch",
    ),
}


@pytest.mark.parametrize(("use", "kind", "says"), SLIPS.values(), ids=SLIPS)
def test_slips(use: Use, kind: type[vx.VitonnxError], says: str, engine: vx.Engine) -> None:
    refused(use, engine, kind, says)


MODELS: list[tuple[Any, type[vx.VitonnxError], str]] = [
    ("scenes_vti", UnknownModelError, "the nearest are .*scenes_vit"),
    ("dino_vits61", UnknownModelError, "the nearest are dino_vits16"),
    ("dino.onnx", ModelFileError, "no file dino.onnx"),
    ("ftp://host/dino.onnx", UsageError, "is a URL"),
    ("hf://", UsageError, "hf://ORG/REPO"),
    ("", UsageError, "name of the model is empty"),
    (None, UsageError, "given as NoneType: give a path or a name"),
    (7, UsageError, "given as int"),
    (["scenes_vit"], UsageError, "given as list"),
]


@pytest.mark.parametrize("use", [vx.Engine, lambda name: vx.probe_weights(name, FILTERS)])
@pytest.mark.parametrize(("name", "kind", "says"), MODELS)
def test_models_that_are_none(
    name: Any, kind: type[vx.VitonnxError], says: str, use: Use, desk: Path
) -> None:
    refused(use, name, kind, says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"threads": 0}, "threads is 0; it must be from 1 to"),
        ({"threads": "four"}, "threads is 'four'"),
        ({"threads": 2.5}, "threads is 2.5"),
        ({"max_pixels": -1}, "max_pixels is -1"),
        ({"size": 48.5}, "it must be pixels"),
        ({"size": 50}, "multiple"),
        ({"fit": "stretch"}, "stretch"),
        ({"precision": "fp8"}, "fp8"),
        ({"precision": None}, "None"),
        ({"device": "gpu"}, "gpu"),
        ({"device": 0}, "device 0 is neither a name"),
    ],
)
def test_options_that_can_not_be(options: dict[str, Any], says: str) -> None:
    refused(lambda name: vx.Engine(name, **options), "scenes_vit", UsageError, says)


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnResult(PictureResult):
    own: Any = None

    @property
    def finding(self) -> Maps:
        return Maps(values=self.own[None], labels=("own",), unit="own")


@dataclass(frozen=True)
class Own(Probe[OwnResult]):
    """Somebody's own probe, which reads and finds what it is told."""

    name = "own"
    gives = Maps
    outputs: Any = ("block_00/attention",)
    found: Callable[..., Any] = lambda outputs, layout, queries: [OwnResult() for _ in queries]

    def reads(self, layout: Any) -> Any:
        return self.outputs

    def compute(self, outputs: Any, layout: Any, queries: Any) -> Any:
        return self.found(outputs, layout, queries)


@dataclass(frozen=True)
class Compiled(GraphProbe[OwnResult]):
    """Likewise, compiled into the graph."""

    name = "compiled"
    gives = Maps
    condensed: Callable[[Any], Any] = lambda attention: attention[:, 0, ...]
    at: Callable[[], Any] = lambda: None
    made: Callable[[Any], Any] = lambda array: OwnResult(own=array)

    def reads(self, layout: Any) -> tuple[str, ...]:
        return (layout.attention(0),)

    def token(self, layout: Any, crop: Any) -> int | None:
        found: int | None = self.at()
        return found

    def condense(self, outputs: Any, layout: Any, queries: Any) -> Any:
        return self.condensed(next(iter(outputs.values())))

    def result(self, condensed: Any, layout: Any, query: Any) -> Any:
        return self.made(condensed)


def fails(*_: object) -> Any:
    raise KeyError("licence")


FAULTY_PROBES: list[tuple[Probe[Any], str]] = [
    (Own(("block_77/nothing",)), "own reads block_77/nothing, which the model doesn't have"),
    (Own("logits"), r"own \(.*test_slips\) failed: TypeError: reads gave 'logits'"),
    (Own(None), "own .* failed: TypeError"),
    (Own(found=fails), "own .* failed: KeyError: 'licence'"),
    (Own(found=lambda *_: None), "own .* failed: TypeError"),
    (Own(found=lambda *_: []), "own .* failed: ValueError: it gave 0 results for 1 pictures"),
    (Own(found=lambda *_: [3]), "own .* failed: TypeError: a int is no PictureResult"),
    (Compiled(fails), "compiled .* failed: KeyError: 'licence'"),
    (Compiled(lambda _: None), "compiled .* failed: TypeError: .* NoneType"),
    (Compiled(lambda _: np.ones(3)), "compiled .* failed: TypeError: .* ndarray"),
    (
        Compiled(lambda each: each[0, ...]),
        "condense gave shape|compiled is .* instead of .* mend its probe",
    ),
    (Compiled(at=fails), "compiled .* failed: KeyError: 'licence'"),
    (Compiled(made=fails), "compiled .* failed: KeyError: 'licence'"),
    (Compiled(made=lambda _: None), "compiled .* failed: TypeError"),
]


@pytest.mark.parametrize("in_graph", [True, False])
@pytest.mark.parametrize(("probe", "says"), FAULTY_PROBES)
def test_a_faulty_probe_is_named(probe: Probe[Any], says: str, in_graph: bool) -> None:
    with vx.Engine("scenes_vit", device="cpu", in_graph=in_graph) as engine:
        if not in_graph and "ndarray" in says:  # a constant is an array like any other there
            says = "compiled .* failed: ValueError"
        if not in_graph and "NoneType" in says:
            says = "compiled .* failed: AttributeError"
        refused(lambda engine: engine.probe(PICTURE, probe), engine, VitonnxError, says)


def test_a_faulty_finding_is_named(engine: vx.Engine) -> None:
    (result,) = engine.probe(PICTURE, [Own()])
    refused(lambda _: result.finding, engine, VitonnxError, "OwnResult .* failed: TypeError")
    (alone,) = engine.probe(PICTURE, Own())
    refused(lambda _: vx.plot(alone), engine, VitonnxError, "OwnResult .* failed: TypeError")


MAPS: list[tuple[dict[str, Any], str]] = [
    ({"values": np.ones((2, 3))}, r"values of shape \(2, 3\)"),
    ({"values": 3}, r"values of shape \(\)"),
    ({"labels": ("a",)}, r"2 maps have the labels \('a',\): give one for each"),
    ({"labels": "ab"}, "labels 'ab'"),
    ({"masks": np.ones((2, 3, 4), bool)}, r"masks of shape \(2, 3, 4\)"),
    ({"mark": (3, 0)}, r"no patch \(3, 0\)"),
    ({"mark": (0, -1)}, r"no patch \(0, -1\)"),
]


@pytest.mark.parametrize(("given", "says"), MAPS)
def test_maps_that_do_not_fit_together(given: dict[str, Any], says: str) -> None:
    fitting = {"values": np.ones((2, 3, 5)), "labels": ("a", "b"), "unit": "share"}
    refused(lambda _: Maps(**{**fitting, **given}), None, UsageError, says)


def test_arrays_that_do_not_stack(tmp_path: Path) -> None:
    def save(*own: Any) -> None:
        results = [Result(file="a", values={"own": OwnResult(own=each)}) for each in own]
        save_results(tmp_path / "o.npz", results, "own")

    refused(lambda _: save(None), None, UsageError, "own found no arrays")
    refused(lambda _: save(np.ones(3), np.ones(4)), None, UsageError, "several sizes")
    refused(lambda _: save(np.ones(3), None), None, UsageError, "several sizes")
    assert not list(tmp_path.iterdir())


def test_an_option_that_can_not_be_read() -> None:
    option = Option("pair", str, None, "Take this.", read=lambda word: {"a": 1}[word])
    refused(lambda _: option.parse("x"), None, UsageError, "--pair 'x' can't be used: 'x'")


OPTIONS: list[tuple[Callable[[], object], str]] = [
    (lambda: UNCHECKED.Heads(mass="0.5"), "mass is '0.5'; it must be a number"),
    (lambda: UNCHECKED.Heads(block="3"), "block is '3'; it must be a whole number"),
    (lambda: UNCHECKED.Heads(block=True), "block is True; it must be a whole number"),
    (lambda: UNCHECKED.Distance(3), "renormalize is 3; it must be true or false"),
    (lambda: UNCHECKED.Filters(components=2.5), "components is 2.5; it must be a whole number"),
    (lambda: UNCHECKED.Filters(count=None), "count is None; it must be a whole number"),
    (lambda: UNCHECKED.Rollout(discard=None), "discard is None; it must be a number"),
    (lambda: UNCHECKED.Rollout(fusion=3), "fusion 3 is unknown"),
]


@pytest.mark.parametrize(("make", "says"), OPTIONS)
def test_options_of_probes_of_another_kind(make: Callable[[], object], says: str) -> None:
    refused(lambda _: make(), None, UsageError, says)


def test_options_of_a_kind_that_fits() -> None:
    assert vx.Rollout(discard=0) == vx.Rollout()
    assert UNCHECKED.Heads(block=np.int64(1), mass=np.float32(0.5)).block == 1
    assert vx.Heads(mass=None, query=None) == HEADS
