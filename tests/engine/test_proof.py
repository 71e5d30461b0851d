"""The proof that a device computes as exactly as was asked, given real sessions that don't.

What stands for a device is the CPU, with graphs that are wrong in a definite way: whose weights are
off, by rounding as a provider rounds them, by more, or by being no numbers; or that give something
else than they found.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import array_api_compat
import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from vitonnx.contract import NOISE, QUERIES, TARGETS
from vitonnx.demo import demo_models
from vitonnx.engine import Plan, _proof, plan_graph, reduce_file
from vitonnx.engine._cache import plans_folder
from vitonnx.engine._proof import ASTRAY, AT_ONCE, EXACT, ROUGH, WHOLE, Prover, witnesses
from vitonnx.engine._session import Session
from vitonnx.engine.devices import Device
from vitonnx.errors import DeviceError, VitonnxError
from vitonnx.layout import Layout
from vitonnx.modelfile import load_manifest, load_outline, open_graph
from vitonnx.probes import Finding, GraphProbe, Maps, PictureResult
from vitonnx.probes._basis import BasisShape

MODEL = demo_models()["scenes_vit"]
SIZE = load_manifest(MODEL).size
OUTPUTS = tuple(load_outline(MODEL).outputs)
PLAN = Plan((), witnesses(OUTPUTS))
DEVICE = Device("openvino")

OTHER_SIZE = (40, 56)
DIM = load_manifest(MODEL).dim
ASKED = Plan(
    (vx.Rollout(discard=0.3), vx.Lens(), vx.CKA(tokens="patches")), ("logits",), OTHER_SIZE
)
"""Thresholds, class numbers, sums of all pictures, and an output of the file."""

Array: TypeAlias = NDArray[Any]
Spoil: TypeAlias = Callable[[onnx.ModelProto], None]


@functools.cache
def planned(file: Path, plan: Plan | None) -> bytes:
    """A graph in single precision, and its weights."""
    if plan is None or (plan.size is None and not plan.probes):  # planning takes a second
        model = onnx.load(file)
        outputs = {output.name: output for output in model.graph.output}
        del model.graph.output[:]
        model.graph.output.extend(outputs[name] for name in (plan.names if plan else outputs))
    else:
        graph = plan_graph(open_graph(file), plan)
        model = ir.to_proto(ir.external_data.load_to_model(graph))
    return model.SerializeToString()


def floats(values: Any) -> Array:
    return np.asarray(values, np.float32)


def unspoiled(model: onnx.ModelProto) -> None:
    """Compute as the CPU does."""


def of_weights(change: Callable[[Array], Array]) -> Spoil:
    """Compute with other weights."""

    def spoil(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            weights = onnx.numpy_helper.to_array(tensor)
            if weights.dtype == np.float32 and weights.ndim == 2:
                changed = np.asarray(change(weights), np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(changed, tensor.name))

    return spoil


def of_output(name: str, operator: str, constant: Array) -> Spoil:
    """Give an output after one more node, where the graph has it."""

    def spoil(model: onnx.ModelProto) -> None:
        graph = model.graph
        if name not in [output.name for output in graph.output]:
            return
        for node in graph.node:
            for names in (node.input, node.output):
                names[:] = ["right" if each == name else each for each in names]
        graph.initializer.append(onnx.numpy_helper.from_array(constant, "wrong"))
        graph.node.append(onnx.helper.make_node(operator, ["right", "wrong"], [name]))

    return spoil


def giving(name: str, wrong: Array, right: Array) -> Spoil:
    """Give this in place of what is right."""
    return of_output(name, "Add", wrong - right)


class Watched(Session):
    """A session that says what it was last fed."""

    fed: tuple[Array, Array | None, Mapping[str, Array]]

    def run(self, images: Any, outputs: Any, queries: Any = None, constants: Any = None) -> Any:
        self.fed = images, queries, constants
        return super().run(images, outputs, queries, constants)


@dataclass
class Start:
    """Open a graph on the CPU, and one that is wrong where a device is asked for; list both."""

    there: Spoil = unspoiled  # what the device does
    here: Spoil = unspoiled
    file: Path = MODEL
    opened: list[tuple[str, Plan | None, Watched]] = field(default_factory=list)
    beside: int = 0  # sessions that were open while one more was opened

    def __call__(self, plan: Plan | None, device: Device) -> Watched:
        single = None if plan is None else replace(plan, precision="fp32", provider="")
        model = onnx.load_from_string(planned(self.file, single))
        (self.here if device.is_cpu else self.there)(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        # Each is opened once, for five pictures.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        runtime = onnxruntime.InferenceSession(model.SerializeToString(), options)
        self.beside += sum(session.session is not None for session in self.sessions)
        outputs = tuple(output.name for output in runtime.get_outputs())
        self.opened.append((device.name, plan, session := Watched(device, outputs, runtime)))
        return session

    @property
    def sessions(self) -> list[Watched]:
        return [session for *_, session in self.opened]

    @property
    def devices(self) -> list[str]:
        return [name for name, *_ in self.opened]


def prover(
    start: Start,
    precision: str = "fp32",
    given: str = "fp32",
    device: Device = DEVICE,
    size: tuple[int, int] | None = None,
    whole: Plan | None = None,
    at_once: int = 8,
) -> Prover:
    manifest = load_manifest(MODEL) if size is None else load_manifest(MODEL).at(size)
    whole = whole or replace(PLAN, size=size)
    sides = manifest.size
    return Prover(
        start.file, manifest, sides, device, precision, given, whole, lambda plan: at_once, start
    )


def refusal(start: Start, precision: str = "fp32", given: str = "fp32", **more: Any) -> str:
    """What a proof says against the network on a device; "" if nothing."""
    plan = more.pop("plan", PLAN)
    try:
        prover(start, precision, given, **more).open(plan).close()
    except DeviceError as error:
        assert all(session.session is None for session in start.sessions)
        return str(error)
    return ""


def of_asked(there: Spoil, precision: str = "fp32", here: Spoil = unspoiled) -> str:
    """What a proof says against a device's answers, of which none is kept."""
    forget()
    start = Start(there, here)
    proves = prover(start, precision, precision, size=OTHER_SIZE)
    proves.is_proved = True  # the network is as on the CPU
    try:
        proves.open(ASKED).close()
    except DeviceError as error:
        assert all(session.session is None for session in start.sessions)
        return str(error)
    return ""


def forget() -> None:
    for proof in plans_folder().glob("*.proof"):
        proof.unlink()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where proofs are kept, of the test's own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "vitonnx" / "plans"


@pytest.fixture(scope="module")
def right() -> Mapping[str, Array]:
    """What is right, of the pictures that are shown."""
    session = Start()(ASKED, Device("cpu"))
    answers: Mapping[str, Array] = session.run(
        _proof._pictures(AT_ONCE, *OTHER_SIZE), session.outputs
    )
    return answers


def kept_errors(cache: Path) -> dict[str, list[float]]:
    (proof,) = cache.glob("*.proof")
    errors: dict[str, list[float]] = json.loads(proof.read_text(encoding="utf-8"))["errors"]
    return errors


def kept_error(cache: Path) -> float:
    return max(largest for *_, largest in kept_errors(cache).values())


def off(share: float) -> Callable[[Array], Array]:
    """Move each weight by about this share of it."""
    noise = np.random.default_rng(1)
    return lambda weights: weights * (1 + share * noise.standard_normal(weights.shape))


# What the largest error comes to is measured in `test_the_error_is_measured`.
WAYS: dict[str, Callable[[], Spoil]] = {
    "the same": lambda: of_weights(lambda weights: weights),
    "another order": lambda: of_weights(off(1e-7)),
    "1e-3": lambda: of_weights(off(1e-3)),
    "bf16": lambda: of_weights(lambda weights: weights.astype(ml_dtypes.bfloat16)),
    "a third": lambda: of_weights(off(0.3)),
    "no numbers": lambda: of_weights(lambda weights: weights * np.nan),
    "endless": lambda: of_weights(lambda weights: weights * np.inf),
}
TOO_FAR, SINGLE, WRONG = "with an error of", "computes in fp32 here", "wrongly in"
FINE = ""


@pytest.mark.parametrize(
    ("way", "fp32", "tf32", "sixteen"),
    [
        ("the same", FINE, FINE, SINGLE),
        ("another order", FINE, FINE, SINGLE),
        ("1e-3", TOO_FAR, FINE, FINE),
        ("bf16", TOO_FAR, FINE, FINE),
        ("a third", TOO_FAR, TOO_FAR, TOO_FAR),
        ("no numbers", TOO_FAR, TOO_FAR, TOO_FAR),
        ("endless", TOO_FAR, TOO_FAR, TOO_FAR),
    ],
)
def test_each_precision_has_its_errors(way: str, fp32: str, tf32: str, sixteen: str) -> None:
    said = {"fp32": fp32, "tf32": tf32, "bf16": sixteen}
    for precision, part in said.items():
        for _ in range(2):  # measured, and as it was kept
            found = refusal(Start(WAYS[way]()), precision)
            assert part in found
            assert bool(part) == bool(found)


def test_the_error_is_measured(cache: Path) -> None:
    largest = {"the same": 0.0, "another order": 1e-5, "1e-3": 1e-2, "bf16": 1e-2, "a third": 2.0}
    least = {"the same": 0.0, "another order": 1e-8, "1e-3": 3e-4, "bf16": 5e-4, "a third": 0.1}
    for way, most in largest.items():
        refusal(Start(WAYS[way]()))
        assert list(kept_errors(cache)) == list(PLAN.outputs)
        assert all(usual <= rms <= most for usual, rms, most in kept_errors(cache).values())
        assert least[way] <= kept_error(cache) <= most
        forget()
    refusal(Start(WAYS["no numbers"]()))
    assert kept_error(cache) == math.inf


def test_the_sentence_says_what_where_and_what_to_do(cache: Path) -> None:
    said = refusal(Start(WAYS["bf16"]()))
    assert said == (
        f"openvino computes {MODEL} in fp32 with an error of {kept_error(cache):.1e} of the "
        "largest value, and at most 2e-04 is accepted: use another precision, or --device cpu."
    )
    assert "at most 3e-02 is accepted" in refusal(Start(WAYS["a third"]()), "bf16")
    assert refusal(Start(), "bf16", device=Device("webgpu")) == (
        "webgpu computes in fp32 here, though bf16 was asked: this hardware has no arithmetic for "
        "it. Use fp32."
    )


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_files_in_fewer_bits_are_compared_with_themselves(precision: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    shown = [noise.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(3)]
    file = tmp_path / "fewer.onnx"
    reduce_file(MODEL, file, precision, calibration=shown if precision == "int8" else None)
    assert refusal(Start(file=file), precision, given=precision) == FINE

    def worse(model: onnx.ModelProto) -> None:
        model.CopyFrom(onnx.load_from_string(planned(MODEL, PLAN)))
        WAYS["a third"]()(model)

    found = refusal(Start(worse, file=file), precision, given=precision, device=Device("webgpu"))
    assert TOO_FAR in found


@pytest.mark.parametrize(
    ("precision", "given", "errors"),
    [
        ("fp32", "fp32", {1.99e-4: FINE, 2.01e-4: TOO_FAR, math.inf: TOO_FAR}),
        ("tf32", "fp32", {0.0: FINE, 2.99e-2: FINE, 3.01e-2: TOO_FAR}),
        ("bf16", "fp32", {1.99e-5: SINGLE, 2.01e-5: FINE, 2.99e-2: FINE, 3.01e-2: TOO_FAR}),
        ("bf16", "bf16", {0.0: FINE, 3.01e-2: TOO_FAR}),
        ("fp16", "fp32", {1.99e-5: SINGLE, 2.01e-5: FINE}),
        ("fp16", "fp16", {0.0: FINE}),
        ("int8", "int8", {0.0: FINE, 9.99e-2: FINE, 1.01e-1: TOO_FAR}),
    ],
)
def test_the_limits(precision: str, given: str, errors: dict[float, str], cache: Path) -> None:
    refusal(Start(), precision, given)
    (proof,) = cache.glob("*.proof")
    for error, part in errors.items():
        kept = {"errors": {"embedding": [0.0, error, error], "logits": [0.0] * 3}}
        proof.write_text(json.dumps(kept), encoding="utf-8")
        start = Start()
        found = refusal(start, precision, given)
        assert part in found
        # It was kept: only the device is opened, and only what is fine. As an answer, it may err
        # by more than as the network's.
        assert bool(part) == bool(found) == (start.devices == [])
        assert set(start.devices) <= {"openvino"}


@pytest.mark.parametrize(("precision", "bound"), [("fp32", 2e-4), ("bf16", 3e-2), ("int8", 1e-1)])
def test_the_limits_of_answers(precision: str, bound: float, cache: Path) -> None:
    plan = Plan((), ("logits",))
    refusal(Start(), precision, precision)
    (network,) = cache.glob("*.proof")
    refusal(Start(), precision, precision, plan=plan)
    (proof,) = set(cache.glob("*.proof")) - {network}
    for errors, part in (
        ([0.99 * bound, 0.4, 0.49], FINE),
        ([1.01 * bound, 0.4, 0.49], WRONG),
        ([0.0, 0.0, 0.51], WRONG),
        ([0.0, math.inf, math.inf], WRONG),
    ):
        kept = {"errors": {"logits": errors, "heads": [0.0] * 3}}
        proof.write_text(json.dumps(kept), encoding="utf-8")
        start = Start()
        found = refusal(start, precision, precision, plan=plan)
        assert part in found
        assert bool(part) == bool(found) == (start.devices == [])


def test_limits_are_those_that_are_promised() -> None:
    assert (EXACT, ROUGH, WHOLE, ASTRAY, AT_ONCE) == (2e-4, 3e-2, 1e-1, 0.5, 5)


def test_it_is_measured_once_and_sessions_are_closed() -> None:
    start = Start(WAYS["1e-3"]())
    for _ in range(3):
        assert TOO_FAR in refusal(start)
    assert start.devices == ["cpu", "openvino"]
    assert all(session.session is None for session in start.sessions)
    assert start.beside == 0  # two models at once need not fit into memory


def test_the_cpu_computes_in_the_files_own_precision() -> None:
    plan = replace(PLAN, precision="fp16", provider="webgpu")
    start = Start(WAYS["bf16"]())
    assert refusal(start, "fp16", plan=plan, whole=plan) == FINE
    assert [said[:2] for said in start.opened[:2]] == [("cpu", PLAN), ("openvino", plan)]


def test_each_plan_is_measured_once_and_its_session_is_used() -> None:
    start, logits, embedding = Start(), Plan((), ("logits",)), Plan((), ("embedding",))
    proves = prover(start)
    first = proves.open(logits)
    assert [said[:2] for said in start.opened] == [
        *(("cpu", PLAN), ("openvino", PLAN)),  # the network, once
        *(("cpu", logits), ("openvino", logits)),
    ]
    assert first is start.sessions[-1]
    assert (first.device, first.outputs) == (DEVICE, ("logits",))
    assert first.session is not None
    assert start.beside == 0
    again = proves.open(logits)
    assert [said[:2] for said in start.opened[4:]] == [("openvino", logits)]
    assert again is start.sessions[-1] is not first
    proves.open(embedding)
    assert [said[:2] for said in start.opened[5:]] == [("cpu", embedding), ("openvino", embedding)]
    other = Start()
    prover(other).open(embedding)  # as another process would
    assert [said[:2] for said in other.opened] == [("openvino", embedding)]


def test_the_file_as_it_is_is_proved_too() -> None:
    start = Start()
    prover(start).open(None)
    assert [said[:2] for said in start.opened[2:]] == [("cpu", None), ("openvino", None)]
    assert start.sessions[-1].outputs == OUTPUTS
    wrong = of_output("block_00/tokens", "Mul", floats([1, 1, 1, 1, 0])[:, None, None])
    found = refusal(Start(wrong), plan=None, device=Device("webgpu"))
    assert "webgpu computes block_00/tokens of" in found
    assert WRONG in found


def first_three(answers: Array) -> Array:
    answers[3:] = 0
    return answers


def not_the_last(answers: Array) -> Array:
    answers[-1] = (
        np.random.default_rng(0).permutation(answers[-1].ravel()).reshape(answers[-1].shape)
    )
    return answers


def two_swapped(answers: Array) -> Array:
    return answers[[0, 1, 3, 2, 4]]


def shifted(share: float, of_largest: float) -> Callable[[Array], Array]:
    """Move a share of a picture's numbers by this much of its largest."""

    def shift(answers: Array) -> Array:
        numbers = answers[2].reshape(-1)
        numbers[: math.ceil(share * len(numbers))] += of_largest * np.abs(numbers).max()
        return answers

    return shift


def not_a_number(answers: Array) -> Array:
    answers[1].reshape(-1)[3] = np.nan
    return answers


def infinite(answers: Array) -> Array:
    answers[4].reshape(-1)[2] = -np.inf
    return answers


scaled = functools.partial(np.multiply, np.float32(1.001))


@pytest.mark.parametrize(
    ("change", "precision", "part"),
    [
        (first_three, "int8", WRONG),
        (not_the_last, "bf16", WRONG),
        (two_swapped, "bf16", WRONG),
        (not_a_number, "int8", WRONG),
        (infinite, "int8", WRONG),
        (scaled, "fp32", WRONG),
        (scaled, "bf16", FINE),
        (shifted(0.55, 1e-3), "fp32", WRONG),
        (shifted(0.55, 1e-3), "bf16", FINE),
        (shifted(0.55, 4e-2), "bf16", WRONG),
        (shifted(0.45, 1e-3), "fp32", FINE),
        (shifted(0.01, 0.4), "fp32", FINE),  # one number, on the other side of a threshold
        (shifted(0.01, 0.6), "int8", WRONG),
    ],
)
def test_answers_are_right_in_every_picture(
    change: Callable[[Array], Array], precision: str, part: str, right: Mapping[str, Array]
) -> None:
    assert len(right["rollout"]) == AT_ONCE
    wrong = giving("rollout", change(right["rollout"].copy()), right["rollout"])
    found = of_asked(wrong, precision)
    assert part in found
    assert bool(part) == bool(found)


def test_so_are_the_files_own_outputs_beside_them(right: Mapping[str, Array]) -> None:
    for change in (first_three, two_swapped, scaled):
        wrong = giving("logits", change(right["logits"].copy()), right["logits"])
        assert f"computes logits of {MODEL} wrongly" in of_asked(wrong)


def test_the_sentence_names_the_answer_and_what_to_do(right: Mapping[str, Array]) -> None:
    found = of_asked(giving("rollout", first_three(right["rollout"].copy()), right["rollout"]))
    assert found == (
        f"openvino computes rollout of {MODEL} wrongly in fp32: it is off by 1.0e+00 of the largest"
        " value. Use another precision, or --device cpu."
    )


def test_of_classes_only_how_likely_they_are_counts(right: Mapping[str, Array]) -> None:
    classes, likely = right["lens"].copy(), right["lens"].copy()
    classes[..., 0] = (classes[..., 0] + 1) % 10
    assert of_asked(giving("lens", classes, right["lens"])) == FINE
    likely[3, ..., 1] *= 0.9
    assert "computes lens of" in of_asked(giving("lens", likely, right["lens"]), "fp32")


def test_sums_of_all_pictures_are_compared_as_one(right: Mapping[str, Array]) -> None:
    sums = right["cka"]
    assert len(sums) == 1
    assert of_asked(unspoiled) == FINE
    # Those of three numbers are larger than those of two by far: these must be right, too.
    small = np.where(np.abs(sums) > 1e-3 * np.abs(sums).max(), sums, 0)
    for wrong in (2 * sums, small, np.where(sums == sums.max(), np.inf, sums)):
        assert "computes cka of" in of_asked(giving("cka", wrong, sums), "int8")


def test_no_number_on_both_sides_is_the_same(right: Mapping[str, Array]) -> None:
    for change in (not_a_number, infinite):
        spoil = giving("rollout", change(right["rollout"].copy()), right["rollout"])
        assert of_asked(spoil, here=spoil) == FINE
    neither = of_weights(lambda weights: weights * np.nan)
    assert refusal(Start(neither, here=neither), device=Device("webgpu")) == FINE


def test_a_number_where_there_is_none_is_wrong(right: Mapping[str, Array]) -> None:
    for change in (not_a_number, infinite):
        spoil = giving("rollout", change(right["rollout"].copy()), right["rollout"])
        assert "computes rollout of" in of_asked(unspoiled, here=spoil)


@pytest.mark.parametrize(("at_once", "shown"), [(1, 1), (3, 3), (5, 5), (8, 5)])
def test_no_more_pictures_are_shown_than_are_probed_at_once(at_once: int, shown: int) -> None:
    plan, start = Plan((), ("logits",)), Start()
    assert refusal(start, plan=plan, at_once=at_once) == FINE
    for session in start.sessions:
        assert session.fed[0].shape == (shown, *SIZE, 3)
    wrong = Start(of_output("logits", "Mul", floats([1] * (shown - 1) + [0])[:, None]))
    forget()
    assert WRONG in refusal(wrong, plan=plan, at_once=at_once)


def test_what_a_graph_takes_beside_pictures_is_made_up() -> None:
    plan = Plan(
        (
            *(vx.Heads(query=(20, 30)).graph_form, vx.PCA(basis=BasisShape(DIM, True))),
            *(vx.Similarity(anchor=DIM), vx.Attribution(method="gradient", samples=2)),
        ),
        size=OTHER_SIZE,
    )
    start = Start()
    assert refusal(start, plan=plan, size=OTHER_SIZE) == FINE
    cpu, device = start.sessions[-2:]
    _, queries, constants = device.fed
    assert queries is not None
    assert queries.dtype == np.int64
    assert queries.tolist() == [1, 2, 3, 4, 5]  # a patch of each picture's own
    assert {name: (each.dtype.type, each.shape) for name, each in constants.items()} == {
        TARGETS: (np.int64, (AT_ONCE, 1)),
        NOISE: (np.float32, (*OTHER_SIZE, 3)),
        "pca/mean": (np.float32, (DIM,)),
        "pca/components": (np.float32, (4, DIM)),
        "pca/offsets": (np.float32, (4,)),
        "similarity/anchor": (np.float32, (DIM,)),
    }
    assert set(device.inputs) == {QUERIES, *constants}
    for name, each in constants.items():
        assert name == TARGETS or len(np.unique(each)) > 3
        np.testing.assert_array_equal(each, cpu.fed[2][name])
    # What is made up matters: of other answers to it, none is taken.
    first = of_output("heads", "Gather", np.zeros(AT_ONCE, np.int64))
    forget()
    assert "computes heads of" in refusal(Start(first), plan=plan, size=OTHER_SIZE)


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnResult(PictureResult):
    """One number."""

    largest: Any

    @property
    def finding(self) -> Finding:
        raise NotImplementedError


@dataclass(frozen=True)
class Own(GraphProbe[OwnResult]):
    """A probe of a user's own, of a single number a picture."""

    name: ClassVar[str] = "own"
    gives = Maps

    def reads(self, layout: Layout) -> tuple[str, ...]:
        return ("logits",)

    def condense(self, outputs: Mapping[str, Any], layout: Layout, queries: Any) -> Any:
        xp = array_api_compat.array_namespace(outputs["logits"])
        return xp.max(outputs["logits"], axis=-1)

    def result(self, condensed: Any, layout: Layout, query: int | None) -> OwnResult:
        return OwnResult(largest=condensed)


def test_a_probe_of_others_may_give_one_number_and_is_measured_every_time(cache: Path) -> None:
    plan, start = Plan((Own(),)), Start()
    assert [refusal(start, plan=plan) for _ in range(2)] == [FINE, FINE]
    assert start.devices == ["cpu", "openvino"] * 3  # of the network, once
    assert len(list(cache.glob("*.proof"))) == 1
    # Whoever mends it is not refused for what it gave before.
    last = of_output("own", "Mul", floats([1, 1, 1, 1, 2]))
    assert "computes own of" in refusal(Start(last), plan=plan)
    assert refusal(Start(), plan=plan) == FINE


@dataclass(frozen=True)
class Broken(Own):
    """A probe of a user's own that can't say what is to be compared."""

    def compared(self, condensed: Any) -> Any:
        return condensed.nothing


def test_a_probe_of_others_that_fails_is_named_and_its_session_closed() -> None:
    start = Start()
    with pytest.raises(VitonnxError, match=r"the probe own \(.*\) failed: AttributeError"):
        prover(start).open(Plan((Broken(),)))
    assert all(session.session is None for session in start.sessions)


def test_a_session_is_closed_that_fails() -> None:
    fails = of_output("embedding", "Gather", np.asarray([0, 1, 2, 3, 7]))  # there are five
    for start in (Start(fails), Start(here=fails)):
        with pytest.raises(VitonnxError, match="can't run 5 pictures"):
            prover(start).open(None)
        assert len(start.opened) == (2 if start.here is unspoiled else 1)
        assert all(session.session is None for session in start.sessions)


def test_answers_of_another_shape_are_wrong() -> None:
    said = {"embedding": "an error of inf", "logits": "wrongly in fp32: it holds what is no number"}
    for name, part in said.items():  # of the network, and of an answer
        fewer = Start(of_output(name, "Gather", np.asarray([0, 1, 2, 3])))
        assert part in refusal(fewer, plan=None)
        forget()


def test_a_damaged_proof_is_measured_anew(cache: Path) -> None:
    refusal(Start())
    (proof,) = cache.glob("*.proof")
    for rubbish in (
        *(b"", b"\xff\xfe", b"{}", b"[]", b"null", b'{"error": 0}', b'{"errors": null}'),
        *(b'{"errors": {}}', b'{"errors": 0}', b'{"errors": {"embedding": 0}}'),
        *(b'{"errors": {"embedding": [0, 0]}}', b'{"errors": {"embedding": [0, 0, 0, 0]}}'),
        *(b'{"errors": {"embedding": [NaN, 0, 0]}}', b'{"errors": {"embedding": [0, 0, NaN]}}'),
        *(b'{"errors": {"embedding": [0, 0, -1]}}', b'{"errors": {"embedding": [0, 0, "x"]}}'),
        *(b'{"errors": {"embedding": [0, 0, null]}}', b'{"errors": {"embedding": [0, 0, 1e-6'),
    ):
        proof.write_bytes(rubbish)
        start = Start()
        assert refusal(start) == FINE
        assert start.devices == ["cpu", "openvino", "openvino"], rubbish
        assert kept_error(cache) == 0


def test_a_proof_that_cannot_be_read_or_written_is_measured_every_time(cache: Path) -> None:
    refusal(Start())
    (proof,) = cache.glob("*.proof")
    proof.unlink()
    (proof / "in the way").mkdir(parents=True)
    start = Start(WAYS["1e-3"]())
    assert [TOO_FAR in refusal(start) for _ in range(2)] == [True, True]
    assert start.devices == ["cpu", "openvino"] * 2
    assert [each.name for each in cache.iterdir()] == [proof.name]  # nothing half-written


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "file" / name)
    start = Start(WAYS["1e-3"]())
    assert [refusal(start)[:9] for _ in range(2)] == ["openvino "] * 2
    assert start.devices == ["cpu", "openvino"] * 2
    # Who is not refused is asked about the network once, all the same.
    fine = Start()
    proves = prover(fine)
    for name in ("logits", "embedding"):
        proves.open(Plan((), (name,)))
    assert fine.devices == ["cpu", "openvino"] * 3


def test_what_is_kept_is_for_one_file_plan_precision_device_and_number_of_pictures(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(MODEL.read_bytes())
    start = Start(file=file)

    def measured(**more: Any) -> bool:
        """Whether a proof was made, rather than found."""
        before = len(start.opened)
        assert refusal(start, **{"plan": more.get("whole", PLAN), **more}) == FINE
        return "cpu" in start.devices[before:]

    assert measured()
    assert not measured()
    assert measured(precision="tf32")
    assert measured(whole=replace(PLAN, fused=False))
    assert measured(whole=replace(PLAN, outputs=("embedding",)))
    assert measured(device=Device("openvino:gpu"))
    assert measured(at_once=1)
    assert not measured(at_once=5)
    found = file.stat()
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))
    assert measured()
    for about in ("title", "maker"):  # another processor or driver, another version
        with monkeypatch.context() as other:
            other.setattr(Device, about, "another 2.0")
            assert measured()
            assert not measured()
        assert not measured()
    assert len(list(cache.glob("*.proof"))) == 9


def test_what_is_compared_hangs_on_the_whole_network() -> None:
    outputs = ("block_00/attention", "block_00/tokens", "block_01/attention", "logits", "embedding")
    assert witnesses(outputs) == ("block_01/attention", "embedding")
    assert witnesses(outputs[:4]) == ("block_01/attention",)
    assert witnesses(("block_00/tokens", "block_01/tokens")) == ("block_01/tokens",)
    assert PLAN.outputs[-1] == "embedding"


def test_errors_are_of_each_pictures_largest_value() -> None:
    """Whatever its sign; of nothing but zeros, as it is. The worst picture counts."""
    zeros, ones = np.zeros((2, 3), np.float32), floats([[0, -1, 0.5], [0, -100, 50]])

    def errors(found: Array, true: Array) -> Sequence[float]:
        ((name, pair),) = _proof._compare(None, {"a": found, "b": zeros}, {"a": true})
        assert name == "a"
        return pair[::2]  # the usual and the largest

    assert errors(ones, ones) == (0, 0)
    assert errors(zeros, zeros) == (0, 0)
    assert errors(zeros + 2, zeros) == (2, 2)
    assert errors(4 * ones - 2, 4 * ones) == (0.5, 0.5)
    assert errors(floats([[0, -1, 0.5], [0, -100, 75]]), ones) == (0, 0.25)
    assert errors(floats([[0, -1, 1], [1, -100, 51]]), ones) == (0.01, 0.5)
    for wrong in (np.full_like(ones, np.inf), ones * np.nan):
        assert errors(wrong, ones) == (math.inf, math.inf)
        assert errors(ones, wrong) == (math.inf, math.inf)
        assert errors(wrong, wrong) == (0, 0)


def test_in_16_bits_a_single_weight_may_be_off_by_more() -> None:
    """Peaked attention is: the mean square of all errors tells right from wrong."""
    peak, answers = np.zeros((5, 40), np.float32), np.full((5, 40), 0.1, np.float32)
    answers[:, 3], peak[:, 3] = 1, 0.05
    ((_, found),) = _proof._compare(None, {"a": answers + peak}, {"a": answers})
    assert found == pytest.approx((0, 0.05 / math.sqrt(40), 0.05), rel=1e-5)
    assert found.rms < ROUGH < found.largest


def test_the_pictures_differ_are_of_the_size_that_is_asked_and_full_of_colour() -> None:
    for size in ((48, 48), (40, 56), (7, 5), (17, 33)):
        shown = _proof._pictures(5, *size)
        assert shown.shape == (5, *size, 3)
        assert shown.dtype == np.uint8
        assert len(np.unique(shown.reshape(5, -1), axis=0)) == 5
        np.testing.assert_array_equal(shown, _proof._pictures(5, *size))
    assert len(np.unique(_proof._pictures(1, 48, 48).reshape(-1, 3), axis=0)) == 9
