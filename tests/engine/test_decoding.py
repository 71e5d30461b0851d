"""Pictures that the engine's threads decode at once, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from media.picture_bombs import filled_png
from vitonnx.media import Encoded
from vitonnx.media._budget import DECODING

SIDE = 13_300  # the largest square that Pillow reads without being told to
MOST = 2e9  # bytes of the whole process

PROGRAM = """
import sys
import vitonnx as vx

engine = vx.Engine(sys.argv[1], device="cpu", threads=1)
results = list(engine.stream(sys.argv[2:], [vx.Rollout()]))
print(*(result.error for result in results), sep="\\n")
# Of this program: Linux counts that of the one which started it into its resources.
print(1024 * int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does it")
def test_three_of_the_largest_pictures_take_turns(
    exported: Callable[[str], Path], tmp_path: Path
) -> None:
    """Each takes 0.9 GB, grey and in RGB, and each has a thread."""
    (tmp_path / "0.png").write_bytes(filled_png(SIDE, SIDE, colour=0))
    files = [str(tmp_path / f"{number}.png") for number in range(3)]
    for file in files[1:]:
        os.link(files[0], file)
    command = [sys.executable, "-c", PROGRAM, str(exported("plain")), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    *errors, memory = done.stdout.splitlines()
    assert errors == ["None"] * 3
    assert int(memory) < MOST


def test_a_picture_read_small_lies_where_it_lies(
    exported: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down, across = np.mgrid[:310, :470]
    smooth = (120 + 60 * np.sin(down / 23) * np.cos(across / 31)).astype(np.uint8)
    Image.fromarray(np.stack([smooth] * 3, -1)).save(tmp_path / "a.jpg", quality=95)
    said: list[str] = []
    engine = vx.Engine(exported("plain"), device="cpu", notice=said.append)
    (whole,) = engine.probe(tmp_path / "a.jpg", vx.Heads(query=(200, 300)))
    monkeypatch.setattr(DECODING, "whole", 500_000)
    monkeypatch.setattr(DECODING, "free", 500_000)
    (small,) = engine.probe(tmp_path / "a.jpg", vx.Heads(query=(200, 300)))
    assert len(said) == 1
    assert small.crop == whole.crop
    assert small.query == whole.query
    difference = np.asarray(small.pixels).astype(int) - np.asarray(whole.pixels)
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize("large", [False, True])
def test_what_is_in_memory_may_be_changed_at_once(
    large: bool, exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large arrays don't wait as they are, and give the same."""
    if large:
        monkeypatch.setattr("vitonnx.engine._pass.LARGE", 10)
    engine = vx.Engine(exported("plain"), device="cpu")
    pictures = np.random.default_rng(0).integers(0, 256, (7, 90, 70, 3), dtype=np.uint8)
    expected = [engine.probe(picture, vx.Rollout())[0].rollout for picture in pictures]

    def overwritten() -> Iterator[NDArray[np.uint8]]:
        page = np.empty_like(pictures[0])
        for picture in pictures:
            page[:] = picture
            yield page

    stream = engine.stream(overwritten(), [vx.Rollout()])
    found = [result.rollout.rollout for result in stream]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_goes_wrong_at_scaling_is_the_pictures_own_error(
    exported: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, shade in enumerate((9, 200)):
        Image.new("RGB", (70, 50), (shade, 0, 0)).save(tmp_path / f"{number}.png")
    engine, scale = vx.Engine(exported("plain"), device="cpu"), Image.Image.resize

    def fail(picture: Image.Image, *options: object, **more: object) -> Image.Image:
        if picture.getpixel((0, 0)) == (9, 0, 0):
            raise MemoryError
        return scale(picture, *options, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", fail)
    bad, good = engine.stream([tmp_path / "0.png", tmp_path / "1.png"], [vx.Rollout()])
    assert "0.png needs more memory than there is" in str(bad.error)
    assert good.error is None


@pytest.mark.parametrize("decoders", [1, 3, 5])
def test_as_many_threads_decode_as_are_asked_for(
    decoders: int, exported: Callable[[str], Path], tmp_path: Path
) -> None:
    Image.new("RGB", (71, 53)).save(tmp_path / "a.png")
    content, seen = (tmp_path / "a.png").read_bytes(), set()
    together = threading.Barrier(decoders, timeout=30)

    def read() -> bytes:
        seen.add(threading.get_ident())
        together.wait()
        return content

    with vx.Engine(exported("plain"), device="cpu", decoders=decoders) as engine:
        pictures = [Encoded(f"{number}.png", read) for number in range(2 * decoders)]
        assert all(each.error is None for each in engine.stream(pictures, [vx.Heads()]))
    assert len(seen) == decoders
