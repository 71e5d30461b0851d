"""Attribution on tapped files: what exporters write otherwise changes no map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitonnx as vx
from probes.nudged_models import NudgedModel, of_class
from tap.foreign_vit import ForeignViT
from tap.tapping import Tapped, photographs

SMALL: dict[str, Any] = {"grid": (2, 3), "patch": 5, "classes": 7}
# A head that reads one token, the patches, or all by attention; what stands before each block's
# attention; the tokens that the head reads; and what is asked.
WAYS: dict[str, tuple[ForeignViT, str, list[int], tuple[str, ...]]] = {
    "suffix": (
        ForeignViT(prefix=2, suffix=3, **SMALL),
        "block_01/attention/layernormalization",
        [0],
        ("grad-cam", "generic"),
    ),
    "latent": (
        ForeignViT(prefix=5, readout="latent", **SMALL),
        "block_01/attention/layernormalization",
        list(range(11)),
        ("legrad", "generic"),
    ),
    "mean": (
        ForeignViT(prefix=2, readout="mean", softmax="keys first", **SMALL),
        "block_01/attention/layernormalization",
        list(range(2, 8)),
        ("generic",),
    ),
    "behind": (
        ForeignViT(norm_first=False, bias=True, **SMALL),
        "block_00/tokens",
        [0],
        ("legrad", "grad-cam"),
    ),
}


def maps(file: Path, vit: ForeignViT, method: str) -> np.ndarray:
    engine = vx.Engine(file, device="cpu", threads=1)
    asked = vx.Attribution(method=method, target=4)  # type: ignore[arg-type]
    return np.stack([r.attribution for r in engine.probe_pixels(photographs(vit, 2), asked)])


@pytest.mark.parametrize("way", WAYS)
def test_maps_are_what_nudges_say(way: str, tapped: Tapped) -> None:
    vit, normed, read, methods = WAYS[way]
    file = tapped(vit)
    engine = vx.Engine(file, device="cpu", threads=1)
    nudged = NudgedModel(file, engine.layout, normed)
    picture = photographs(vit, 2)[1]
    for method in methods:
        expected = nudged.explain(method, picture, of_class(4), read)
        found, largest = maps(file, vit, method)[1], np.abs(expected).max()
        assert largest > 0 or way == "behind"
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * largest, err_msg=method)


@pytest.mark.parametrize("method", ["legrad", "grad-cam"])
def test_half_precision_changes_little(method: str, tapped: Tapped) -> None:
    single, half = (ForeignViT(precision=each, **SMALL) for each in ("fp32", "fp16"))
    expected = maps(tapped(single), single, method)
    found = maps(tapped(half), half, method)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01 * largest)
    assert np.abs(found - expected).max() > 1e-6 * largest


def test_files_for_one_picture_give_the_same(tapped: Tapped) -> None:
    fixed, free = (ForeignViT(batch=each, **SMALL) for each in (1, None))
    expected = maps(tapped(free), free, "legrad")
    found = maps(tapped(fixed), fixed, "legrad")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
