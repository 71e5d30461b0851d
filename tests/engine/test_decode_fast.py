"""JPEGs at a fraction of their size, where the model needs no more."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from terminal import run
from vitonnx.engine import run_settings
from vitonnx.engine._decoding import FEWEST_DECODERS, Decoding, usual_decoders
from vitonnx.errors import UsageError
from vitonnx.manifest import Preprocessing
from vitonnx.media import Encoded

Exported = Callable[[str], Path]

ORIENTATION = 0x0112
LEVELS = 8  # of 255: the decoder averages frequencies of a block, and not its pixels
RECIPE = Preprocessing(
    resize=48, size=(40, 40), crop=40 / 48, interpolation="bicubic", mean=(0,) * 3, std=(1,) * 3
)


def smooth(height: int, width: int) -> Image.Image:
    down, across = np.mgrid[:height, :width]
    waves = [np.sin(down / 53 + each) * np.cos(across / (61 + each)) for each in range(3)]
    return Image.fromarray((127 + 90 * np.stack(waves, -1)).astype(np.uint8))


def encoded(picture: Image.Image, kind: str = "jpeg", **options: Any) -> Encoded:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return Encoded(f"a.{kind}", stream.getvalue)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize(
    ("sides", "options", "share"),
    [
        ((97, 131), {}, 2),  # 48 rows would do: a half has 49
        ((95, 131), {}, 1),  # a half has 47 whole ones
        ((389, 211), {"progressive": True}, 4),
        ((193, 1031), {"exif": turned(6)}, 4),
        ((773, 397), {"exif": turned(3), "subsampling": 0}, 8),
        ((61, 53), {}, 1),
    ],
)
def test_what_is_decoded_is_large_enough(
    sides: tuple[int, int], options: dict[str, Any], share: int
) -> None:
    source = encoded(smooth(*sides), quality=95, **options)
    exact, fast = Decoding(), Decoding(decode="fast")
    with exact.open(source, RECIPE) as whole, fast.open(source, RECIPE) as small:
        assert small.sides == whole.sides == (whole.picture.height, whole.picture.width)
        assert small.picture.height == -(-whole.picture.height // share)
        assert small.picture.width == -(-whole.picture.width // share)
    one, other = (each.read(source, RECIPE) for each in (exact, fast))
    assert other.place == one.place
    difference = np.abs(one.pixels.astype(int) - other.pixels)
    assert difference.max() <= LEVELS
    assert share == 1 or difference.any()


def test_no_other_format_is_changed() -> None:
    source = encoded(smooth(389, 211), "png")
    one, other = (Decoding(decode=each).read(source, RECIPE) for each in ("exact", "fast"))
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_recipe_with_a_size_for_every_picture(exported: Exported) -> None:
    source = encoded(smooth(389, 211), quality=95)
    found = []
    for decode in ("exact", "fast"):
        with vx.Engine(exported("plain"), device="cpu", decode=decode) as engine:
            assert (engine.decode, engine.sibling().decode) == (decode, decode)
            assert engine.prepare(source).crop == vx.Engine(engine.file).prepare(source).crop
            found.append(engine.run(source)["logits"])
    assert 0 < np.abs(found[0] - found[1]).max() < 0.1 * np.abs(found[0]).max()


def test_it_is_said_with_the_state_of_a_run(exported: Exported) -> None:
    for decode in ("exact", "fast"):
        with vx.Engine(exported("plain"), device="cpu", decode=decode) as engine:
            said = run_settings([engine], ["a.jpg"])
            assert said["model 1's pictures"] == f"decoded {decode}"


def test_ways_that_there_are_not(exported: Exported, desk: Path) -> None:
    with pytest.raises(UsageError, match="decode 'quick' is unknown; use exact or fast"):
        vx.Engine(exported("plain"), decode="quick")
    smooth(61, 53).save("a.png")
    outcome = run("probe", "heads", exported("plain"), "a.png", "--decode", "quick")
    assert outcome.code == UsageError.exit_code
    assert outcome.errors == ["decode 'quick' is unknown; use exact or fast."]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores aren't told here")
def test_as_many_threads_decode_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, FEWEST_DECODERS), (4, 4), (17, 17)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process, cores=cores: set(range(cores)))
        assert usual_decoders() == threads
