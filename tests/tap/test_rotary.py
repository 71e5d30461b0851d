"""Tables of rotary positions, recognised where they follow from the places of patches."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

from graph.small_graphs import graph, noise, opened
from vitonnx.contract import ROTARY_COORDINATES
from vitonnx.positions import patch_coordinates
from vitonnx.tap._rotary import free_rotary

GRID, WIDTH = (5, 7), 16


def angles(
    grid: tuple[int, int], base: float = 100.0, *, mixed: bool = False
) -> NDArray[np.float64]:
    """DINOv3's: a quarter of the channels down, a quarter across, and both again."""
    periods = base ** (np.arange(WIDTH // 4) / (WIDTH // 4))
    places = patch_coordinates(grid).astype(np.float64)
    both = 2 * np.pi * places[:, :, None] / periods
    if mixed:
        both = both + both[:, ::-1]
    return np.tile(both.reshape(len(places), -1), 2)


def turned(cosines: NDArray[np.float64], sines: NDArray[np.float64]) -> ir.Model:
    tokens = len(cosines)
    model = graph(
        f"(float[b, 3, {tokens}, 16] x, float[{tokens}, 16] c, float[1, 1, {tokens}, 16] s)"
        f" => (float[b, 3, {tokens}, 16] y)",
        "one = Mul(x, c) two = Mul(x, s) y = Add(one, two)",
    )
    for name, array in (("c", cosines), ("s", sines[None, None])):
        (value,) = (each for each in model.graph.inputs if each.name == name)
        model.graph.inputs.remove(value)
        value.const_value = ir.tensor(array.astype(np.float32), name=name)
        model.graph.initializers[name] = value
    return model


@pytest.mark.parametrize("prefix", [0, 1, 5])
@pytest.mark.parametrize("base", [100.0, 10_000.0])
def test_cosines_and_sines_of_coordinates(prefix: int, base: float) -> None:
    every = np.concatenate([np.zeros((prefix, WIDTH)), angles(GRID, base)])
    model, before = (turned(np.cos(every), np.sin(every)) for _ in range(2))
    assert free_rotary(model.graph, GRID, prefix + 35) == 2
    coordinates = model.graph.initializers[ROTARY_COORDINATES]
    assert coordinates.shape == ir.Shape([prefix + 35, 2])
    x = noise(2, 3, prefix + 35, WIDTH)
    np.testing.assert_allclose(opened(model)(x=x)["y"], opened(before)(x=x)["y"], atol=2e-5)


@pytest.mark.parametrize("other", [(3, 11), (9, 4)])
def test_other_coordinates_make_the_table_of_another_grid(other: tuple[int, int]) -> None:
    made = angles(GRID)
    model = turned(np.cos(made), np.sin(made))
    free_rotary(model.graph, GRID, 35)
    coordinates = model.graph.initializers[ROTARY_COORDINATES]
    coordinates.const_value = ir.tensor(patch_coordinates(other), name=ROTARY_COORDINATES)
    coordinates.shape = ir.Shape([other[0] * other[1], 2])
    patches = other[0] * other[1]
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.shape = ir.Shape(["b", 3, patches, WIDTH])
    for node in model.graph:
        for value in node.outputs:
            value.shape = None if value not in model.graph.outputs else value.shape
    x = noise(2, 3, patches, WIDTH)
    expected = x * np.cos(angles(other)) + x * np.sin(angles(other))
    np.testing.assert_allclose(opened(model)(x=x)["y"], expected, atol=2e-5)


def test_positions_that_count_patches_are_not_recognised() -> None:
    """EVA-02's: whether they stretch with the grid is not in the graph."""
    row, column = np.divmod(np.arange(35), 7)
    frequencies = 10_000.0 ** -(np.arange(4) / 4)
    made = np.concatenate([np.outer(row, frequencies), np.outer(column, frequencies)], axis=1)
    made = made.repeat(2, axis=1)
    assert free_rotary(turned(np.cos(made), np.sin(made)).graph, GRID, 35) == 0


def test_angles_of_both_coordinates_are_not_recognised() -> None:
    made = angles(GRID, mixed=True)
    assert free_rotary(turned(np.cos(made), np.sin(made)).graph, GRID, 35) == 0


def test_any_other_factor_is_not_recognised() -> None:
    random = np.random.default_rng(0).standard_normal((2, 35, WIDTH))
    assert free_rotary(turned(*random).graph, GRID, 35) == 0
