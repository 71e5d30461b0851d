"""Jaccard and the best head, against slow loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.data.scenes import draw_scene
from vitonnx.demo import jaccard, saliency

Exported = Callable[[str], Path]


def slow_jaccard(mask: np.ndarray, truth: np.ndarray) -> float:
    """One head, pixel by pixel."""
    rows, columns = mask.shape
    height, width = truth.shape
    both = either = 0
    for y in range(height):
        for x in range(width):
            inside = bool(mask[y * rows // height, x * columns // width])
            both += inside and bool(truth[y, x])
            either += inside or bool(truth[y, x])
    return both / either if either else 0.0


def test_jaccard_is_what_a_slow_loop_finds() -> None:
    generator = np.random.default_rng(1)
    masks = generator.random((5, 3, 7)) < 0.4
    truth = generator.random((3 * 5, 7 * 2)) < 0.3
    expected = [slow_jaccard(mask, truth) for mask in masks]
    # Quotients of the same whole numbers.
    np.testing.assert_allclose(jaccard(masks, truth), expected, rtol=1e-15)


def test_jaccard_at_its_ends() -> None:
    truth = np.zeros((6, 10), bool)
    truth[2:4, 5:] = True
    exact = np.array([[[False, False], [False, True], [False, False]]])
    assert jaccard(exact, truth) == 1
    assert jaccard(~exact, truth) == 0
    assert jaccard(np.zeros((1, 3, 2), bool), np.zeros((6, 10), bool)) == 0


@pytest.mark.parametrize("kind", ["plain", "distilled"])
def test_saliency_is_that_of_the_best_head(exported: Exported, kind: str) -> None:
    """From the raw attention, patch by patch, as the paper says it, and of each block."""
    engine = vx.Engine(exported(kind))
    manifest = engine.manifest
    rows, columns = manifest.grid
    scenes = [draw_scene((7, index), manifest.size, objects=1) for index in range(13)]
    found = saliency(engine, scenes)
    assert found.own.shape == found.control.shape == (13, manifest.blocks)
    for number, scene in enumerate(scenes):
        outputs = engine.run(scene.picture)
        # The next ten scenes, of which the first follow the last.
        others = [scenes[(number + step) % 13].masks[0] for step in range(1, 11)]
        for block in range(manifest.blocks):
            masks = []
            for head in outputs[f"block_{block:02d}/attention"][0]:
                weights = head[0, len(manifest.prefix_tokens) :].astype(np.float64)
                mask = np.zeros(len(weights), bool)
                held = 0.0
                for patch in np.argsort(-weights, kind="stable"):
                    if held >= 0.6 * weights.sum():
                        break
                    mask[patch] = True
                    held += weights[patch]
                masks.append(mask.reshape(rows, columns))
            own, *control = (
                max(slow_jaccard(mask, truth) for mask in masks)
                for truth in (scene.masks[0], *others)
            )
            # Quotients of the same whole numbers.
            assert found.own[number, block] == pytest.approx(own, rel=1e-15)
            assert found.control[number, block] == pytest.approx(np.mean(control), rel=1e-14)
    assert len(np.unique(found.own)) > 5
    np.testing.assert_array_equal(found.gain, found.own - found.control)
    assert found.gain.mean(axis=0)[found.best] == found.gain.mean(axis=0).max()


def test_what_lies_in_the_middle_of_every_picture_gains_nothing(exported: Exported) -> None:
    """As where the same picture is all that there is."""
    engine = vx.Engine(exported("plain"))
    scene = draw_scene((7, 3), engine.manifest.size, objects=1)
    np.testing.assert_array_equal(saliency(engine, [scene] * 3).gain, 0)
