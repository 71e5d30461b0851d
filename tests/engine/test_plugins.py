"""Providers that are packages of their own: broken in every way, and registered again and again.

The runtime is the real one. Packages of the tests' own are broken ones; what is asked of whole
packages is skipped where they aren't installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as runtime
from PIL import Image

from terminal import Outcome, finished, run
from vitonnx.demo import demo_models
from vitonnx.engine.devices import LOST_BY_FORK, Device, Obstacle, find_device
from vitonnx.engine.devices._accelerators import ACCELERATORS, CPU, Accelerator, Plugin
from vitonnx.engine.devices._plugins import is_plugged, plugged_devices
from vitonnx.errors import DeviceError

Installed = Callable[..., Accelerator]

WHOLE = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            find_spec(plugin.module) is None, reason=f"{plugin.package} is not installed"
        ),
    )
    for name in ("openvino", "webgpu")
    if (plugin := ACCELERATORS[name].plugin)
]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    """Install a plug-in whose module has this source, for a device named flux."""

    def install(source: str, provider: str = "FluxExecutionProvider") -> Accelerator:
        (tmp_path / "site" / "flux_plugin").mkdir(parents=True)
        (tmp_path / "site" / "flux_plugin" / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path / "site")
        plugin = Plugin("flux-plugin", "flux_plugin", "flux", (), drives="capacitors")
        accelerator = Accelerator("flux", "Flux", provider, ("fp32",), plugin)
        monkeypatch.setitem(ACCELERATORS, "flux", accelerator)
        return accelerator

    yield install
    sys.modules.pop("flux_plugin", None)


def path(library: object) -> str:
    return f"def get_library_path():\n    return {library!r}\n"


BROKEN = {
    "raises": ("raise ImportError('libgreat.so.7: no such file')", "(libgreat.so.7: no such file)"),
    "raises lines": ("raise RuntimeError('first\\nsecond')", "(first)"),
    "raises without a word": ("raise RuntimeError", "(RuntimeError)"),
    "ends the program": ("raise SystemExit('enough')", "(enough)"),
    "is no Python": ("def", "(invalid syntax"),
    "has no function": ("", "has no attribute 'get_library_path'"),
    "finds no library": (
        "def get_library_path():\n    raise FileNotFoundError('it is not here')",
        "(it is not here)",
    ),
    "names no library": (path(None), "not NoneType"),
    "lacks its library": (path("/nowhere/libflux.so"), "/nowhere/libflux.so"),
    # Any other library is one that wasn't made for this runtime.
    "has another library": (path(runtime.__file__), "symbol"),
}


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_plugin_is_one_sentence_with_what_to_type(
    way: str, installed: Installed, capfd: pytest.CaptureFixture[str]
) -> None:
    source, why = BROKEN[way]
    installed(source)
    first, second = (find_device(Device("flux")) for _ in range(2))
    assert isinstance(first, Obstacle)
    said = str(first)
    assert said.startswith("flux-plugin can't be registered with onnxruntime ")
    assert onnxruntime.__version__ in said
    assert why in said
    assert said.endswith("(`pip install -U 'vitonnx[flux]'`)")
    assert "\n" not in said
    assert second == first
    assert capfd.readouterr() == ("", "")


def test_a_library_of_rubbish(
    tmp_path: Path, installed: Installed, capfd: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "libflux.so"
    library.write_bytes(b"\x7fELF rubbish" * 99)
    accelerator = installed(path(str(library)))
    with pytest.raises(DeviceError, match=r"can't be registered.*libflux\.so"):
        plugged_devices(accelerator)
    assert capfd.readouterr() == ("", "")


def test_a_path_as_an_object_will_do(installed: Installed) -> None:
    accelerator = installed("from pathlib import Path\nget_library_path = lambda: Path('/nowhere')")
    with pytest.raises(DeviceError, match="Failed to load library /nowhere"):
        plugged_devices(accelerator)


def test_a_missing_plugin_is_not_plugged_and_an_installed_one_is_not_imported(
    installed: Installed,
) -> None:
    assert not is_plugged(None)
    assert not is_plugged(Plugin("none", "no_such_module", "none", (), drives="nothing"))
    assert is_plugged(installed("raise ImportError").plugin)


def test_what_the_application_registered_is_not_registered_again(installed: Installed) -> None:
    """The CPU's hardware is always registered: its plug-in would be looked at for nothing."""
    accelerator = installed("raise ImportError('looked at')", provider=CPU)
    (known,) = plugged_devices(accelerator)
    assert known.ep_name == CPU
    found = find_device(Device("flux"))
    assert isinstance(found, Device)
    assert (found.name, found.provider) == ("flux", CPU)
    with pytest.raises(DeviceError, match="looked at"):
        plugged_devices(replace(accelerator, provider="FluxExecutionProvider"))


def test_hardware_of_another_kind_only(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ("npu", "cpu")
    monkeypatch.setitem(ACCELERATORS, "flux", replace(installed("", CPU), kinds=kinds))
    # What a plug-in doesn't drive, a runtime may that has the provider built in.
    for name, plugged in (("flux:cpu", True), ("flux", False)):
        found = find_device(Device(name))
        assert isinstance(found, Device)
        assert bool(found.hardware) == plugged
    monkeypatch.setattr(onnxruntime, "get_available_providers", list)
    assert isinstance(find_device(Device("flux:cpu")), Device)
    assert str(find_device(Device("flux"))) == (
        "flux-plugin finds no NPU hardware here: it drives capacitors"
    )


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_plugin_works_or_says_what_hardware_it_wants(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found, plugin = find_device(name), ACCELERATORS[name].plugin
    assert plugin is not None
    if isinstance(found, Device):
        assert found.hardware[0].ep_name == found.provider == ACCELERATORS[name].provider
    elif "libvulkan" not in str(found) or name != "webgpu":  # without it, it can't be registered
        assert f"{plugin.package} finds no" in str(found)
        assert plugin.drives in str(found)
        assert "pip" not in str(found)
    assert capfd.readouterr() == ("", "")


# Each asks the real runtime in a process of its own, for the device that its argument names.
AGAIN = """
import sys
from vitonnx.engine.devices import find_device
print(*{str(find_device(sys.argv[1])) for _ in range(5)}, sep="\\n")
"""
IN_THREADS = """
import sys, threading
from vitonnx.engine.devices import find_device
count, found = 16, []
start = threading.Barrier(count)
def ask():
    start.wait()
    found.append(str(find_device(sys.argv[1])))
threads = [threading.Thread(target=ask) for _ in range(count)]
[each.start() for each in threads]
[each.join() for each in threads]
assert len(found) == count
print(*set(found), sep="\\n")
"""
AFTER_FORK = """
import contextlib, os, sys
from vitonnx.engine.devices import find_device
from vitonnx.engine.devices._accelerators import ACCELERATORS
from vitonnx.engine.devices._plugins import plugged_devices
from vitonnx.errors import DeviceError
with contextlib.suppress(DeviceError): # registered, and not yet run
    plugged_devices(ACCELERATORS[sys.argv[1]])
answers = set()
for _ in range(2):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        assert str(find_device("cpu")) == "Device(name='cpu', note=None, hardware=())"
        os.write(writer, str(find_device(sys.argv[1])).encode())
        os._exit(0)
    os.close(writer)
    answers.add(open(reader).read())
    assert os.waitpid(child, 0)[1] == 0
answers.add(str(find_device(sys.argv[1])))
print(*answers, sep="\\n")
"""
BY_ANOTHER_NAME = """
import sys
import onnxruntime
from importlib import import_module
from vitonnx.engine.devices import find_device
from vitonnx.engine.devices._accelerators import ACCELERATORS
library = import_module(ACCELERATORS[sys.argv[1]].plugin.module).get_library_path()
try:
    onnxruntime.register_execution_provider_library("the application's", library)
except Exception as error: # which says why below
    pass
before = len(onnxruntime.get_ep_devices())
print(*{str(find_device(sys.argv[1])) for _ in range(2)}, sep="\\n")
assert len(onnxruntime.get_ep_devices()) == before
"""


def nameless(found: object) -> str:
    """What stays the same from process to process."""
    return str(found).partition(" object at ")[0]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("program", [AGAIN, IN_THREADS, AFTER_FORK, BY_ANOTHER_NAME])
def test_registered_again_and_again(program: str, name: str) -> None:
    if "os.fork" in program and sys.platform == "win32":
        pytest.skip("nothing forks here")
    outcome = finished([sys.executable, "-W", "ignore", "-c", program, name])
    assert (outcome.code, outcome.err) == (0, "")
    said = {nameless(line) for line in outcome.out.splitlines()}
    assert said == {nameless(find_device(name))}


RUN_BEFORE_FORK = """
import os, sys
import numpy as np
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.engine.devices import find_device
from vitonnx.errors import DeviceError
picture = np.zeros((1, 48, 48, 3), np.uint8)
engine = Engine(demo_models()["scenes_vit"], device=sys.argv[1])
engine.run_pixels(picture, ["logits"])
child = os.fork()
if child == 0:
    said = str(find_device(sys.argv[1]))
    try:
        engine.run_pixels(picture, ["logits"])
    except DeviceError as error:
        said += f"\\n{error}"
    print(said, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
engine.run_pixels(picture, ["logits"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
@pytest.mark.parametrize("name", WHOLE)
def test_what_ran_before_a_fork_is_refused_in_it(name: str) -> None:
    """A device that works: its threads are not in the new process, which would wait for them."""
    if not isinstance(find_device(name), Device):
        pytest.skip("no hardware, on which something could have run")
    outcome = finished([sys.executable, "-W", "ignore", "-c", RUN_BEFORE_FORK, name])
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{LOST_BY_FORK}\ncan't use {name}: {LOST_BY_FORK}.\n"


def test_hardware_that_a_plugin_does_not_find_is_not_taken_for_built_in() -> None:
    """The runtime lists the provider of a plug-in beside its own, once that has found some."""
    for kind in ("gpu", "npu"):
        found = find_device(f"openvino:{kind}")
        if not isinstance(found, Device):
            assert "doesn't load" not in str(found)


def with_plugin(folder: Path, source: str) -> str:
    """A path to a package that takes the place of OpenVINO's plug-in."""
    package = folder / "site" / "onnxruntime_ep_openvino"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source)
    return str(folder / "site")


@pytest.fixture
def broken_openvino(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = with_plugin(desk, "raise ImportError('no such library')")
    others = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [site, others])))
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save("black.png")


def probed(device: str) -> Outcome:
    model = demo_models()["scenes_vit"]
    return run("probe", "rollout", model, "black.png", "-o", "out.npz", "--device", device, "-q")


@pytest.mark.usefixtures("broken_openvino")
def test_a_broken_plugin_on_the_command_line(desk: Path) -> None:
    outcome = probed("openvino")
    line = "`pip install -U 'vitonnx[openvino]'`"
    assert outcome == Outcome(DeviceError.exit_code, "", outcome.err)
    assert outcome.errors == [
        "can't use openvino: onnxruntime-ep-openvino can't be registered with onnxruntime "
        f"{onnxruntime.__version__} (no such library) ({line}). Use --device cpu, or auto."
    ]
    assert len(outcome.err.splitlines()) == 1
    assert not (desk / "out.npz").exists()


@pytest.mark.usefixtures("broken_openvino")
def test_auto_goes_on_beside_a_broken_plugin(desk: Path) -> None:
    outcome = probed("auto")
    assert (outcome.code, outcome.errors) == (0, [])
    assert "openvino" not in outcome.err
    assert (desk / "out.npz").exists()
