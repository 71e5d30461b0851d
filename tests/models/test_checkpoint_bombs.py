"""Small checkpoints that would fill the memory, or never end, are refused in a sentence."""

from __future__ import annotations

import math
import os
import pickle
import struct
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import pytest

import tiny_models as tiny
from measured_process import Outcome, contained, contained_each
from models import published_names as names
from models import torch_files as pth
from models.checkpoint_files import assert_same, refusal
from vitonnx.errors import CheckpointError
from vitonnx.models import random_parameters, read_checkpoint
from vitonnx.models.checkpoints._bounds import open_zip
from vitonnx.models.checkpoints._open_checkpoint import open_checkpoint
from vitonnx.models.checkpoints._timm import TIMM

PLAIN = tiny.CONFIGS["plain"]
TREE = random_parameters(PLAIN, 3)
PATCHES = "patch_embed.proj.weight"
MOST = 300 * 2**20
"""Bytes that a refusal may take; most take none, and all of these took gigabytes."""

# Values under a place of the memory, and nothing of them left on the stack: (), ((), ()),
# (((), ()), ((), ())) … up to 2**60 tuples, whose hash, and text, has no end; and what is long.
DOUBLED = b")q\x000" + b"h\x00h\x00\x86q\x000" * 60
ALONG = b"(" + b"K\x01" * 400_000 + b"tq\x000"
ORDERED = pth.ask("collections", "OrderedDict") + b"q\x010"
REBUILD = pth.ask("torch._utils", "_rebuild_tensor_v2")
STORAGE = pth.storage("0", "FloatStorage", 4, legacy=False)
KEPT = b"h\x00"


REFUSED = (
    "truncated or damaged",
    "holds more than weights",
    "needs more memory than there is",
)


def collide(count: int) -> bytes:
    """Whole numbers of one hash as keys."""
    numbers = (((2**61 - 1) * number).to_bytes(11, "little") for number in range(1, count))
    return b"}(" + b"".join(b"\x8a\x0b" + number + b"N" for number in numbers) + b"u"


PICKLES: dict[str, bytes] = {
    "a key": DOUBLED + b"}" + KEPT + b"Ns",
    "keys": DOUBLED + b"}(" + KEPT + b"Nu",
    "keys of a dict that is made at once": DOUBLED + b"(" + KEPT + b"Nd",
    "the items of a set": DOUBLED + b"\x8f(" + KEPT + b"\x90",
    "the items of a frozen set": DOUBLED + b"(" + KEPT + b"\x91",
    "a key in a list of pairs": DOUBLED + pth.call(ORDERED[:-3], b"](" + KEPT + b"N\x86e"),
    "a parameter as a key": DOUBLED
    + b"}"
    + pth.call(pth.ask("torch._utils", "_rebuild_parameter"), KEPT)
    + b"Ns",
    "a reference": DOUBLED + KEPT + b"Q",
    "a shape": DOUBLED + pth.call(REBUILD, STORAGE, pth.whole(0), KEPT, KEPT),
    "keys of one hash": collide(60_000),
    "a place far away": b"Nr" + struct.pack("<I", 2**27),
    "a byte array that never comes": b"\x96" + struct.pack("<Q", 2**33),
    "bytes that never come": b"\x8e" + struct.pack("<Q", 2**33),
    "a frame that never comes": b"\x95" + struct.pack("<Q", 2**33),
    "a number of megabytes": b"\x8b" + struct.pack("<i", 2**23) + b"\x11" * 2**23,
    "sets": b"\x8f" * 8_000_000,
    "arguments without end": ALONG + ORDERED + b"h\x01h\x00R0" * 200_000,
    "arguments by name": pth.ask("collections", "OrderedDict") + b")}\x92",
    "a reference without end": b"("
    + pth.text("storage")
    + pth.ask("torch", "FloatStorage")
    + pth.text("0")
    + pth.text("cpu")
    + pth.whole(0)
    + b"N" * 400_000
    + b"tq\x000"
    + b"h\x00Q0" * 200_000,
    "copies of a dict": ORDERED
    + pth.mapping({str(number): b"N" for number in range(10_000)})
    + b"q\x000"
    + b"h\x01h\x00\x85R" * 100_000,
    "an extension": b"\x82\x01",
}

IMPORTS = (
    "import tiny_models as tiny\nfrom pathlib import Path\n"
    "from vitonnx.models import read_checkpoint"
)
READ = "read_checkpoint([Path(sys.argv[1])], tiny.CONFIGS['plain'])"


def refused(path: Path) -> Outcome:
    """Read it in a process of its own; give how it was refused, in one sentence."""
    outcome = contained(IMPORTS, READ, path)
    assert_refused(outcome)
    return outcome


def assert_refused(outcome: Outcome) -> None:
    assert outcome.sentence.endswith(".")
    assert len(outcome.sentence) < 1_000
    assert "\n" not in outcome.sentence
    assert outcome.taken < MOST


IN_STREAMS = [
    (bomb, position)
    for bomb in ("a key", "a place far away", "a byte array that never comes")
    for position in (0, 3, 4)
]


def in_stream(bomb: str, position: int) -> bytes:
    """Put a pickle in the place of one of those that an old file begins with."""
    parts: list[bytes] = [
        pickle.dumps(part, 2) for part in (pth.MAGIC, pth.PROTOCOL, pth.SYSTEM, None, [0])
    ]
    parts[position] = pth.PROTO + PICKLES[bomb] + pth.STOP
    return b"".join(parts)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[object, Outcome]:
    """All pickles, read one after the other: a process for each costs more than its refusal."""
    folder = tmp_path_factory.mktemp("pickles")
    files: dict[object, Path] = {}
    for number, (bomb, content) in enumerate(PICKLES.items()):
        files[bomb] = pth.write_zip(folder / f"{number}.pth", content, {})
    for bomb, position in IN_STREAMS:
        files[bomb, position] = folder / f"stream{len(files)}.pth"
        files[bomb, position].write_bytes(in_stream(bomb, position))
    outcomes = contained_each(IMPORTS, READ, list(files.values()))
    return dict(zip(files, outcomes, strict=True))


@pytest.mark.parametrize("bomb", PICKLES)
def test_pickles(bomb: str, tried: dict[object, Outcome]) -> None:
    assert_refused(tried[bomb])
    said = (*REFUSED, "holds no parameters by name")
    assert any(part in tried[bomb].sentence for part in said)


@pytest.mark.parametrize(("bomb", "position"), IN_STREAMS)
def test_pickles_of_the_stream(bomb: str, position: int, tried: dict[object, Outcome]) -> None:
    outcome = tried[bomb, position]
    assert_refused(outcome)
    assert any(part in outcome.sentence for part in REFUSED)


def write_members(path: Path, members: dict[str, bytes], compression: int = ZIP_STORED) -> Path:
    with ZipFile(path, "w", compression, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def one_tensor(count: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    stored = pth.storage("0", "FloatStorage", count, legacy=False)
    return pth.PROTO + pth.mapping({PATCHES: pth.tensor(stored, shape, strides)}) + pth.STOP


# What a file may say of its model: its config is somebody else's, too.
WIDE = replace(PLAIN, dim=1_024, heads=2, blocks=40, mlp_dim=1_024)


def refused_as_wide(path: Path) -> Outcome:
    return contained(
        "from dataclasses import replace\nfrom pathlib import Path\nimport tiny_models as tiny\n"
        "from vitonnx.models import read_checkpoint\n"
        "plain = tiny.CONFIGS['plain']\n"
        "wide = replace(plain, dim=1_024, heads=2, blocks=40, mlp_dim=1_024)",
        "read_checkpoint([Path(sys.argv[1])], wide)",
        path,
    )


def wide_shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of all arrays that the wide model needs, by timm's names."""
    shapes = WIDE.parameters()
    return {
        rule.source: rule.layout.stored([shapes[target] for target in rule.targets], WIDE)
        for rule in TIMM.rules(WIDE, [])
        if all(target in shapes for target in rule.targets)
    }


def in_a_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def test_zips_that_grow(tmp_path: Path) -> None:
    """All that the model needs is there, compressed a thousandfold."""
    shapes = wide_shapes()
    content, members = {}, {}
    for key, (name, shape) in enumerate(shapes.items()):
        stored = pth.storage(str(key), "FloatStorage", math.prod(shape), legacy=False)
        content[name] = pth.tensor(stored, shape, in_a_row(shape))
        members[f"m/data/{key}"] = bytes(4 * math.prod(shape))
    pickled = pth.PROTO + pth.mapping(content) + pth.STOP
    path = write_members(tmp_path / "m", {"m/data.pkl": pickled} | members, ZIP_DEFLATED)
    assert path.stat().st_size < 10 * 2**20
    outcome = refused_as_wide(path)
    assert "to exhaust memory" in outcome.sentence
    assert outcome.taken < MOST


def test_numpys_zips_that_grow(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez_compressed(
        path, allow_pickle=False, **{"embedding/kernel": np.zeros(2**25, np.float32)}
    )
    assert "to exhaust memory" in refused(path).sentence


@pytest.mark.parametrize("strides", ["none", "in a row"])
def test_one_storage_for_all_parameters(tmp_path: Path, strides: str) -> None:
    """Strides of zero give a tensor any shape over four numbers; and all may share one storage."""
    shapes = wide_shapes()
    count = 4 if strides == "none" else max(map(math.prod, shapes.values()))
    stored = pth.storage("0", "FloatStorage", count, legacy=False)
    content = {
        name: pth.tensor(stored, shape, (0,) * len(shape) if count == 4 else in_a_row(shape))
        for name, shape in shapes.items()
    }
    pickled = pth.PROTO + pth.mapping(content) + pth.STOP
    path = write_members(tmp_path / "m", {"m/data.pkl": pickled, "m/data/0": bytes(4 * count)})
    outcome = refused_as_wide(path)
    assert "to exhaust memory" in outcome.sentence
    assert outcome.taken < MOST


def test_a_pickle_that_grows(tmp_path: Path) -> None:
    content = pth.PROTO + b"\x8f" * 60_000_000 + pth.STOP
    path = write_members(tmp_path / "m.pth", {"m/data.pkl": content}, ZIP_DEFLATED)
    assert "lists, tuples and dicts" in refused(path).sentence


def test_a_heavy_pickle_that_is_followed(tmp_path: Path) -> None:
    """A million sets, and texts that are kept."""
    texts = (b"\x8c\x03%c\xc4\x80\x94" % (65 + number % 26) for number in range(400_000))
    path = pth.write_zip(tmp_path / "m.pth", b"\x8f" * (2**20 - 2) + b"".join(texts), {})
    outcome = contained(IMPORTS, READ, path)
    assert "holds no parameters by name" in outcome.sentence
    assert outcome.taken < 2**30


@pytest.mark.parametrize("compression", [ZIP_BZIP2, ZIP_LZMA])
def test_other_compressions(tmp_path: Path, compression: int) -> None:
    content = pth.PROTO + b"\x8f" * 2**20 + pth.STOP
    path = write_members(tmp_path / "m.pth", {"m/data.pkl": content}, compression)
    assert "compressed, as in no checkpoint" in refusal(path)


def read_all(path: Path) -> None:
    """Read every array, whether a model needs it or not."""
    with open_checkpoint(path) as contents:
        for group in contents.values():
            for tensor in group.values():
                tensor.read()


def test_a_storage_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    """Its lengths agree everywhere but in what is compressed, whose checksum is right."""
    path = tmp_path / "m.pth"
    with ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", one_tensor(4032, (21, 3, 8, 8), (192, 64, 8, 1)))
        archive.writestr("m/data/0", bytes(16), ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    length = content.rindex(b"PK\x01\x02") + 24
    content[length : length + 4] = struct.pack("<I", 4 * 4032)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="less than 16,128 bytes"):
        read_all(path)


def test_a_tensor_that_was_never_made(tmp_path: Path) -> None:
    """Made without its function, and so without a shape."""
    path = pth.write_zip(tmp_path / "m", pth.mapping({PATCHES: REBUILD + b")\x81"}), {})
    assert "truncated or damaged" in refusal(path)


def test_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", pth.PROTO + b"}" + pth.STOP)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("m/data.pkl", pth.PROTO + b"]" + pth.STOP)
    assert "two of its members share a name" in refusal(path)


def test_members_on_top_of_each_other(tmp_path: Path) -> None:
    """Each is as long as the archive, and all are the same bytes."""
    path = write_members(tmp_path / "m", {f"m/data/{key:03}": bytes(99) for key in range(9)})
    content = bytearray(path.read_bytes())
    place = 0
    while (place := content.find(b"PK\x01\x02", place) + 1) > 0:
        content[place + 19 : place + 27] = struct.pack("<II", 900, 900)
    path.write_bytes(content)
    with pytest.raises(BadZipFile, match="longer than the whole file"):
        open_zip(path)


def test_more_members_than_a_checkpoint_has(tmp_path: Path) -> None:
    members = {f"m/data/{key}": b"" for key in range(40_000)}
    path = write_members(tmp_path / "m", {"m/data.pkl": pth.PROTO + b"}."} | members)
    assert "has 40,001 members" in refusal(path)


TENSOR = pth.tensor(STORAGE, (2, 2), (2, 1)) + b"q\x000"


def write_names(path: Path, named: Iterable[str]) -> Path:
    """One tensor under many names."""
    items = b"".join(pth.text(name) + KEPT for name in named)
    pickled = pth.PROTO + TENSOR + b"}(" + items + b"u" + pth.STOP
    return write_members(path, {"m/data.pkl": pickled, "m/data/0": bytes(16)})


NAMES: dict[str, tuple[Iterable[str], str]] = {
    "too many": ((f"x{number}" for number in range(20_000)), "holds 20,000 arrays"),
    "too long": (["x" * 10**6], "among its names"),
    "with a line break": (["x\ny"], "among its names"),
    "that no encoding has": (["x\udc80"], "among its names"),
    "of models without end": ((f"x{number}.{PATCHES}" for number in range(9_000)), "64 models"),
    "that are nested": (
        ["a." * 100 + PATCHES, *("a." * 99 + f"x{number}" for number in range(16_000))],
        "and 15995 more",
    ),
}


@pytest.mark.parametrize("kind", NAMES)
def test_names(tmp_path: Path, kind: str) -> None:
    named, said = NAMES[kind]
    outcome = refused(write_names(tmp_path / "m", named))
    assert said in outcome.sentence
    assert outcome.seconds < 30


@pytest.mark.parametrize("protocol", range(2, 6))
def test_what_training_leaves_beside_a_model_is_read(tmp_path: Path, protocol: int) -> None:
    """Histories, settings, keys that are numbers and tuples, states of random generators."""
    beside = {
        "history": [{"loss": 1 / number, "epoch": number} for number in range(1, 5_000)],
        "state": {number: {"step": number, "betas": (0.9, 0.999)} for number in range(600)},
        "phases": {("train", number): 0.5 for number in range(1_500)},
        "seeds": {2**63: 1, -(2**64): 2, (2**63, 0): 3},
        "seen": Counter("abc"),
        "last": deque([0.5, 0.25], maxlen=20),
        "frozen": frozenset({1}) if protocol != 3 else None,
        "anchors": {(2, 3): [1.5], ("a", None): (True,)},
        "seed": 2**128 - 1,
        "rng": (3, tuple(range(625)), None),
        "names": {"ant", "bee"} if protocol > 3 else None,
        "note": "x" * 10**5,
        "raw": bytes(10**5) if protocol > 2 else None,
    }
    arrays = names.timm(TREE, PLAIN)
    stored = pickle.dumps(beside, protocol)[2:-1]
    model = pth.ordered(pth.state_dict(arrays))
    path = pth.write_zip(tmp_path / "m", pth.mapping({"model": model, "args": stored}), arrays)
    assert_same(read_checkpoint([path], PLAIN), TREE, PLAIN)


def test_what_python_2_wrote_is_read(tmp_path: Path) -> None:
    """Its ordered dicts are made of lists of pairs."""
    arrays = names.timm(TREE, PLAIN)
    pairs = [pth.text(name) + tensor for name, tensor in pth.state_dict(arrays).items()]
    listed = b"](" + b"".join(b"](" + pair + b"e" for pair in pairs) + b"e"
    path = pth.write_zip(tmp_path / "m", pth.call(ORDERED[:-3], listed), arrays)
    assert_same(read_checkpoint([path], PLAIN), TREE, PLAIN)


@pytest.mark.parametrize("form", ["npz", "pth"])
def test_honest_compression_is_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"m.{form}"
    if form == "npz":
        np.savez_compressed(path, allow_pickle=False, **names.google(TREE, PLAIN))
    else:
        arrays = names.timm(TREE, PLAIN)
        plain = pth.write_torch(tmp_path / "plain", arrays)
        with ZipFile(plain) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        write_members(path, members, ZIP_DEFLATED)
    assert_same(read_checkpoint([path], PLAIN), TREE, PLAIN)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_and_a_device(tmp_path: Path) -> None:
    pipe = tmp_path / "m.pth"
    os.mkfifo(pipe)
    assert f"{pipe} is a pipe" in refusal(pipe)
    assert "is a device" in refusal(Path(os.devnull))


def test_no_name_of_a_file() -> None:
    assert "can't read" in refusal(Path("m\0.pth"))


def test_the_losses_of_a_million_steps(tmp_path: Path) -> None:
    arrays = names.timm(TREE, PLAIN)
    losses = pickle.dumps([float(step) for step in range(1_200_000)], 2)[2:-1]
    model = pth.ordered(pth.state_dict(arrays))
    path = pth.write_zip(tmp_path / "m", pth.mapping({"model": model, "loss": losses}), arrays)
    assert_same(read_checkpoint([path], PLAIN), TREE, PLAIN)


MORE = {
    "tuples as keys": b"}(" + b"N\x85N" * 10_001 + b"u",
    "large numbers as keys": b"}(" + (b"\x8a\x08" + b"\x7f" * 8 + b"N") * 10_001 + b"u",
    "tuples of tuples as keys": b"}))\x86Ns",
    "a long number": b"\x8b" + struct.pack("<i", 256) + b"\x7f" * 256,
}


@pytest.mark.parametrize("kind", MORE)
def test_more_than_is_read_is_not_called_damaged(tmp_path: Path, kind: str) -> None:
    """To download it again would not help."""
    text = refusal(pth.write_zip(tmp_path / "m.pth", MORE[kind] + b"N", {}))
    assert "holds more than weights" in text
    assert "save only the model's state_dict" in text


LONG = "/runs/" + "option=value," * 25 + "epoch=012-val_loss=0.12345.ckpt"


def with_best_models(path: Path, *keys: str) -> Path:
    """As Lightning keeps the scores of its best files, by their names."""
    arrays = names.timm(TREE, PLAIN)
    score = pth.tensor(pth.storage(str(len(arrays)), "FloatStorage", 4, legacy=False), (), ())
    content = pth.mapping({LONG: score})
    for key in reversed(keys[1:]):
        content = pth.mapping({key: content})
    model = pth.ordered(pth.state_dict(arrays))
    whole = pth.mapping({"state_dict": model, keys[0]: content})
    return pth.write_zip(path, whole, arrays | {"best": np.zeros(4, np.float32)})


def test_names_of_what_belongs_to_training_may_be_long(tmp_path: Path) -> None:
    keys = "callbacks", "ModelCheckpoint{'monitor': 'val_loss'}", "best_k_models"
    path = with_best_models(tmp_path / "m.ckpt", *keys)
    assert_same(read_checkpoint([path], PLAIN), TREE, PLAIN)


def test_what_training_lies_under_may_not(tmp_path: Path) -> None:
    """It is named in messages."""
    path = with_best_models(tmp_path / "m.ckpt", LONG, "callbacks")
    assert "among its names" in refusal(path)
