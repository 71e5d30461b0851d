"""The weights that training begins with: by their rules, and the same on every machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tiny_models as tiny
from vitonnx.models._random import initial_parameters
from vitonnx.models.train._network import begin_network

CONFIG = replace(tiny.CONFIGS["registers"], layer_scale=True)
FROZEN_KERNEL = [0.023868345, -0.0065780855, -0.0008827995]
FROZEN_TABLE = [0.0027687449, -0.036716517, -0.0026119447]


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    return initial_parameters(CONFIG, seed=3)


def test_every_parameter_has_its_shape(drawn: dict[str, np.ndarray]) -> None:
    assert {name: each.shape for name, each in drawn.items()} == dict(CONFIG.parameters())
    assert {each.dtype for each in drawn.values()} == {np.dtype(np.float32)}


def test_kernels_by_glorots_rule(drawn: dict[str, np.ndarray]) -> None:
    kernels = {
        name: each
        for name, each in drawn.items()
        if name.endswith("kernel") and not name.startswith("head")
    }
    assert len(kernels) == 1 + 6 * CONFIG.blocks
    for name, kernel in kernels.items():
        *inputs, outputs = kernel.shape
        bound = np.sqrt(6 / (np.prod(inputs) + outputs))
        # Of n uniform draws the largest is below 99 % of the bound with probability 0.99 ** n: of
        # 441, the fewest, once in 80.
        assert 0.98 * bound < np.abs(kernel).max() <= bound, name
        # The mean's spread is bound / sqrt(3 n).
        assert abs(kernel.mean()) < 4 * bound / np.sqrt(3 * kernel.size), name


def test_tables_are_normal_and_the_rest_is_plain(drawn: dict[str, np.ndarray]) -> None:
    table = drawn["position_embedding"]
    # The spread of a measured spread is 1 / sqrt(2 n), here of 800 numbers 2.5 %.
    assert abs(table.std() / 0.02 - 1) < 4 / np.sqrt(2 * table.size)
    assert np.abs(table).max() > 0.04  # no uniform draw
    assert drawn["cls_token"].std() > 0.01
    for name, each in drawn.items():
        if name.endswith("bias") or name.startswith("head"):
            assert np.all(each == 0), name
        elif name.rpartition("/")[2].startswith("scale"):
            assert np.all(each == 1), name


def test_the_same_on_every_machine(drawn: dict[str, np.ndarray]) -> None:
    """Frozen numbers: float64 of NumPy's PCG64, rounded to float32 alike everywhere."""
    kernel = drawn["block_01/mlp/fc2/kernel"]
    np.testing.assert_allclose(kernel[[0, 7, -1], [0, 5, -1]], FROZEN_KERNEL, rtol=1e-6)
    table = drawn["position_embedding"]
    np.testing.assert_allclose(table[[0, 7, -1], [0, 5, -1]], FROZEN_TABLE, rtol=1e-6)


def test_a_seed_fixes_them(drawn: dict[str, np.ndarray]) -> None:
    again, other = (initial_parameters(CONFIG, seed) for seed in (3, 4))
    for name, each in drawn.items():
        np.testing.assert_array_equal(each, again[name])
    assert np.any(drawn["patch_embed/kernel"] != other["patch_embed/kernel"])


def test_the_network_begins_with_them() -> None:
    config = replace(tiny.BASE, dim=24)
    weights = begin_network(config, seed=5).named_weights()
    for name, each in initial_parameters(config, seed=5).items():
        np.testing.assert_array_equal(np.asarray(weights[name]), each)
