"""Values that plans find in files of others: against NumPy, from the block's tokens on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from graph.small_graphs import check, read
from graph.small_graphs import run as run_graph
from tap.foreign_drawing import Drawing
from tap.foreign_sketch import EPSILON, Sketch
from tap.foreign_vit import ForeignViT
from tap.foreign_ways import WAYS
from tap.tapping import HALF, TOKENS, Tapped, relative_error, run
from vitonnx.contract import FINAL_NORM_KEY, FINAL_TOKENS
from vitonnx.engine import Plan
from vitonnx.engine._plan import plan_graph
from vitonnx.errors import UsageError

Array = NDArray[np.float64]

# One of each form in which tokens come out of the blocks, and of each number of other tokens.
CHOSEN = ["no prefix", "class", "distilled", "registers", "folded into the batch", "opset 13"]
CHOSEN += ["mean of patches", "a batch of one", "fp16", "one block", "a remainder"]
CHOSEN += ["normed behind", "normed behind, registers", "normed behind, opset 13"]
CHOSEN += ["a token behind", "tokens behind, none in front", "tokens behind, and registers"]


def normed(x: Array, scale: Array, shift: Array) -> Array:
    variance = x.var(-1, keepdims=True) + EPSILON
    return np.asarray((x - x.mean(-1, keepdims=True)) / np.sqrt(variance) * scale + shift)


@dataclass(frozen=True, kw_only=True)
class OtherHead(ForeignViT):
    """A plain ViT with a head that `ForeignViT` has none of."""

    head: Literal[
        "as usual", "fc_norm", "distilled", "pooler", "both", "picked", "rms", "untied", "pooled"
    ] = "as usual"

    def model(self) -> onnx.ModelProto:
        if self.head == "as usual":
            return super().model()
        sketch = Sketch(self.opset, precision=self.precision)
        scores = _OtherDrawing(self, sketch, self.weights()).draw("pixels")
        return sketch.model(
            {"pixels": ("batch", 3, *self.size)}, {"scores": (scores, ("batch", self.classes))}
        )

    def _own(self) -> tuple[dict[str, Array], Array, Array]:
        weights = {name: values.astype(np.float64) for name, values in self.weights().items()}
        return weights, weights["head"].T, weights["head.bias"]

    def final(self, x: Array) -> Array:
        """Give the last tokens behind the final norm."""
        weights, _, _ = self._own()
        own = weights["norm"], weights["norm.bias"]
        if not self.norm_first or self.head == "fc_norm":
            return x
        if self.head == "rms":
            square = (x * x).mean(-1, keepdims=True)
            return np.asarray(x / np.sqrt(square + EPSILON) * own[0])
        found = normed(x, *own)
        if self.head == "untied":
            patches = slice(self.prefix, self.prefix + self.patches)
            other = normed(x, weights["0.norm1"], weights["0.norm1.bias"])
            found[:, patches] = other[:, patches]
        return found

    def scores(self, x: Array) -> Array:
        """Give what the head says of all tokens of a block."""
        weights, kernel, bias = self._own()
        n = self.final(x)
        patches = n[:, self.prefix : self.prefix + self.patches]
        match self.head:
            case "fc_norm":
                read = normed(patches.mean(1), weights["norm"], weights["norm.bias"])
            case "distilled":
                other = weights["0.up"][:, : self.classes]
                return np.asarray((n[:, 0] @ kernel + bias + n[:, 1] @ other) / 2)
            case "pooler":
                read = np.tanh(n[:, 0] @ weights["0.out"] + weights["0.out.bias"])
            case "both" | "untied":
                both = np.concatenate([n[:, 0], patches.mean(1)], -1)
                return np.asarray(both @ np.concatenate([kernel, 2 * kernel]) + bias)
            case "pooled":
                read = patches.mean(1)
            case _:
                read = n[:, 0] if self.readout == "token" else patches.mean(1)
        return np.asarray(read @ kernel + bias)


class _OtherDrawing(Drawing):
    vit: OtherHead

    def draw(self, pixels: str) -> str:
        sketch, vit = self.sketch, self.vit
        x = self.embed(pixels)
        for block in range(vit.blocks):
            x = self.block(x, f"{block}.")
        first, kernel, bias = sketch.constant(0), self.weight("head"), self.weight("head.bias")
        edges = vit.prefix, vit.prefix + vit.patches

        def mean(value: str) -> str:
            return sketch.mean(sketch.slice(value, 1, *edges), 1)

        match vit.head:
            case "fc_norm":
                read = self.norm(mean(x), "norm")
            case "distilled":
                n = self.norm(x, "norm")
                one = sketch("Gemm", sketch("Gather", n, first, axis=1), kernel, bias, transB=1)
                second = sketch("Gather", n, sketch.constant(1), axis=1)
                other = sketch.weight(self.arrays["0.up"][:, : vit.classes])
                total = sketch("Add", one, sketch("MatMul", second, other))
                return sketch("Div", total, sketch.number(2))
            case "pooler":
                n = self.norm(x, "norm")
                read = self.linear(sketch("Gather", n, first, axis=1), "0.out")
                read = sketch("Tanh", read)
            case "both" | "untied":
                n = self.norm(x, "norm")
                p = n if vit.head == "both" else self.norm(x, "0.norm1")
                one = sketch("Gather", n, first, axis=1)
                both = sketch("Concat", one, mean(p), axis=-1)
                wide = np.concatenate([self.arrays["head"], 2 * self.arrays["head"]], 1)
                return sketch("Gemm", both, sketch.weight(wide), bias, transB=1)
            case "picked":
                read = self.norm(sketch("Gather", x, first, axis=1), "norm")
            case "rms":
                square = sketch.mean(sketch("Mul", x, x), -1, keep=True)
                root = sketch("Sqrt", sketch("Add", square, sketch.number(EPSILON)))
                n = sketch("Mul", sketch("Div", x, root), self.weight("norm"))
                read = sketch("Gather", n, first, axis=1)
            case "pooled":
                turned = sketch.transpose(sketch.slice(self.norm(x, "norm"), 1, *edges), 0, 2, 1)
                grid = sketch.reshape(turned, 0, vit.dim, *vit.grid)
                read = sketch("Flatten", sketch("GlobalAveragePool", grid))
        return sketch("Gemm", read, kernel, bias, transB=1)


def as_usual(vit: ForeignViT) -> OtherHead:
    fields = {name: getattr(vit, name) for name in ForeignViT.__dataclass_fields__}
    return OtherHead(**fields)


VITS = {way: as_usual(WAYS[way]) for way in CHOSEN} | {
    "fc_norm": OtherHead(head="fc_norm"),
    "fc_norm, registers": OtherHead(head="fc_norm", prefix=5, grid=(7, 2)),
    "two heads": OtherHead(head="distilled", prefix=2),
    "a pooler": OtherHead(head="pooler", prefix=5),
    "class and patches": OtherHead(head="both"),
    "class and patches, tokens behind": OtherHead(head="both", suffix=2),
    "picked, then normed": OtherHead(head="picked", prefix=2),
    "picked, then normed, opset 13": OtherHead(head="picked", opset=13),
    "rms": OtherHead(head="rms", prefix=5),
    "rms, folded": OtherHead(head="rms", batched=True, opset=21),
    "untied": OtherHead(head="untied", prefix=5),
    "untied, a token behind": OtherHead(head="untied", suffix=1),
    "a pooled grid": OtherHead(head="pooled", prefix=2),
    "a pooled grid, no prefix": OtherHead(head="pooled", prefix=0, grid=(2, 7)),
}


TIMM = ("--interpolation", "timm")


def planned(
    file: Path, vit: ForeignViT, *names: str, size: tuple[int, int] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Run a plan of these outputs, and give its metadata too."""
    model = plan_graph(read(file), Plan(outputs=names, size=size))
    check(model)
    height, width = size or vit.size
    shape = 2, height, width, 3
    images = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    return run_graph(model, images=images), dict(model.metadata_props)


def assert_derived(file: Path, vit: OtherHead, size: tuple[int, int] | None = None) -> None:
    """Compare all values with NumPy; `vit` is at the size that is asked for."""
    last = f"block_{vit.blocks - 1:02}"
    asked = [FINAL_TOKENS, "logits", f"{last}/tokens", f"{last}/logits"]
    asked += ["block_00/tokens", "block_00/logits", "block_00/patch_logits"]
    found, said = planned(file, vit, *dict.fromkeys(asked), size=size)
    # What the contract says of files in single precision, and of those in half.
    bound = HALF if vit.precision == "fp16" else TOKENS
    is_normed = vit.norm_first and vit.head != "fc_norm"
    assert said[FINAL_NORM_KEY] == ("tokens" if is_normed else "none")
    expected = vit.final(found[f"{last}/tokens"].astype(np.float64))
    assert relative_error(found[FINAL_TOKENS], expected) <= bound
    assert relative_error(found[f"{last}/logits"], found["logits"]) <= 1e-5
    tokens = found["block_00/tokens"].astype(np.float64)
    assert relative_error(found["block_00/logits"], vit.scores(tokens)) <= bound
    each = [
        vit.scores(np.repeat(tokens[:, place, None], vit.tokens, 1))
        for place in range(vit.prefix, vit.prefix + vit.patches)
    ]
    assert relative_error(found["block_00/patch_logits"], np.stack(each, 1)) <= bound


@pytest.mark.parametrize("vit", VITS.values(), ids=VITS)
def test_values_are_those_of_numpy(vit: OtherHead, tapped: Tapped) -> None:
    file = tapped(vit, *TIMM)
    assert_derived(file, vit)
    if vit.norm_first:
        found, _ = planned(file, vit, "block_00/residual", "block_00/tokens")
        np.testing.assert_array_equal(found["block_00/residual"], found["block_00/tokens"])
    else:
        with pytest.raises(UsageError, match="normalises its residual stream"):
            planned(file, vit, "block_00/residual")


SIZED = ["registers", "class and patches", "picked, then normed", "rms", "untied"]
SIZED += ["fc_norm, registers", "no prefix", "two heads", "normed behind", "a pooled grid"]
SIZED += ["class and patches, tokens behind", "untied, a token behind"]


@pytest.mark.parametrize("way", SIZED)
def test_values_at_another_size(way: str, tapped: Tapped) -> None:
    """The weights of heads and norms are the same; positions are another test's."""
    vit = VITS[way]
    file = tapped(vit, *TIMM)
    fields = {name: getattr(vit, name) for name in OtherHead.__dataclass_fields__}
    larger = _Larger(**fields | {"grid": (5, 4)}, own=vit)
    assert_derived(file, larger, size=larger.size)


@dataclass(frozen=True, kw_only=True)
class _Larger(OtherHead):
    """The same weights at another grid."""

    own: OtherHead

    def weights(self) -> dict[str, Any]:
        return self.own.weights()


@pytest.mark.parametrize("name", ["block_00/logits", "block_01/patch_logits"])
def test_attention_pooling_is_refused(name: str, tapped: Tapped) -> None:
    vit = WAYS["cross-attention reads out, class"]
    file = tapped(vit)
    with pytest.raises(UsageError, match="pools by attention"):
        planned(file, vit, name)
    found, said = planned(file, vit, FINAL_TOKENS, "block_01/tokens")
    assert said[FINAL_NORM_KEY] == "tokens"
    expected = as_usual(vit).final(found["block_01/tokens"].astype(np.float64))
    assert relative_error(found[FINAL_TOKENS], expected) <= TOKENS


def test_a_plan_leaves_the_file_s_own_outputs(tapped: Tapped) -> None:
    vit = WAYS["registers"]
    file = tapped(vit)
    found, _ = planned(file, vit, "logits", FINAL_TOKENS, "block_00/patch_logits")
    images = np.random.default_rng(5).integers(0, 256, (2, *vit.size, 3), np.uint8)
    np.testing.assert_allclose(found["logits"], run(file, images=images)["logits"], atol=1e-5)
