"""Devices: their names, and what is said about those that this machine doesn't have."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import onnxruntime
import pytest

import vitonnx as vx
from vitonnx.engine import DEVICES, find_obstacle, require_bf16
from vitonnx.engine._session import open_session
from vitonnx.engine.devices import (
    Device,
    _choose,
    _nvidia,
    _takes,
    choose_device,
    first_line,
    require_precision,
)
from vitonnx.engine.devices._accelerators import ACCELERATORS
from vitonnx.engine.devices._start import session_providers
from vitonnx.errors import DeviceError, UsageError
from vitonnx.runtimes import RUNTIMES, install_line, installed_runtimes

Exported = Callable[[str], Path]

HERE = onnxruntime.get_available_providers()
NVIDIA = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            ACCELERATORS[name].provider not in HERE or _nvidia.why_no_gpu(0) is None,
            reason="the provider isn't in this onnxruntime, or it works",
        ),
    )
    for name in ("cuda", "tensorrt")
]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """An NVIDIA driver that sees a GPU, as far as we can tell before the libraries are loaded."""
    monkeypatch.setattr(_nvidia, "count_gpus", lambda: 1)


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:", "cuda:x", "cuda:-1", "openvino:1"])
def test_an_unknown_device_lists_the_known(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_device(name)
    for known in (repr(name), "auto", "cuda:N", *DEVICES):
        assert known in str(caught.value)


def test_bfloat16_takes_a_gpu_that_has_it(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match="can't compute in bf16 on cpu: it takes"):
        vx.Engine(exported("plain"), device="cpu", precision="bf16")
    for capability, works in (((0, 0), False), ((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(_takes, "compute_capability", lambda number, found=capability: found)
        for name in ("cuda:1", "tensorrt"):
            if works:
                require_bf16(Device(name))
            else:
                with pytest.raises(DeviceError, match=name):
                    require_bf16(Device(name))
        with pytest.raises(DeviceError, match="openvino"):
            require_bf16(Device("openvino"))


@pytest.mark.parametrize(
    ("flags", "works"),
    [
        ({"avx2"}, False),
        ({"avx512f", "avx512_vnni"}, False),  # OpenVINO would emulate it
        ({"avx512_bf16"}, True),
        ({"amx_bf16", "amx_tile"}, True),
        (set(), True),  # of a system that doesn't tell: the proof will
    ],
)
def test_bfloat16_takes_a_processor_that_has_it(
    flags: set[str], works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_takes, "processor_flags", lambda: frozenset(flags))
    if works:
        require_precision(Device("openvino"), "bf16")
    else:
        with pytest.raises(DeviceError, match=r"can't compute in bf16 on openvino.*Use fp32"):
            require_precision(Device("openvino"), "bf16")
    require_precision(Device("openvino:gpu"), "bf16")  # this is the processor's affair alone
    require_precision(Device("openvino"), "fp32")


def test_where_there_is_no_gpu_there_is_no_capability() -> None:
    assert _nvidia.compute_capability(997) == (0, 0)


def test_the_cpu_works_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert find_obstacle("cpu") is None
    assert choose_device("cpu") == Device("cpu")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_is_chosen_exactly_if_nothing_is_in_the_way(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    obstacle = find_obstacle(name)
    if obstacle is None:
        assert choose_device(name).name.partition(":")[0] == name
    else:
        with pytest.raises(DeviceError) as caught:
            choose_device(name)
        assert str(caught.value).startswith(f"can't use {name}: {obstacle}. Use --device cpu")
    # Not a word of the runtime's own reaches the user.
    assert capfd.readouterr() == ("", "")


def test_auto_is_cuda_where_it_works_and_else_the_cpu_with_the_reason(exported: Exported) -> None:
    engine, obstacle = vx.Engine(exported("plain")), find_obstacle("cuda")
    if obstacle is None:
        assert (engine.device, engine.device_note) == ("cuda:0", None)
    elif obstacle.absent:
        assert (engine.device, engine.device_note) == ("cpu", None)  # nobody misses a GPU
    else:
        assert engine.device == "cpu"
        assert engine.device_note == f"running on the CPU: {obstacle}."


def test_a_gpu_of_too_high_a_number(exported: Exported) -> None:
    with pytest.raises(DeviceError, match=r"can't use cuda:77: .*(NVIDIA|number 77)"):
        vx.Engine(exported("plain"), device="cuda:77")


@pytest.mark.usefixtures("driver")
def test_a_driver_says_how_many_gpus_it_sees() -> None:
    obstacle = find_obstacle("cuda:3")
    assert obstacle is not None
    assert str(obstacle) == "the NVIDIA driver sees 1 GPU, but none with number 3"


def cuda(number: str, tf32: str = "0") -> tuple[str, dict[str, str]]:
    return "CUDAExecutionProvider", {"device_id": number, "use_tf32": tf32}


def openvino(kind: str, hint: str = "f32") -> tuple[str, dict[str, str]]:
    told = json.dumps({kind: {"INFERENCE_PRECISION_HINT": hint}})
    return "OpenVINOExecutionProvider", {"device_type": kind, "load_config": told}


@pytest.mark.parametrize(
    ("name", "providers"),
    [
        ("cpu", ["CPUExecutionProvider"]),
        ("cuda:2", [cuda("2"), "CPUExecutionProvider"]),
        (
            "tensorrt",
            [
                "TensorrtExecutionProvider",
                cuda("0"),
                "CPUExecutionProvider",
            ],
        ),
        ("openvino", [openvino("CPU"), "CPUExecutionProvider"]),
        ("openvino:npu", [openvino("NPU"), "CPUExecutionProvider"]),
        ("webgpu", [("WebGpuExecutionProvider", {}), "CPUExecutionProvider"]),
        ("coreml", [("CoreMLExecutionProvider", {}), "CPUExecutionProvider"]),
        ("directml", [("DmlExecutionProvider", {}), "CPUExecutionProvider"]),
    ],
)
def test_every_device_has_its_providers(name: str, providers: list[object]) -> None:
    assert session_providers(Device(name)) == providers
    # As onnxruntime spells them: a name that it doesn't know would only ever be missing.
    known = onnxruntime.get_all_providers()
    for entry in session_providers(Device(name)):
        assert (entry if isinstance(entry, str) else entry[0]) in known


def test_the_provider_is_told_what_it_does_not_find_in_the_graph() -> None:
    """CUDA takes TF32 where nobody says no, and OpenVINO the fastest that the processor has."""
    assert session_providers(Device("cuda:1"), "tf32")[0] == cuda("1", tf32="1")
    assert session_providers(Device("openvino"), "bf16")[0] == openvino("CPU", "bf16")
    assert session_providers(Device("openvino:gpu"), "fp16")[0] == openvino("GPU", "f16")
    first = session_providers(Device("openvino"), threads=3)[0]
    assert isinstance(first, tuple)
    told = first[1]
    assert json.loads(told["load_config"])["CPU"]["INFERENCE_NUM_THREADS"] == 3


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Another system and processor, as far as they are asked for."""

    def pretend(system: str, processor: str) -> None:
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(platform, "machine", lambda: processor)
        monkeypatch.setattr(_choose, "is_plugged", lambda plugin: False)
        # Those that other tests have registered are listed, too.
        monkeypatch.setattr(
            onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"]
        )

    return pretend


@pytest.mark.parametrize(
    ("name", "extra"),
    [("openvino", "openvino"), ("openvino:gpu", "openvino"), ("webgpu", "webgpu")],
)
def test_a_missing_plugin_says_what_to_install(
    name: str, extra: str, machine: Callable[[str, str], None]
) -> None:
    machine("linux", "x86_64")
    with pytest.raises(DeviceError) as caught:
        choose_device(name)
    assert f"is not installed (`pip install 'vitonnx[{extra}]'`)" in str(caught.value)


def test_a_missing_provider_without_plugin_says_what_to_install(
    machine: Callable[[str, str], None],
) -> None:
    machine("win32", "AMD64")
    (runtime,) = installed_runtimes()
    with pytest.raises(DeviceError) as caught:
        choose_device("directml")
    line = f"`pip uninstall -y {runtime} && pip install onnxruntime-directml`"
    for part in (line, "share a folder", "DirectML", runtime):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", ["mlx", "coreml", "directml"])
def test_nothing_is_installed_that_there_is_not(
    name: str, machine: Callable[[str, str], None]
) -> None:
    machine("linux", "aarch64")
    with pytest.raises(DeviceError, match="for this system") as caught:
        choose_device(name)
    assert "pip" not in str(caught.value)


@pytest.mark.parametrize(
    ("system", "processor", "built_in", "pluggable"),
    [
        (
            "linux",
            "x86_64",
            {"cuda", "tensorrt", "openvino", "webgpu"},
            {"openvino", "webgpu", "tensorrt-rtx"},
        ),
        ("linux", "aarch64", set(), {"webgpu"}),
        (
            "win32",
            "AMD64",
            {"cuda", "tensorrt", "openvino", "webgpu", "directml"},
            {"openvino", "webgpu", "tensorrt-rtx"},
        ),
        ("win32", "ARM64", set(), {"webgpu"}),
        ("darwin", "arm64", {"coreml", "webgpu"}, {"webgpu", "mlx"}),
        ("darwin", "x86_64", {"coreml", "webgpu"}, set()),
    ],
)
def test_what_pip_finds_on_other_machines(
    system: str,
    processor: str,
    built_in: set[str],
    pluggable: set[str],
    machine: Callable[[str, str], None],
) -> None:
    machine(system, processor)
    rows = ACCELERATORS.items()
    assert {name for name, found in rows if found.installable} == built_in
    assert {name for name, found in rows if found.plugin and found.plugin.installable} == pluggable


@pytest.mark.parametrize("name", NVIDIA)
@pytest.mark.usefixtures("driver")
def test_libraries_that_do_not_load_are_one_line(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where a driver seems to be there and the libraries are not, the runtime logs a page."""
    accelerator = ACCELERATORS[name]
    with pytest.raises(DeviceError) as caught:
        choose_device(name)
    for part in (f"{accelerator.title} support doesn't load", accelerator.needs, "`pip install"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif("CUDAExecutionProvider" not in HERE, reason="there is no CUDA to fail")
@pytest.mark.skipif(_nvidia.why_no_gpu(0) is None, reason="there is a GPU, so CUDA loads")
@pytest.mark.usefixtures("driver")
def test_auto_goes_on_where_cuda_does_not_load(
    exported: Exported, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = vx.Engine(exported("plain"))
    assert engine.device == "cpu"
    assert engine.device_note is not None
    assert "needs CUDA and cuDNN" in engine.device_note
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif("TensorrtExecutionProvider" not in HERE, reason="there is no TensorRT to fail")
@pytest.mark.skipif(_nvidia.why_no_gpu(0) is None, reason="there is a GPU, so TensorRT may load")
def test_a_device_that_cannot_take_a_model_does_not_end_on_the_cpu(
    exported: Exported, capfd: pytest.CaptureFixture[str]
) -> None:
    """Left alone, onnxruntime prints a page and goes on with the CPU."""
    file = exported("plain")
    with pytest.raises(DeviceError, match=r"on tensorrt \(Please install TensorRT.*--device cpu"):
        open_session(file, device=Device("tensorrt"), threads=1)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Out of memory\nat line 7", "Out of memory"),
        ("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : no room", "no room"),
        ("/onnxruntime_src/a/b.cc:729 void f(A&, const B&) Please install it", "Please install it"),
        (
            "[ONNXRuntimeError] : 1 : FAIL : Exception during initialization: /a/b.cc:136 "
            "onnxruntime::a::B::B(C<D>&, const E&) /a/c.cc:28 auto onnxruntime::a::f(G&&) [with G "
            "= H::<lambda()>] [OpenVINO-EP] Exception while Reading network: no such node",
            "Exception while Reading network: no such node",
        ),
    ],
)
def test_the_runtimes_words_are_shortened(said: str, kept: str) -> None:
    assert first_line(RuntimeError(said)) == kept


def test_the_installed_runtime_is_found_by_its_package() -> None:
    found = installed_runtimes()
    assert found == {name: version(name) for name in found}
    assert set(found) <= set(RUNTIMES)
    assert onnxruntime.__version__ in found.values()


def test_a_runtime_takes_the_place_of_all_others() -> None:
    line = install_line("onnxruntime-gpu", instead_of={"onnxruntime": "1", "onnxruntime-gpu": "2"})
    assert line == ("pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu")
    assert install_line("onnxruntime", instead_of={}) == "pip install onnxruntime"
