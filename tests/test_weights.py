"""Weight probes on real exported files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

import tiny_models as tiny
import vitonnx as vx
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.graph import Regrid, read_manifest, write_manifest
from vitonnx.models import random_parameters
from vitonnx.positions import sincos_table
from vitonnx.probes import filter_components, position_similarity

Exported = Callable[[str], Path]


@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_filters_are_the_checkpoints(kind: str, exported: Exported) -> None:
    kernel = random_parameters(tiny.CONFIGS[kind], 7)["patch_embed/kernel"]  # rows, columns, 3, dim
    result = vx.probe_weights(exported(kind), vx.Filters(count=11, components=3))
    np.testing.assert_array_equal(result.filters, np.moveaxis(kernel, -1, 0)[:11])
    components, _ = filter_components(kernel.transpose(3, 2, 0, 1), 3)
    np.testing.assert_array_equal(result.components, components)


@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_positions_are_the_checkpoints(kind: str, exported: Exported) -> None:
    config = tiny.CONFIGS[kind]
    prefix = len(config.position_prefix)
    if kind == "sincos":
        embedding = sincos_table(config.grid, config.dim, prefix=prefix)
    else:
        embedding = random_parameters(config, 7)["position_embedding"]
    result = vx.probe_weights(str(exported(kind)), vx.Positions())
    expected = position_similarity(embedding, grid=config.grid, prefix=prefix)
    np.testing.assert_array_equal(result.similarity, expected)
    assert result.grid == config.grid == (5, 7)


def test_another_size_keeps_the_checkpoints_positions(tmp_path: Path, exported: Exported) -> None:
    model = ir.load(exported("registers"))
    Regrid((24, 88))(model)
    ir.save(model, tmp_path / "wide.onnx")
    wide, plain = (
        vx.probe_weights(file, vx.Positions())
        for file in (tmp_path / "wide.onnx", exported("registers"))
    )
    assert wide.grid == (5, 7)
    np.testing.assert_array_equal(wide.similarity, plain.similarity)


def without(name: str, source: Path, target: Path) -> Path:
    """Copy a model; an initializer gets a name that nobody looks for."""
    model = ir.load(source)
    manifest = read_manifest(model)
    if name == "position_embedding":
        bare = replace(manifest, position_grid=None, position_prefix=())
        write_manifest(model, replace(bare, position_interpolation="rotary"))
    model.graph.initializers[name].name = "another"
    ir.save(model, target)
    return target


def test_a_model_without_positions(tmp_path: Path, exported: Exported) -> None:
    file = without("position_embedding", exported("plain"), tmp_path / "rotary.onnx")
    with pytest.raises(UsageError, match="no position embedding to compare"):
        vx.probe_weights(file, vx.Positions())
    vx.probe_weights(file, vx.Filters())


def test_a_model_without_a_patch_embedding(tmp_path: Path, exported: Exported) -> None:
    file = without("patch_embed/kernel", exported("plain"), tmp_path / "odd.onnx")
    with pytest.raises(ModelFileError, match="has no weight 'patch_embed/kernel'"):
        vx.probe_weights(file, vx.Filters())


def test_probes_are_asked_where_they_can_answer(exported: Exported) -> None:
    asked: Any = vx.Filters(count=3)
    with pytest.raises(
        UsageError, match=r"filters asks for no picture: use vitonnx\.probe_weights"
    ):
        vx.Engine(exported("plain"), device="cpu").probe([], asked)
    asked = vx.Heads()
    with pytest.raises(UsageError, match=r"heads reads pictures, not weights: use vitonnx\.Engine"):
        vx.probe_weights(exported("plain"), asked)


def test_neither_runtime_nor_framework_is_needed(exported: Exported) -> None:
    program = f"""
import sys
for module in ("onnxruntime", "tensorflow", "onnx_ir", "matplotlib"):
    sys.modules[module] = None
import vitonnx as vx
print(vx.probe_weights({str(exported("plain"))!r}, vx.Filters(components=3)).filters.shape)
print(vx.probe_weights({str(exported("plain"))!r}, vx.Positions()).similarity.shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["(21, 8, 8, 3)", "(35, 35)"]
