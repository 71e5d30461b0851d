"""A ``.pth`` file that asks for anything but tensors is refused by name, and has run nothing."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

import tiny_models as tiny
from models import published_names as names
from models import torch_files as pth
from vitonnx.errors import CheckpointError
from vitonnx.models import random_parameters, read_checkpoint
from vitonnx.models.checkpoints import _torch_pickle

PLAIN = tiny.CONFIGS["plain"]
ARRAYS = names.timm(random_parameters(PLAIN, 3), PLAIN)
ORDERED = pth.ask("collections", "OrderedDict")
REBUILD = pth.ask("torch._utils", "_rebuild_tensor_v2")


def trap(path: Path) -> bytes:
    """A shell command that leaves a file."""
    return pth.text(f"touch {path}")


def attacks(target: Path) -> dict[str, tuple[str, bytes]]:
    """What a pickle asks for, and the opcodes that ask."""
    command = trap(target)
    python = pth.text(f"open({str(target)!r}, 'w')")
    return {
        "REDUCE": ("os.system", pth.call(pth.ask("os", "system"), command)),
        "posix": ("posix.system", pth.call(pth.ask("posix", "system"), command)),
        "eval": ("builtins.eval", pth.call(pth.ask("builtins", "eval"), python)),
        "Python 2's eval": ("__builtin__.eval", pth.call(pth.ask("__builtin__", "eval"), python)),
        "getattr": (
            "builtins.getattr",
            pth.call(pth.ask("builtins", "getattr"), pth.ask("os", "system"), pth.text("x")),
        ),
        "INST": ("os.system", b"(" + command + b"ios\nsystem\n"),
        "OBJ": ("os.system", b"(" + pth.ask("os", "system") + command + b"o"),
        "NEWOBJ": (
            "subprocess.Popen",
            pth.ask("subprocess", "Popen") + pth.several(command) + b"\x81",
        ),
        "STACK_GLOBAL": (
            "os.system",
            pth.text("os") + pth.text("system") + b"\x93" + pth.several(command) + b"R",
        ),
        "a dotted name": (
            "torch._utils._rebuild_tensor_v2.__globals__",
            pth.text("torch._utils") + pth.text("_rebuild_tensor_v2.__globals__") + b"\x93",
        ),
        "torch.load": ("torch.load", pth.call(pth.ask("torch", "load"), command)),
        "a module": (
            "torch.nn.modules.linear.Linear",
            pth.ask("torch.nn.modules.linear", "Linear"),
        ),
        "through BUILD": (
            "os.system",
            pth.call(ORDERED) + pth.mapping({"items": pth.ask("os", "system")}) + b"b",
        ),
        "in a tensor's hooks": (
            "os.system",
            pth.call(REBUILD, b"N", b"N", b"N", b"N", b"N", pth.call(pth.ask("os", "system"))),
        ),
        "copyreg": ("copyreg._reconstructor", pth.ask("copyreg", "_reconstructor")),
        "a line break in the name": ("a\nb.c", pth.text("a\nb") + pth.text("c") + b"\x93"),
    }


@pytest.mark.parametrize("attack", attacks(Path("unused")))
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", ["alone", "beside the parameters"])
def test_refused_by_name(tmp_path: Path, attack: str, legacy: bool, place: str) -> None:
    target = tmp_path / "harmed"
    asked, opcodes = attacks(target)[attack]
    content = opcodes
    if place == "beside the parameters":
        honest = pth.ordered(pth.state_dict(ARRAYS, legacy=legacy))
        content = pth.mapping({"model": honest, "args": opcodes})
    write = pth.write_stream if legacy else pth.write_zip
    path = write(tmp_path / "m.pth", content, ARRAYS)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint([path], PLAIN)
    assert repr(asked) in str(caught.value)
    assert "could run code" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize("position", range(5))
def test_each_pickle_of_the_stream_is_guarded(tmp_path: Path, position: int) -> None:
    target = tmp_path / "harmed"
    hostile = pth.PROTO + pth.call(pth.ask("os", "system"), trap(target)) + pth.STOP
    path = pth.write_torch(tmp_path / "m.pth", ARRAYS, legacy=True)
    pickles = [pickle.dumps(part, 2) for part in (pth.MAGIC, pth.PROTOCOL, pth.SYSTEM)]
    honest = pth.PROTO + pth.ordered(pth.state_dict(ARRAYS, legacy=True)) + pth.STOP
    pickles += [honest, pickle.dumps([str(key) for key in range(len(ARRAYS))], 2)]
    assert path.read_bytes().startswith(b"".join(pickles))
    pickles[position] = hostile
    path.write_bytes(b"".join(pickles))
    with pytest.raises(CheckpointError, match=r"os\.system"):
        read_checkpoint([path], PLAIN)
    assert not target.exists()


# Values that BUILD would set as attributes, on an instance or on what was asked for itself.
STATE = pth.mapping({"__call__": pth.text("x"), "get": pth.text("x"), "items": pth.text("x")})
STATES = {"a dict": STATE, "slots": pth.several(b"N", STATE)}
STAND_INS = {
    "the dict's class": ORDERED,
    "a dict": pth.call(ORDERED),
    "the tensor's class": REBUILD,
    "a tensor": pth.tensor(pth.storage("0", "FloatStorage", 0, legacy=False), (0,), (1,)),
    "a storage": pth.storage("0", "FloatStorage", 0, legacy=False),
    "the parameter's class": pth.ask("torch._utils", "_rebuild_parameter"),
    "the arguments' class": pth.ask("argparse", "Namespace"),
    "arguments": pth.ask("argparse", "Namespace") + b")\x81",
    "the default dict's class": pth.ask("collections", "defaultdict"),
    "a default dict": pth.call(pth.ask("collections", "defaultdict"), pth.ask("builtins", "list")),
    "NumPy's array": pth.call(pth.ask("numpy._core.multiarray", "_reconstruct")),
}


def stand_ins() -> dict[str, dict[str, Any]]:
    """All attributes of the classes that a pickle can get hold of."""
    classes = {name: value for name, value in vars(_torch_pickle).items() if type(value) is type}
    return {name: dict(vars(value)) for name, value in classes.items()}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", STAND_INS)
def test_a_pickle_changes_no_stand_in(tmp_path: Path, name: str, state: str) -> None:
    before = {
        key: dict(vars(value))
        for key, value in vars(_torch_pickle).items()
        if isinstance(value, type)
    }
    changed = STAND_INS[name] + STATES[state] + b"b"
    arrays = {"0": np.zeros(0, np.float32)} | ARRAYS
    content = pth.mapping({"args": changed, "model": pth.ordered(pth.state_dict(arrays))})
    path = pth.write_zip(tmp_path / "m.pth", content, arrays)
    # The empty tensor of that name is all that doesn't belong.
    with pytest.raises(CheckpointError, match=r"it also has 0\."):
        read_checkpoint([path], PLAIN)
    after = {
        key: dict(vars(value))
        for key, value in vars(_torch_pickle).items()
        if isinstance(value, type)
    }
    assert after == before


@pytest.mark.parametrize("kind", ["torch.FloatStorage", "torch.float32"])
def test_a_pickle_cannot_change_or_call_the_plain_names(tmp_path: Path, kind: str) -> None:
    name = pth.ask(*kind.rsplit(".", 1))
    for opcodes in (name + STATE + b"b", pth.call(name)):
        path = pth.write_zip(tmp_path / "m.pth", opcodes, {})
        with pytest.raises(CheckpointError, match="truncated or damaged"):
            read_checkpoint([path], PLAIN)


def stored(count: int = 15, key: str = "0") -> bytes:
    return pth.storage(key, "FloatStorage", count, legacy=False)


BAD_TENSORS = {
    "behind the storage's end": pth.tensor(stored(), (3, 5), (5, 1), offset=1),
    "strides out of the storage": pth.tensor(stored(), (3, 5), (6, 1)),
    "before its beginning": pth.tensor(stored(), (3, 5), (5, 1), offset=-1),
    "negative strides": pth.tensor(stored(), (3, 5), (-5, 1), offset=14),
    "negative shape": pth.tensor(stored(), (-3, 5), (5, 1)),
    "more axes than strides": pth.tensor(stored(), (3, 5), (1,)),
    "a storage longer than its file": pth.tensor(stored(16), (3, 5), (5, 1)),
    "a storage shorter than its file": pth.tensor(stored(14), (2, 5), (5, 1)),
    "a storage that isn't there": pth.tensor(stored(key="../../secret"), (3, 5), (5, 1)),
    "no storage": pth.tensor(b"N", (3, 5), (5, 1)),
    "a storage of negative length": pth.tensor(stored(-1), (0,), (1,)),
    "too few arguments": pth.call(REBUILD, stored()),
    "an unknown reference": pth.several(pth.text("module")) + b"Q",
    "two lengths of one storage": pth.several(stored(), stored(14)),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", BAD_TENSORS)
def test_tensors_that_reach_out_of_the_file(tmp_path: Path, name: str, legacy: bool) -> None:
    arrays = {"patch_embed.proj.weight": np.zeros(15, np.float32)}
    opcodes = BAD_TENSORS[name].replace(b"tQ", b"NtQ") if legacy else BAD_TENSORS[name]
    content = pth.mapping({"patch_embed.proj.weight": opcodes})
    write = pth.write_stream if legacy else pth.write_zip
    path = write(tmp_path / "m.pth", content, arrays)
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        read_checkpoint([path], PLAIN)


def test_views_of_one_storage(tmp_path: Path) -> None:
    """Tied, transposed, offset and repeated tensors are read as PyTorch would show them."""
    expected = {name: array.copy() for name, array in ARRAYS.items()}
    flat = np.arange(1000, dtype=np.float32)
    shared = pth.storage("flat", "FloatStorage", 1000, legacy=False)
    views = {
        "head.weight": pth.tensor(shared, (11, 21), (1, 11), offset=13),
        "norm.weight": pth.tensor(shared, (21,), (0,), offset=999),
        "norm.bias": pth.tensor(shared, (21,), (7,), offset=2),
    }
    expected["head.weight"] = flat[13 : 13 + 231].reshape(21, 11).T
    expected["norm.weight"] = np.full(21, 999, np.float32)
    expected["norm.bias"] = flat[2 : 2 + 147 : 7]
    path = pth.write_zip(tmp_path / "m", pth.ordered(pth.state_dict(ARRAYS) | views), ARRAYS)
    with ZipFile(path, "a") as archive:
        archive.writestr("model/data/flat", flat.tobytes())
    tree = read_checkpoint([path], PLAIN)
    np.testing.assert_array_equal(tree["head/kernel"], expected["head.weight"].T)
    np.testing.assert_array_equal(tree["norm/scale"], expected["norm.weight"])
    np.testing.assert_array_equal(tree["norm/bias"], expected["norm.bias"])


def test_a_dict_that_holds_itself(tmp_path: Path) -> None:
    endless = b"}q\x00" + pth.text("model") + b"h\x00s"
    path = pth.write_zip(tmp_path / "m", endless, {})
    with pytest.raises(CheckpointError, match="holds no parameters by name"):
        read_checkpoint([path], PLAIN)


def test_nested_without_end(tmp_path: Path) -> None:
    path = pth.write_zip(tmp_path / "m", b"(" * 100_000 + b"t" * 100_000, {})
    with pytest.raises(CheckpointError, match="holds no parameters by name"):
        read_checkpoint([path], PLAIN)


def test_nothing_but_numbers(tmp_path: Path) -> None:
    path = pth.write_zip(tmp_path / "m", pth.mapping({"epoch": pth.whole(3)}), {})
    with pytest.raises(CheckpointError, match="neither at its top nor in a dict inside"):
        read_checkpoint([path], PLAIN)


def test_another_byte_order(tmp_path: Path) -> None:
    content = pth.ordered(pth.state_dict(ARRAYS))
    path = pth.write_zip(tmp_path / "m", content, ARRAYS, byte_order="big")
    with pytest.raises(CheckpointError, match="big-endian"):
        read_checkpoint([path], PLAIN)


def test_a_stream_whose_storages_are_cut_or_swapped(tmp_path: Path) -> None:
    path = pth.write_torch(tmp_path / "m", ARRAYS, legacy=True)
    whole = path.read_bytes()
    # The count in front of the last storage, norm or head, is another than the pickle's.
    last = list(ARRAYS.values())[-1]
    start = len(whole) - last.nbytes - 8
    path.write_bytes(whole[:start] + struct.pack("<q", last.size + 1) + whole[start + 8 :])
    with pytest.raises(CheckpointError, match="is incomplete"):
        read_checkpoint([path], PLAIN)
