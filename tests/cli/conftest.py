from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tiny_models
from terminal import Outcome
from vitonnx.cli import main

Call = Callable[..., Outcome]


@pytest.fixture
def call(desk: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, on the desk."""

    def call(*words: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return call


@pytest.fixture
def described(desk: Path) -> str:
    """The name of a file on the desk that describes the tiny model, in our own fields."""
    (desk / "tiny.json").write_text(json.dumps(tiny_models.DESCRIBED))
    return "tiny.json"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a landscape and a portrait.

    Ten times the size that the tiny models' recipe scales them to, so that the crops are round
    numbers.
    """
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(clouds(440, 900, 1)).save(folder / "landscape.png")
    Image.fromarray(clouds(900, 620, 2)).save(folder / "portrait.jpg")
    return folder


@pytest.fixture(scope="session")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what looks like pictures, and isn't."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "text.png").write_text("Dear picture")
    (folder / "empty.png").touch()
    Image.fromarray(clouds(211, 307, 3)).save(folder / "cut.jpg")
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "bomb.png").write_bytes(bomb(30_000))
    return folder


def clouds(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Make a picture with large and small shapes, no two places alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 30, width // 30, 3), np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture)


def bomb(side: int) -> bytes:
    """A small PNG that says it is huge: one bit a pixel, all black."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(side * (side // 8 + 1)), 9))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
