"""Damage to a part of a file, the rest of which stays as its format wants it."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import warnings
import zlib
from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Literal
from zipfile import BadZipFile, ZipFile

from google.protobuf.message import DecodeError
from onnx import ModelProto

from fuzz.mutators import raw
from fuzz.mutators.raw import Mutator

__all__ = ["in_header", "in_member", "in_metadata", "in_signed", "in_tar", "or_raw"]

# What the standard library and protobuf say of a file that an earlier change has broken.
BROKEN = (
    *(
        BadZipFile,
        zlib.error,
        tarfile.TarError,
        OSError,
        DecodeError,
        struct.error,
        ValueError,
        KeyError,
        IndexError,
        EOFError,
    ),
    *(TypeError, AttributeError, NotImplementedError, RuntimeError, RecursionError, OverflowError),
)


def or_raw(mutator: Mutator) -> Mutator:
    """Change what is too broken for a mutator as bytes."""

    def mutate(content: bytes, random: Random) -> bytes:
        try:
            with warnings.catch_warnings(
                action="ignore"
            ):  # of what the damage of before looks like
                return mutator(content, random)
        except BROKEN:
            return raw.mutate(content, random)

    return mutate


def in_metadata(key: str, mutator: Mutator) -> Mutator:
    """Change a text in a graph's metadata."""

    def mutate(content: bytes, random: Random) -> bytes:
        model = ModelProto.FromString(content)
        (entry,) = (entry for entry in model.metadata_props if entry.key == key)
        changed = mutator(entry.value.encode(), random)
        try:
            entry.value = changed.decode()
        except UnicodeDecodeError:  # which protobuf itself doesn't write
            mark = "?" * len(changed)
            entry.value = mark
            return model.SerializeToString().replace(mark.encode(), changed, 1)
        return model.SerializeToString()

    return or_raw(mutate)


def in_header(mutator: Mutator) -> Mutator:
    """Change the header of a safetensors file, and mostly its count with it."""

    def mutate(content: bytes, random: Random) -> bytes:
        (count,) = struct.unpack_from("<Q", content)
        header = mutator(content[8 : 8 + count], random)
        said = len(header) if random.random() < 0.95 else random.choice(raw.NUMBERS) % 2**64
        return struct.pack("<Q", said) + header + content[8 + count :]

    return or_raw(mutate)


def in_member(choose: Callable[[str], bool], mutator: Mutator) -> Mutator:
    """Change a file in a zip, of those whose names are chosen, and write the zip anew."""

    def mutate(content: bytes, random: Random) -> bytes:
        written = io.BytesIO()
        with (
            ZipFile(io.BytesIO(content)) as archive,
            ZipFile(written, "w") as target,
        ):
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > 2**24:
                raise BadZipFile("too large to be written anew")
            wanted = random.choice([entry for entry in entries if choose(entry.filename)])
            for entry in entries:
                member = archive.read(entry)
                target.writestr(entry, mutator(member, random) if entry is wanted else member)
        return written.getvalue()

    return or_raw(mutate)


def in_tar(mutator: Mutator) -> Mutator:
    """Change a file in an archive, and write the archive anew, at times compressed."""

    def mutate(content: bytes, random: Random) -> bytes:
        written = io.BytesIO()
        mode: Literal["w", "w:gz"] = "w:gz" if random.random() < 0.1 else "w"
        with (
            tarfile.open(fileobj=io.BytesIO(content)) as archive,
            tarfile.open(fileobj=written, mode=mode) as target,
        ):
            entries = archive.getmembers()
            wanted = random.choice([entry for entry in entries if entry.isfile()])
            for entry in entries:
                opened = archive.extractfile(entry)
                member = b"" if opened is None else opened.read()
                if entry is wanted:
                    member = mutator(member, random)
                entry.size = len(member)
                target.addfile(entry, io.BytesIO(member))
        # Without the time, which gzip writes behind its first four bytes.
        return _timeless(written.getvalue()) if mode == "w:gz" else written.getvalue()

    return or_raw(mutate)


def _timeless(packed: bytes) -> bytes:
    return packed[:4] + bytes(4) + packed[8:]


def in_signed(mutator: Mutator) -> Mutator:
    """Change a resume state, and make its checksum right again."""

    def mutate(content: bytes, random: Random) -> bytes:
        state = json.loads(mutator(json.dumps(json.loads(content)["state"]).encode(), random))
        signed = json.dumps(state, sort_keys=True).encode()
        return json.dumps({"state": state, "sha256": sha256(signed).hexdigest()}).encode()

    return or_raw(mutate)
