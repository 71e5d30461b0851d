"""What the probes of tokens are tested on: layouts, pictures, engines, the final norm by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from vitonnx.probes import Layout

Floats = NDArray[np.floating[Any]]


def layout_of(
    prefix: tuple[str, ...] = ("cls",),
    suffix: tuple[str, ...] = (),
    grid: tuple[int, int] = (5, 7),
    *,
    blocks: int = 3,
    dim: int = 13,
    classes: tuple[str, ...] | None = None,
) -> Layout:
    return Layout(
        grid=grid,
        patch_size=7,
        prefix_tokens=prefix,
        suffix_tokens=suffix,
        blocks=blocks,
        heads=2,
        dim=dim,
        classes=classes,
    )


def coarse_pictures(sizes: Iterable[tuple[int, int]], seed: int) -> list[NDArray[np.uint8]]:
    """Draw pictures of large and small shapes, each of its own (width, height)."""
    rng = np.random.default_rng(seed)
    drawn = []
    for size in sizes:
        coarse = Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8))
        drawn.append(np.asarray(coarse.resize(size)))
    return drawn


def save_pictures(pictures: Iterable[NDArray[np.uint8]], folder: Path) -> Path:
    """Write pictures to a folder, in the order of their names, and return it."""
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number:02}.png")
    return folder


def open_engine(file: Path, in_graph: bool | None = None) -> vx.Engine:
    return vx.Engine(file, device="cpu", threads=1, in_graph=in_graph)


def initializers(file: Path) -> dict[str, NDArray[np.float64]]:
    """Read the weights of a file, in double precision."""
    return {
        tensor.name: onnx.numpy_helper.to_array(tensor).astype(np.float64)
        for tensor in onnx.load(file).graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }


def normalised(tokens: Floats, weights: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Put tokens through the final norm that a file's weights hold."""
    x = tokens.astype(np.float64)
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return np.asarray(scaled * weights["norm/scale"] + weights["norm/bias"])
