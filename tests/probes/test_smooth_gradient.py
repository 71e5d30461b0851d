"""SmoothGrad: gradients of noisy copies, averaged before their length is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.demo import demo_models
from vitonnx.errors import UsageError
from vitonnx.probes import gradient_lengths

MODEL = demo_models()["scenes_vit"]


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)


def smooth(pictures: np.ndarray, *, in_graph: bool = True, **options: object) -> list[np.ndarray]:
    with vx.Engine(MODEL, device="cpu", threads=1, in_graph=in_graph) as engine:
        probe = vx.Attribution(method="gradient", **options)  # type: ignore[arg-type]
        return [result.attribution for result in engine.probe_pixels(pictures, probe)]


def test_without_range_noise_is_nothing() -> None:
    """Noise is a share of the range of the picture's values: one colour has none."""
    grey = np.full((1, 48, 48, 3), 90, np.uint8)
    np.testing.assert_allclose(smooth(grey, samples=3)[0], smooth(grey)[0], rtol=1e-5)


def test_a_picture_s_map_is_its_own(pictures: np.ndarray) -> None:
    together = smooth(pictures, samples=2)
    (alone,) = smooth(pictures[1:2], samples=2)
    np.testing.assert_allclose(together[1], alone, rtol=1e-4)
    assert np.abs(together[1] / smooth(pictures)[1] - 1).max() > 0.01


@pytest.mark.parametrize("target", [3, "predicted", (2, "predicted")])
def test_in_the_graph_and_out_of_it(pictures: np.ndarray, target: object) -> None:
    inside, outside = (
        smooth(pictures, target=target, samples=2, in_graph=in_graph) for in_graph in (True, False)
    )
    np.testing.assert_allclose(inside, outside, rtol=1e-4, atol=1e-7)


def test_the_class_is_that_of_the_picture_without_noise(pictures: np.ndarray) -> None:
    with vx.Engine(MODEL, device="cpu", threads=1) as engine:
        (plain, *_) = engine.probe_pixels(pictures[:1], vx.Attribution())
        asked = int(plain.target)
    named, predicted = (smooth(pictures[:1], target=each, samples=4) for each in (asked, None))
    np.testing.assert_allclose(named, predicted, rtol=1e-5)


def test_gradients_are_averaged_and_not_their_lengths(pictures: np.ndarray) -> None:
    """Opposite gradients cancel: a mean of lengths is never shorter than the length of a mean."""
    few = smooth(pictures[:1], samples=1, target=3)[0]
    many = smooth(pictures[:1], samples=12, target=3)[0]
    assert many.sum() < few.sum()
    assert gradient_lengths(np.zeros((1, 48, 48, 3)), patch=8, grid=(6, 6)).shape == (1, 6, 6)


@pytest.mark.parametrize("samples", [0, 1001, 2.5])
def test_counts_that_can_not_be(samples: object) -> None:
    with pytest.raises(UsageError, match="samples"):
        vx.Attribution(method="gradient", samples=samples)  # type: ignore[arg-type]


def test_samples_of_other_methods_and_in_baked_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="for the method gradient, not legrad"):
        vx.Attribution(samples=3)
    with vx.Engine(MODEL, device="cpu") as engine:
        asked = vx.Attribution(method="gradient", samples=3)
        with pytest.raises(UsageError, match="averages several runs"):
            vx.bake(engine, asked, tmp_path / "baked.onnx")
    assert not list(tmp_path.iterdir())
