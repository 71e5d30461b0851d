"""OpenVINO computes what the CPU does: every probe, in the graph, of ported and tapped files."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from tap.foreign_ways import WAYS
from vitonnx.demo import demo_models
from vitonnx.engine import bake, find_obstacle, reduce_file
from vitonnx.engine.devices import Device, choose_device
from vitonnx.errors import DeviceError
from vitonnx.probes._attribution import Method
from vitonnx.probes._basis import Basis
from vitonnx.tap import tap

pytestmark = pytest.mark.openvino

OPENVINO = "openvino"

# Of the largest value. Other kernels sum in another order: that costs 1e-6, a gradient ten times
# as much, as it is a product of many; and a wrong patch costs more than 1e-2.
SUMS, GRADIENTS = 1e-5, 1e-4
# Sums of whole numbers are the same in every order, but where a value lies between two of them, it
# may be rounded to the other.
WHOLE_NUMBERS = 1e-1  # the proof's own bound: a trained model comes to 3.5e-2

FILES = ("scenes_vit", "scenes_dino", "registers", "no prefix")
SHOWN = [*((name, False) for name in FILES), ("scenes_vit", True), ("registers", True)]


@pytest.fixture(scope="module", autouse=True)
def usable() -> None:
    if obstacle := find_obstacle(OPENVINO):
        pytest.skip(f"OpenVINO: {obstacle}")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a ported file, of those in the package, or a tapped one."""
    folder = tmp_path_factory.mktemp("tapped")

    def of(name: str) -> Path:
        if name in demo_models():
            return demo_models()[name]
        file = folder / f"{name}.onnx"
        if not file.exists():
            onnx.save(WAYS[name].model(), folder / "foreign.onnx")
            tap(folder / "foreign.onnx", file, preprocess="imagenet")
        return file

    return of


def other_size(file: Path) -> tuple[int, int]:
    """Two patches more than the file's own in one direction, and one less in the other."""
    layout = vx.Engine(file, device="cpu").manifest
    (rows, columns), patch = layout.grid, layout.patch_size
    return (rows + 2) * patch, (columns - 1) * patch


def pictures(count: int) -> list[NDArray[np.uint8]]:
    """Large squares of colour, as pictures have, and some noise."""
    noise, shown = np.random.default_rng(count), []
    for _ in range(count):
        squares = noise.integers(0, 200, (4, 5, 3)).repeat(16, 0).repeat(16, 1)
        shown.append((squares + noise.integers(0, 56, squares.shape)).astype(np.uint8))
    return shown


def probes(engine: vx.Engine) -> dict[str, list[Any]]:
    """The probes but attribution, in each of their graphs, by name; fitted on `engine`."""
    layout = engine.layout
    token = next(iter(layout.prefix_tokens), None)
    return {
        "heads": [vx.Heads(), vx.Heads(block=0, query="mean"), vx.Heads(query=(30, 40))],
        "rollout": [
            *(vx.Rollout(fusion=fusion) for fusion in ("mean", "max", "min")),
            *(vx.Rollout(fusion=fusion, discard=0.3) for fusion in ("mean", "max")),
        ],
        "distance": [vx.Distance(), vx.Distance(renormalize=True)],
        "entropy": [vx.Entropy()],
        "pca": [
            engine.fitted(pictures(9), probe)
            for probe in (vx.PCA(), vx.PCA(block=0, whiten=True), vx.PCA(foreground="first"))
        ],
        "similarity": [
            engine.fitted(pictures(1), vx.Similarity(query=(30, 40))),
            vx.Similarity(block=0, query=token),
        ],
        "norms": [vx.Norms(), vx.Norms(block=0)],
        "lens": [vx.Lens(), vx.Lens(block=0, class_=1)] if layout.class_count else [],
    }


def attributions(engine: vx.Engine, folder: Path) -> list[Any]:
    """One of each derivative that a graph computes."""
    if not engine.layout.class_count:
        other = folder / "other.png"
        Image.fromarray(pictures(1)[0]).save(other)
        return [engine.fitted(pictures(1), vx.Attribution(target=f"embedding:{other}"))]
    return [
        *(vx.Attribution(method=method) for method in get_args(Method)),
        vx.Attribution(target=(0, 1)),
        vx.Attribution(method="gradient", samples=2),
    ]


def passes(engine: vx.Engine) -> Iterator[list[Any]]:
    """Put probes together that one graph can hold: one of each name."""
    for together in itertools.zip_longest(*probes(engine).values()):
        yield [probe for probe in together if probe is not None]


def arrays(result: Any) -> dict[str, NDArray[Any]]:
    found = {name: np.asarray(value) for name, value in vars(result).items() if name != "pixels"}
    return {name: value for name, value in found.items() if value.dtype.kind in "fib"}


def error(found: NDArray[Any], true: NDArray[Any]) -> float:
    """The largest, of the largest true value."""
    assert found.shape == true.shape
    assert np.isfinite(found).all()
    return float(np.abs(found - true).max() / max(np.abs(true).max(), 1e-30))


def assert_close(found: Any, true: Any, probe: Any) -> None:
    bound = GRADIENTS if probe.name == "attribution" else SUMS
    others = arrays(true[probe.name])
    for name, value in arrays(found[probe.name]).items():
        if value.dtype.kind == "f":
            assert error(value, others[name]) <= bound, (probe, name)
        else:
            np.testing.assert_array_equal(value, others[name], f"{probe} {name}")


@pytest.fixture(params=SHOWN, ids=str)
def engines(request: pytest.FixtureRequest, file: Callable[[str], Path]) -> list[vx.Engine]:
    """Engines of a file at its own size or at another, on OpenVINO and on the CPU."""
    name, resized = request.param
    model = file(name)
    size = other_size(model) if resized else None
    return [
        vx.Engine(model, device=device, in_graph=True, size=size) for device in (OPENVINO, "cpu")
    ]


def assert_alike(engines: list[vx.Engine], asked: list[Any]) -> None:
    for count in (1, 5):
        shown = pictures(count)
        both = zip(*(list(engine.stream(shown, asked)) for engine in engines), strict=True)
        for found, true in both:
            assert found.error is None is true.error
            for probe in asked:
                assert_close(found, true, probe)
            if true.logits is not None:
                assert error(found.logits, true.logits) <= SUMS


def test_every_probe_finds_what_it_finds_on_the_cpu(engines: list[vx.Engine]) -> None:
    assert engines[0].batch_size >= 5
    for asked in passes(engines[1]):
        assert_alike(engines, asked)


def test_derivatives_are_the_same(engines: list[vx.Engine], tmp_path: Path) -> None:
    for probe in attributions(engines[1], tmp_path):
        assert_alike(engines, [probe])


def test_blocks_are_as_alike(engines: list[vx.Engine]) -> None:
    for probe in (vx.CKA(), vx.CKA(tokens="patches")):
        one, other = (arrays(engine.total(pictures(9), probe)) for engine in engines)
        for key, value in one.items():
            assert error(value, other[key]) <= SUMS


@pytest.mark.parametrize("name", FILES)
def test_what_is_fitted_there_is_the_same_up_to_sign(
    name: str, file: Callable[[str], Path]
) -> None:
    found, true = (
        vx.Engine(file(name), device=device, in_graph=True).fitted(pictures(9), vx.PCA()).basis
        for device in (OPENVINO, "cpu")
    )
    assert isinstance(found, Basis)
    assert isinstance(true, Basis)
    signs = np.sign((found.components * true.components).sum(1))
    # A direction is as exact as its distance to the next: of few patches, some are near.
    assert error(found.components * signs[:, None], true.components) <= GRADIENTS
    assert error(found.explained_variance, true.explained_variance) <= SUMS
    assert error(found.mean, true.mean) <= SUMS


def test_the_files_own_outputs_are_the_same(file: Callable[[str], Path]) -> None:
    for name in FILES:
        found, true = (
            vx.Engine(file(name), device=device).run(pictures(3)) for device in (OPENVINO, "cpu")
        )
        assert list(found) == list(true)
        for key, value in true.items():
            assert error(found[key], value) <= SUMS, (name, key)


def has_bf16() -> bool | None:
    """Whether the processor has products in bf16; None if OpenVINO makes do with wide registers."""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    words = flags[1].split() if flags else []
    if {"amx_bf16", "avx512_bf16"} & set(words):
        return True
    return None if "avx512f" in words else False


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    first, second = (values.ravel().argsort().argsort() for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def bf16_and_exact(file: Path) -> list[list[Any]]:
    """What is found in bf16 on OpenVINO, and in single precision on the CPU."""
    asked: list[Any] = [vx.Heads(), vx.Rollout()]
    return [
        list(
            vx.Engine(file, device=device, precision=precision, in_graph=True).stream(
                pictures(5), asked
            )
        )
        for device, precision in ((OPENVINO, "bf16"), ("cpu", "fp32"))
    ]


@pytest.mark.skipif(has_bf16() is not True, reason="the processor has no products in bf16")
def test_bf16_is_nearly_the_same(file: Callable[[str], Path]) -> None:
    for found, true in zip(*bf16_and_exact(file("scenes_vit")), strict=True):
        for key, array in (("heads", "attention"), ("rollout", "rollout")):
            one, other = (getattr(result[key], array) for result in (found, true))
            assert rank_correlation(one, other) >= 0.999
            assert error(one, other) > 1e-4  # it is in bf16
        assert error(found.logits, true.logits) <= 3e-2


@pytest.mark.skipif(has_bf16() is not False, reason="the processor may compute in bf16")
def test_bf16_is_refused_where_the_processor_has_none(file: Callable[[str], Path]) -> None:
    with pytest.raises(
        DeviceError, match=r"bf16.* has no arithmetic for it\. Use fp32\.$"
    ) as caught:
        bf16_and_exact(file("scenes_vit"))
    assert Device("cpu").title in str(caught.value)


def test_sums_that_are_too_large_for_half_precision_are_refused(
    file: Callable[[str], Path],
) -> None:
    """The network is as exact as was asked; what is made of it has no room in 16 bits."""
    engine = vx.Engine(file("scenes_vit"), device=OPENVINO, precision="fp16")
    with pytest.raises(
        DeviceError,
        match=r"^openvino computes cka of .*scenes_vit\.onnx wrongly in fp16: it holds what",
    ) as caught:
        engine.total(pictures(9), vx.CKA(tokens="patches"))
    assert "Use another precision, or --device cpu" in str(caught.value)
    found, true = (
        vx.Engine(file("scenes_vit"), device=device, precision=precision).total(
            pictures(9), vx.CKA(tokens="cls")
        )
        for device, precision in ((OPENVINO, "fp16"), ("cpu", "fp32"))
    )
    assert error(arrays(found)["values"], arrays(true)["values"]) <= 3e-2


def test_fixed_scales_give_what_they_give_on_the_cpu(
    file: Callable[[str], Path], tmp_path: Path
) -> None:
    for name in ("scenes_dino", "registers"):
        reduce_file(file(name), tmp_path / "int8.onnx", "int8", calibration=pictures(7))
        here, there = (
            vx.Engine(tmp_path / "int8.onnx", device=device, in_graph=True)
            for device in (OPENVINO, "cpu")
        )
        assert (here.precision, here.batch_size) == ("int8", 8)
        found, true = (engine.run(pictures(5)) for engine in (here, there))
        for key, value in true.items():
            assert error(found[key], value) <= WHOLE_NUMBERS, (name, key)
        for one, other in zip(
            here.stream(pictures(5), [vx.Rollout()]),
            there.stream(pictures(5), [vx.Rollout()]),
            strict=True,
        ):
            assert error(one.rollout.rollout, other.rollout.rollout) <= WHOLE_NUMBERS


def test_scales_that_come_with_each_picture_are_refused(
    file: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(DeviceError, match=r"in int8 on openvino: .*--calibrate"):
        vx.Engine(file("scenes_vit"), device=OPENVINO, precision="int8")
    reduce_file(file("scenes_vit"), tmp_path / "dynamic.onnx", "int8")
    with pytest.raises(DeviceError, match=r"in int8 on openvino: .*--calibrate"):
        vx.Engine(tmp_path / "dynamic.onnx", device=OPENVINO)


def test_it_takes_no_more_threads_than_it_may(file: Callable[[str], Path]) -> None:
    """One thread can't work for longer than the clock runs, however busy the machine is."""
    engine = vx.Engine(file("scenes_vit"), device=OPENVINO, threads=1)
    shown = np.zeros((8, 48, 48, 3), np.uint8)
    engine.run_pixels(shown, engine.outputs)
    clock, work = time.perf_counter(), time.process_time()
    while time.perf_counter() < clock + 2:
        engine.run_pixels(shown, engine.outputs)
    assert time.process_time() - work < 1.3 * (time.perf_counter() - clock)


@pytest.mark.parametrize("name", FILES)
def test_baked_files_run_there_without_vitonnx(
    name: str, file: Callable[[str], Path], tmp_path: Path
) -> None:
    engine, target = vx.Engine(file(name), device="cpu"), tmp_path / "baked.onnx"
    bake(engine, [vx.Heads(), vx.Rollout(), vx.Distance()], target)
    shown = np.stack([engine.prepare(picture).pixels for picture in pictures(5)])
    found, true = (session.run(None, {"images": shown}) for session in plain_sessions(target))
    assert len(found) == 3
    for one, other in zip(found, true, strict=True):
        assert error(one, other) <= SUMS


def plain_sessions(file: Path) -> list[onnxruntime.InferenceSession]:
    """Open a file on OpenVINO, told to be exact, and on the CPU."""
    cpu = "CPUExecutionProvider"
    exact = {"load_config": json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "f32"}})}
    there = onnxruntime.InferenceSession(file, providers=[cpu])
    if hardware := choose_device(OPENVINO).hardware:
        options = onnxruntime.SessionOptions()
        options.add_provider_for_devices(list(hardware), exact)
        return [onnxruntime.InferenceSession(file, options), there]
    told = ("OpenVINOExecutionProvider", {"device_type": "CPU", **exact})
    return [onnxruntime.InferenceSession(file, providers=[told, cpu]), there]
