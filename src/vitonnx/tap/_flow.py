"""Follow one token through each block, to prove that published rows and columns are its own.

Shapes can't tell tokens from channels if both have the same number, nor the order of keys or
patches. So every block is run on its own, with one of its tokens changed. In the scores, only the
token's own row and column change; in the values, only its own row; and in the block's output
without its attention, mostly that token.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.graph import Block
from vitonnx.tap._attention import Attention
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._observe import pixel_values
from vitonnx.tap._residual_stream import Stream

__all__ = ["check_flow", "check_passage", "cut_out"]

# Of a change against the largest: rounding, and scales that are found for all tokens together.
STILL = 0.05
LARGEST = 1e4  # that half precision takes well
PUSH = 10.0  # times the largest number of the tokens: past norms, its direction is all that counts


def check_passage(graph: ir.Graph, stream: Stream) -> None:
    """See that pixels reach the outputs as tokens only, as in every Vision Transformer.

    Other ways, such as the skip connections of a U-Net, raise ModelFileError.
    """
    reached = pixel_values(graph, past=stream.blocks[0].stream_in)
    past = [str(value.name) for value in graph.outputs if value in reached]
    if past:
        raise ModelFileError(
            f"The model's output {past[0]!r} also depends on the picture past its blocks: it is "
            "not a Vision Transformer but another network with attention, so it can't be tapped."
        )


def check_flow(model: ir.Model, stream: Stream, prefix: int, pictures: Input, folder: Path) -> None:
    """Follow tokens through every block; ModelFileError if one's attention is not among them."""
    pixels = pictures.noise(1)
    starts = [block.stream_in for block in stream.blocks]
    inputs = run_values(model, {str(pictures.value.name): pixels}, starts, folder)
    for number, (block, found, tokens) in enumerate(
        zip(stream.blocks, stream.attentions, inputs, strict=True)
    ):
        alone = _Alone(model, block, found, pictures, pixels, folder)
        before = alone.run(tokens)
        for token in {prefix + stream.tokens // 3, stream.tokens - 1} - {stream.tokens}:
            after = alone.run_on(_pushed(tokens, token, stream.tokens), before)
            if not _is_followed(before, after, token, stream.tokens):
                raise ModelFileError(
                    f"Block {number} of the model doesn't keep its tokens apart: a change of "
                    f"token {token} doesn't show in row and column {token} of "
                    f"{found.softmax.name}. Its maps would be wrong, so it can't be tapped."
                )


def _pushed(tokens: NDArray[Any], token: int, count: int) -> NDArray[Any]:
    """Put another token in a token's place, of a random direction."""
    changed = tokens.copy()
    rows = changed.reshape(count, -1)  # a view: the batch is one, wherever it is
    direction = np.random.default_rng(token).standard_normal(rows.shape[1])
    largest = float(np.abs(rows).max())
    rows[token] = np.clip(direction * PUSH * largest, -LARGEST, LARGEST)
    return changed


class _Alone:
    """One block as a graph of its own."""

    def __init__(
        self,
        model: ir.Model,
        block: Block,
        found: Attention,
        pictures: Input,
        pixels: NDArray[Any],
        folder: Path,
    ) -> None:
        scores, result = found.softmax.inputs[0], found.result.outputs[0]
        assert scores is not None
        # Some parts ask the pictures for their number.
        sources = [pictures.value, block.stream_in]
        looked = [scores, found.values]
        self.whole = cut_out(model, sources, [*looked, result, block.stream_out])
        self.looking = cut_out(model, sources, looked)
        self.past = cut_out(model, [*sources, result], [block.stream_out])
        self.pixels, self.folder = pixels, folder

    def run(self, tokens: NDArray[Any]) -> list[NDArray[Any]]:
        """Return scores, values, the product of both, and the block's output."""
        return self._run(self.whole, tokens)

    def run_on(self, tokens: NDArray[Any], before: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the same for other tokens, except for the output with attention as before.

        All tokens look at one changed token, some more than at themselves.
        """
        scores, values = self._run(self.looking, tokens)
        (stream,) = self._run(self.past, tokens, before[2])
        return [scores, values, before[2], stream]

    def _run(self, part: ir.Model, *arrays: NDArray[Any]) -> list[NDArray[Any]]:
        given = zip(part.graph.inputs, (self.pixels, *arrays), strict=True)
        feed = {str(value.name): array for value, array in given}
        return run_values(part, feed, part.graph.outputs, self.folder)


def cut_out(model: ir.Model, sources: Sequence[ir.Value], wanted: Sequence[ir.Value]) -> ir.Model:
    """Cut a part out of a graph."""
    names = [[str(value.name) for value in values] for values in (sources, wanted)]
    graph = ir.convenience.extract(model.graph, *names)
    return ir.Model(graph, ir_version=model.ir_version or 10)


def _is_followed(
    before: list[NDArray[Any]], after: list[NDArray[Any]], token: int, tokens: int
) -> bool:
    scores, values, _, stream = (
        _change(one, other) for one, other in zip(before, after, strict=True)
    )
    square = scores.reshape(-1, tokens, tokens).max(axis=0)
    square[token, :] = square[:, token] = 0
    if square.max() > STILL * scores.max():
        return False
    if not any(
        _stays(values, axis, token) for axis, side in enumerate(values.shape) if side == tokens
    ):
        return False
    return bool(stream.reshape(tokens, -1).max(axis=1).argmax() == token)


def _stays(change: NDArray[np.float64], axis: int, token: int) -> bool:
    """Whether a change stays in one row of an axis."""
    rows = np.moveaxis(change, axis, 0).reshape(change.shape[axis], -1).max(axis=1)
    return bool(rows.argmax() == token and np.delete(rows, token).max() <= STILL * rows.max())


def _change(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far numbers are apart; masked or minus infinity in both counts as equal."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.abs(one.astype(np.float64) - other.astype(np.float64)))
