"""Which weights belong to which part of a network, and what they are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from graph.small_graphs import check, opened, pictures, read
from tap.foreign_ways import WAYS
from vitonnx.graph import Randomise, weight_stages
from vitonnx.modelfile import open_graph

Exported = Callable[[str], Path]

# What belongs to no stage: it is no weight, or follows from the grid.
RECIPE = {"embed/sub/input_1", "embed/mul/input_1"}


def floats(model: ir.Model) -> dict[str, NDArray[np.float32]]:
    return {
        name: value.const_value.numpy()
        for name, value in model.graph.initializers.items()
        if value.const_value is not None and value.const_value.dtype.is_floating_point()
    }


def _array(value: ir.Value) -> NDArray[np.float32]:
    assert value.const_value is not None
    return np.asarray(value.const_value.numpy())


@pytest.mark.parametrize(
    "kind", ["plain", "headless", "distilled", "registers", "pooled", "dino_linear", "sincos"]
)
def test_every_weight_has_one_stage(kind: str, exported: Exported) -> None:
    model = read(exported(kind))
    stages = weight_stages(model)
    assert list(stages) == ["head", "block_01", "block_00", "patch embedding"]
    names = {stage: [str(value.name) for value in values] for stage, values in stages.items()}
    for stage, own in names.items():
        for name in own:
            where = name.split("/")[0]
            if stage.startswith("block"):
                assert where == stage
            else:
                assert not where.startswith("block")
    listed = [name for own in names.values() for name in own]
    assert len(set(listed)) == len(listed)
    scalars = {name for name, value in floats(model).items() if value.size == 1}
    left = set(floats(model)) - set(listed) - scalars
    assert left >= RECIPE
    assert all(name in RECIPE or "resampling" in name for name in left)
    assert {"patch_embed/kernel", "patch_embed/bias"} <= set(names["patch embedding"])
    if kind == "plain":
        assert {"cls_token", "position_embedding"} <= set(names["patch embedding"])
        assert names["head"] == ["norm/scale", "norm/bias", "head/kernel", "head/bias"]


@pytest.mark.parametrize("way", ["class", "no prefix", "registers", "fused, gathered"])
def test_names_of_weights_say_nothing(way: str, tmp_path: Path) -> None:
    """Of a tapped file only nodes are named after their place."""
    vit = WAYS[way]
    onnx.save(vit.model(), tmp_path / "foreign.onnx")
    vx.tap_model(tmp_path / "foreign.onnx", tmp_path / "tapped.onnx", preprocess="imagenet")
    model = open_graph(tmp_path / "tapped.onnx")
    stages = weight_stages(model)
    blocks = [f"block_{block:02d}" for block in reversed(range(vit.blocks))]
    assert list(stages) == ["head", *blocks, "patch embedding"]
    # Blocks are built alike.
    assert len({sum(_array(each).size for each in stages[stage]) for stage in blocks}) == 1
    # All but scalars, and the mean and deviation of the recipe.
    listed = sum(len(values) for values in stages.values())
    assert listed == sum(value.size > 3 for value in floats(model).values())


def test_a_stage_alone_is_drawn_anew(exported: Exported) -> None:
    before, after = read(exported("plain")), read(exported("plain"))
    stages = weight_stages(before)
    Randomise(["block_01"], 3)(after)
    check(after)
    changed = {
        name
        for name, value in floats(before).items()
        if not np.array_equal(value, floats(after)[name])
    }
    varied = {str(each.name) for each in stages["block_01"] if _array(each).std() > 0}
    assert changed == varied
    assert len(changed) > 10
    batch = pictures(2)
    one, other = opened(before)(images=batch), opened(after)(images=batch)
    np.testing.assert_array_equal(one["block_00/tokens"], other["block_00/tokens"])
    assert not np.allclose(one["block_01/tokens"], other["block_01/tokens"])


def test_weights_keep_mean_and_deviation(exported: Exported) -> None:
    before, after = read(exported("plain")), read(exported("plain"))
    Randomise(weight_stages(before), 3)(after)
    for name in ("patch_embed/kernel", "block_00/mlp/fc1/kernel", "position_embedding"):
        old, new = floats(before)[name], floats(after)[name]
        assert new.dtype == old.dtype
        # Four standard errors of the mean, and of the deviation.
        assert new.mean() == pytest.approx(old.mean(), abs=4 * old.std() / np.sqrt(old.size))
        assert new.std() == pytest.approx(old.std(), rel=4 / np.sqrt(2 * old.size))
        assert abs(np.corrcoef(old.ravel(), new.ravel())[0, 1]) < 4 / np.sqrt(old.size)


def test_one_stage_after_the_other_is_all_at_once(exported: Exported) -> None:
    whole, steps = read(exported("plain")), read(exported("plain"))
    Randomise(["head", "block_01"], 3)(whole)
    Randomise(["head"], 3)(steps)
    Randomise(["head", "block_01"], 3)(read(exported("plain")))
    # The head is not drawn from what was drawn before.
    fresh = read(exported("plain"))
    Randomise(["head"], 3)(fresh)
    for name in ("head/kernel", "norm/scale", "head/bias"):
        np.testing.assert_array_equal(floats(whole)[name], floats(fresh)[name])
        np.testing.assert_array_equal(floats(whole)[name], floats(steps)[name])
    other = read(exported("plain"))
    Randomise(["head"], 4)(other)
    assert not np.array_equal(floats(other)["head/kernel"], floats(fresh)["head/kernel"])
