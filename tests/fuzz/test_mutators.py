"""Damage is where it is meant to be: what stands around it is as its format wants it."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
from PIL import Image

from fuzz.mutators import (
    arrays,
    chunks,
    containers,
    graphs,
    jsons,
    pickles,
    protobuf,
    raw,
    text,
    tiffs,
    zips,
)
from fuzz.mutators.inside import in_header, in_member, in_metadata, in_signed, in_tar
from fuzz.mutators.raw import Mutator
from models import torch_files
from tap.foreign_vit import ForeignViT

TRIES = 300


def tries(mutator: Mutator, content: bytes, count: int = TRIES) -> list[bytes]:
    """Damage a file again and again, each time anew; most of what comes out is another file."""
    damaged = [mutator(content, Random(number)) for number in range(count)]
    assert damaged == [mutator(content, Random(number)) for number in range(count)]
    assert len(set(damaged) - {content}) > count / 10
    return damaged


def share(files: list[bytes], holds: Callable[[bytes], object]) -> float:
    """Tell how many files a reader can make sense of."""
    good = 0
    for file in files:
        try:
            good += bool(holds(file))
        except Exception:
            continue
    return good / len(files)


@pytest.fixture(scope="module")
def graph() -> bytes:
    return ForeignViT(dim=12, mlp_dim=13, heads=3).model().SerializeToString()


def saved(form: str) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((23, 19), 50).save(stream, form)
    return stream.getvalue()


@pytest.mark.parametrize(
    "mutator",
    [
        *(raw.mutate, text.mutate, jsons.mutate, protobuf.mutate, graphs.mutate, zips.mutate),
        *(pickles.mutate, tiffs.mutate, chunks.png, chunks.jpeg, chunks.gif, chunks.riff),
        *(chunks.boxes, chunks.ebml, in_header(raw.mutate), in_signed(jsons.mutate)),
        *(in_member(bool, raw.mutate), in_metadata("key", jsons.mutate), in_tar(raw.mutate)),
        *(arrays.mutate, containers.mutate, chunks.icns),
    ],
)
@pytest.mark.parametrize("content", [b"", b"\0", b"[]", b"\xff" * 40, b"{}\n", b"II*\0"])
def test_nothing_is_too_broken_for_a_mutator(mutator: Mutator, content: bytes) -> None:
    for number in range(20):
        assert isinstance(mutator(content, Random(number)), bytes)


def test_graphs_stay_graphs(graph: bytes) -> None:
    names = {entry.name for entry in onnx.ModelProto.FromString(graph).graph.initializer}
    damaged = tries(graphs.mutate, graph)
    assert share(damaged, onnx.ModelProto.FromString) == 1
    kept = [
        names == {entry.name for entry in onnx.ModelProto.FromString(file).graph.initializer}
        for file in damaged
    ]
    assert 0 < sum(kept) < len(kept)


def test_lengths_of_protobuf_stay_true(graph: bytes) -> None:
    by_field = share(tries(protobuf.mutate, graph), onnx.ModelProto.FromString)
    by_byte = share([graph[:place] for place in range(0, len(graph), 99)], onnx.load_from_string)
    assert by_field > 0.6 > by_byte


def test_json_stays_json() -> None:
    content = json.dumps({"a": [1, 2, {"b": "c"}], "d": None}).encode()
    assert share(tries(jsons.mutate, content), lambda file: json.loads(file) or True) > 0.8


def test_checksums_of_png_stay_right() -> None:
    def is_right(file: bytes) -> bool:
        place = 8
        while place < len(file):
            (length,) = struct.unpack_from(">I", file, place)
            end = place + 8 + length
            if zlib.crc32(file[place + 4 : end]) != struct.unpack_from(">I", file, end)[0]:
                return False
            place = end + 4
        return True

    assert is_right(saved("png"))
    assert share(tries(chunks.png, saved("png")), is_right) == 1


@pytest.mark.parametrize(
    ("mutator", "form"),
    [
        (containers.mutate, "jpeg"),
        (containers.mutate, "gif"),
        (chunks.riff, "webp"),
        (tiffs.mutate, "tiff"),
    ],
)
def test_pictures_are_still_recognised(mutator: Mutator, form: str) -> None:
    opened = share(tries(mutator, saved(form)), lambda file: Image.open(io.BytesIO(file)))
    assert 0.2 < opened < 1


def test_a_checkpoint_s_pickle_is_damaged_and_not_its_zip(tmp_path: Path) -> None:
    def pickle_of(file: bytes) -> bytes:
        with ZipFile(io.BytesIO(file)) as archive:
            assert archive.testzip() is None
            return archive.read("model/data.pkl")

    arrays = {"weight": np.ones((2, 3), np.float32)}
    content = torch_files.write_torch(tmp_path / "model.pth", arrays).read_bytes()
    mutator = in_member(lambda name: name.endswith(".pkl"), pickles.mutate)
    damaged = tries(mutator, content, 50)
    assert share(damaged, pickle_of) == 1
    assert len({pickle_of(file) for file in damaged}) > 25


def test_pickles_stay_pickles_for_a_while() -> None:
    content = pickle.dumps({"a": [1, (2, 3)], "b": "text"}, 2)
    damaged = tries(pickles.mutate, content)
    assert share(damaged, lambda file: file.startswith(b"\x80")) > 0.8


def test_a_bomb_tells_the_truth(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        archive.writestr("array.npy", b"few")
    sizes = set()
    for number in range(60):
        try:
            with ZipFile(io.BytesIO(zips.mutate(stream.getvalue(), Random(number)))) as archive:
                (entry,) = archive.infolist()
                if entry.file_size == 10**6:
                    assert archive.testzip() is None
                sizes.add(entry.file_size)
        except Exception:
            continue
    assert {10**6, 3 * 10**9} <= sizes


def test_checksums_of_states_are_made_right() -> None:
    state = {"settings": {"the probe": "Distance()"}, "surveys": [{"position": 2}]}
    content = json.dumps({"state": state, "sha256": ""}).encode()

    def is_signed(file: bytes) -> bool:
        found = json.loads(file)
        signed = json.dumps(found["state"], sort_keys=True).encode()
        return bool(found["sha256"] == sha256(signed).hexdigest())

    assert share(tries(in_signed(jsons.mutate), content), is_signed) > 0.7
