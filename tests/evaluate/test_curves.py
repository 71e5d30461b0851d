"""Curves and areas against slow loops, written from the papers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from recipes import slopes, with_recipe
from vitonnx.errors import UsageError
from vitonnx.evaluate._curves import Erasing, areas_of, shares_of
from vitonnx.evaluate._perturb import filling, pixel_order
from vitonnx.evaluate._window import Window

Exported = Callable[[str], Path]

PLACES = {
    # How a picture of 97 x 211 lies in an input of 40 x 56, and the rows and columns that are it.
    "cut": (slice(0, 40), slice(0, 56)),
    "pad": (slice(7, 33), slice(0, 56)),
    "squash": (slice(0, 40), slice(0, 56)),
}


def softmax(logits: NDArray[np.float32]) -> list[float]:
    powers = [math.exp(float(each) - float(logits.max())) for each in logits]
    return [power / sum(powers) for power in powers]


def slow_curve(
    engine: vx.Engine,
    pixels: NDArray[np.uint8],
    box: tuple[slice, slice],
    values: NDArray[np.float64],
    replacement: Callable[[int, int], Any],
    shares: list[float],
) -> tuple[list[float], list[bool]]:
    """Remove the largest values first, and ask the model for the class that it saw at first."""
    places = [(y, x) for y in range(*box[0].indices(40)) for x in range(*box[1].indices(56))]
    by_value = sorted(
        places, key=lambda at: -float(values[at[0] - box[0].start, at[1] - box[1].start])
    )
    whole = engine.run_pixels(pixels[None], ["logits"])["logits"][0]
    target = int(whole.argmax())
    probabilities, same = [], []
    for share in shares:
        picture = pixels.copy()
        for y, x in by_value[: round(share * len(by_value))]:
            picture[y, x] = replacement(y, x)
        logits = engine.run_pixels(picture[None], ["logits"])["logits"][0]
        probabilities.append(softmax(logits)[target])
        same.append(int(logits.argmax()) == target)
    return probabilities, same


@pytest.mark.parametrize("fill", ["mean", "black", "blur"])
@pytest.mark.parametrize("fit", ["cut", "pad", "squash"])
def test_curves_are_what_a_slow_loop_finds(fit: Any, fill: Any, exported: Exported) -> None:
    engine = vx.Engine(exported("registers"), device="cpu", fit=fit)
    picture = engine.prepare(slopes(97, 211))
    box = PLACES[fit]
    window = Window.of(picture)
    assert (window.rows, window.columns) == box
    # No two values alike, so that the order is one.
    shape = picture.pixels[box].shape[:2]
    values = np.random.default_rng(3).permutation(shape[0] * shape[1]).reshape(shape) / 7.0
    scores, same = Erasing(engine, 10, fill).curves(picture, [values, -values], 0, 0)
    blurred = filling(picture.pixels, window, "blur", (0, 0, 0))
    replacement = {
        "mean": lambda y, x: (124, 116, 104),  # ImageNet's, as the recipe has it
        "black": lambda y, x: (0, 0, 0),
        "blur": lambda y, x: blurred[y, x],
    }[fill]
    shares = [step / 10 for step in range(11)]
    for sign, (removed, kept) in ((1, (0, 0)), (-1, (0, 1))):
        expected, stays = slow_curve(
            engine, picture.pixels, box, sign * values, replacement, shares
        )
        # Sums of single precision, in batches of other sizes.
        np.testing.assert_allclose(scores[removed, kept], expected, rtol=1e-5)
        assert same[removed, kept].tolist() == stays
        # The map turned round loses first what it lost last.
        np.testing.assert_array_equal(scores[1, 1 - kept], scores[0, kept])


def test_blur_mixes_nothing_in_from_the_padding(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", fit="pad")
    picture = engine.prepare(Image.new("RGB", (211, 97), (200, 40, 60)))
    blurred = filling(picture.pixels, Window.of(picture), "blur", (0, 0, 0))
    np.testing.assert_array_equal(blurred, picture.pixels)


def test_a_map_is_enlarged_as_a_slow_loop_does(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    window = Window.of(engine.prepare(slopes(97, 211)))
    values = np.random.default_rng(5).normal(size=(5, 7))
    large = window.enlarge(values)
    assert large.shape == (40, 56)
    for y in range(40):
        for x in range(56):
            # Where the pixel's middle lies, counted in patches from the first patch's middle.
            down = min(max((y + 0.5) / 8 - 0.5, 0), 4)
            across = min(max((x + 0.5) / 8 - 0.5, 0), 6)
            top, left = min(int(down), 3), min(int(across), 5)
            a, b = down - top, across - left
            expected = (
                values[top, left] * (1 - a) * (1 - b)
                + values[top, left + 1] * (1 - a) * b
                + values[top + 1, left] * a * (1 - b)
                + values[top + 1, left + 1] * a * b
            )
            # Weights of single precision.
            assert large[y, x] == pytest.approx(expected, abs=1e-6)


def test_equal_pixels_go_in_a_random_order() -> None:
    flat = np.zeros((7, 11))
    order = pixel_order(flat, 0, 0)
    assert sorted(order.tolist()) == list(range(77))
    assert order.tolist() != list(range(77))
    np.testing.assert_array_equal(order, pixel_order(flat, 0, 0))
    assert order.tolist() != pixel_order(flat, 0, 1).tolist()
    assert order.tolist() != pixel_order(flat, 1, 0).tolist()
    rising = np.arange(77.0).reshape(7, 11)
    assert pixel_order(rising, 0, 0).tolist() == list(range(76, -1, -1))


def test_areas_by_hand() -> None:
    """Ten steps: the score falls from 1 to 0 evenly, and the class holds up to 30 %."""
    falling = np.linspace(1, 0, 11)
    until = np.arange(11) <= 3
    areas = areas_of(np.stack([falling, falling**0])[None], np.stack([until, until[::-1]])[None])
    # Of nine tenths, 10 to 90 %, three hold: 2 whole steps and half of one, of eight. Turned round,
    # 70, 80 and 90 % hold: the same.
    assert areas[0].tolist() == pytest.approx([0.5, 1.0, 2.5 / 8, 2.5 / 8])


def test_tenths_are_read_whatever_the_steps() -> None:
    for steps in (10, 20, 50):
        shares = np.array(shares_of(steps))
        assert len(shares) == steps + 1
        same = (shares < 0.45)[None, None].repeat(2, axis=1)
        scores = (1 - shares)[None, None].repeat(2, axis=1)
        assert areas_of(scores, same)[0].tolist() == pytest.approx([0.5, 0.5, 3.5 / 8, 3.5 / 8])


def test_a_model_without_head_is_asked_for_its_embedding(exported: Exported) -> None:
    engine = vx.Engine(exported("headless"), device="cpu")
    picture = engine.prepare(slopes(97, 211))
    values = np.random.default_rng(3).permutation(40 * 56).reshape(40, 56) / 7.0
    scores, same = Erasing(engine, 10, "black").curves(picture, [values], 0, 0)
    assert not same.any()
    half = picture.pixels.reshape(-1, 3).copy()
    half[np.argsort(-values.ravel())[:1120]] = 0
    pair = np.stack([picture.pixels, half.reshape(picture.pixels.shape)])
    whole, left = engine.run_pixels(pair, ["embedding"])["embedding"].astype(float)
    cosine = whole @ left / np.linalg.norm(whole) / np.linalg.norm(left)
    assert scores[0, 0, 5] == pytest.approx(cosine, rel=1e-5)
    assert scores[0, :, 0] == pytest.approx([1, 1])


def test_pictures_of_their_own_sizes_are_refused(exported: Exported, tmp_path: Path) -> None:
    file = with_recipe(exported("plain"), tmp_path / "own.onnx", resize=None, crop=1, multiple=8)
    with pytest.raises(UsageError, match=r"input size of its own: open it with .*--size 40x56"):
        vx.evaluate_faithfulness(vx.Engine(file, device="cpu"), slopes(40, 60), vx.Rollout())
    with vx.Engine(file, device="cpu", size=(40, 56)) as engine:
        assert vx.evaluate_faithfulness(engine, slopes(40, 60), vx.Rollout(), steps=10).pictures
