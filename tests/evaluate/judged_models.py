"""A model that looks at known pixels alone, and probes that say so, or something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from vitonnx.layout import Layout
from vitonnx.probes import Maps, PictureResult, Probe, option

SEEN = (slice(8, 16), slice(40, 56))
"""Rows and columns of the pixels that the planted model sees: two patches of 8, far from the
middle of 40 x 56."""


def plant(file: Path, target: Path) -> Path:
    """Have the logit of class 7 be the brightness of `SEEN`, and that of all others 2."""
    model = onnx.load(file)
    graph = model.graph
    classes = next(each for each in graph.output if each.name == "logits")
    count = classes.type.tensor_type.shape.dim[1].dim_value
    for node in graph.node:
        node.output[:] = ["old_logits" if name == "logits" else name for name in node.output]

    def constant(name: str, values: Any, kind: int = TensorProto.FLOAT) -> str:
        array = np.asarray(values, np.float32 if kind == TensorProto.FLOAT else np.int64)
        graph.initializer.append(
            helper.make_tensor(f"planted/{name}", kind, array.shape, array.ravel().tolist())
        )
        return f"planted/{name}"

    rows, columns = SEEN
    bounds = [
        constant(name, values, TensorProto.INT64)
        for name, values in (
            ("starts", [rows.start, columns.start]),
            ("ends", [rows.stop, columns.stop]),
            ("axes", [1, 2]),
        )
    ]
    # 2 for all but class 7, which has 0 to 8 by how bright its pixels are.
    one = np.eye(count)[7][None, :] * 8 / 255
    graph.node.extend(
        [
            helper.make_node("Cast", ["images"], ["planted/float"], "head/p0", to=1),
            helper.make_node("Slice", ["planted/float", *bounds], ["planted/seen"], "head/p1"),
            helper.make_node(
                "ReduceMean",
                ["planted/seen", constant("all", [1, 2, 3], TensorProto.INT64)],
                ["planted/mean"],
                "head/p2",
                keepdims=0,
            ),
            helper.make_node(
                "Unsqueeze",
                ["planted/mean", constant("last", [1], TensorProto.INT64)],
                ["planted/column"],
                "head/p3",
            ),
            helper.make_node(
                "Mul", ["planted/column", constant("one", one)], ["planted/own"], "head/p4"
            ),
            helper.make_node(
                "Add",
                ["planted/own", constant("others", (np.arange(count) != 7)[None, :] * 2.0)],
                ["logits"],
                "head/p5",
            ),
        ]
    )
    onnx.save(model, target)
    return target


@dataclass(frozen=True, eq=False, kw_only=True)
class GivenResult(PictureResult):
    """A map."""

    given: NDArray[np.float32]

    @property
    def finding(self) -> Maps:
        return Maps(values=self.given[None], labels=("given",), unit="")


@dataclass(frozen=True)
class Perfect(Probe[GivenResult]):
    """What the planted model sees: 1 in those patches, 0 in others; or the other way round."""

    name: ClassVar[str] = "perfect"
    gives = Maps

    turned: bool = option(False, "Turn it round.")

    def reads(self, layout: Layout) -> tuple[str, ...]:
        return (layout.attention(0),)

    def compute(
        self, outputs: Mapping[str, Any], layout: Layout, queries: Sequence[int | None]
    ) -> list[GivenResult]:
        rows, columns = layout.grid
        pixels = np.zeros((rows * layout.patch_size, columns * layout.patch_size), np.float32)
        pixels[SEEN] = 1
        seen = pixels[:: layout.patch_size, :: layout.patch_size]
        return [GivenResult(given=1 - seen if self.turned else seen) for _ in queries]


@dataclass(frozen=True)
class Neighbours(Perfect):
    """How many pictures are in the batch, and which of them each is."""

    name: ClassVar[str] = "neighbours"

    def compute(
        self, outputs: Mapping[str, Any], layout: Layout, queries: Sequence[int | None]
    ) -> list[GivenResult]:
        return [
            GivenResult(given=np.full(layout.grid, len(queries) + place / 100, np.float32))
            for place in range(len(queries))
        ]


def speckled(count: int, size: tuple[int, int] = (44, 62)) -> list[NDArray[np.uint8]]:
    """Draw bright pictures, no two alike."""
    rng = np.random.default_rng(17)
    return [rng.integers(150, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]
