"""Attribution by finite differences: a file's own graph in double precision, nudged entry by entry.

Nothing here differentiates. The graph is evaluated by onnx's own reference implementation, with
what is asked about nudged up and down, and the methods are loops over NumPy's arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from vitonnx.layout import Layout

Floats = NDArray[np.float64]
# From embedding (batch, dim) and logits (batch, classes) to what is explained: scalars (batch,).
Score = Callable[[Floats, Floats | None], Floats]

# Of double precision's 16 digits, a third is lost to the step and a third to cancellation.
STEP = 1e-5


def of_class(number: int) -> Score:
    """Explain the logit of a class."""

    def score(embedding: Floats, logits: Floats | None) -> Floats:
        assert logits is not None
        return logits[:, number]

    return score


def likeness(anchor: NDArray[Any]) -> Score:
    """Explain the cosine of the embedding with another one."""
    unit = np.asarray(anchor, np.float64) / np.linalg.norm(np.asarray(anchor, np.float64))
    return lambda embedding, logits: embedding @ unit / np.linalg.norm(embedding, axis=-1)


class Gelu(OpRun):
    """onnx's own rounds the error function to single precision."""

    op_domain = ""

    def _run(self, x: Floats, approximate: str = "none") -> tuple[Floats]:
        if approximate == "tanh":
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return (x / 2 * (1 + np.tanh(inner)),)
        return (x / 2 * (1 + np.vectorize(math.erf, otypes=[np.float64])(x / math.sqrt(2))),)


class NudgedModel:
    """A probe-ready file that computes in double precision, and whose values can be nudged.

    Parameters
    ----------
    file : path
        The file, in single precision.
    layout : Layout
        The model's.
    normed : str
        The value behind the first norm of the last block.
    """

    def __init__(self, file: Path, layout: Layout, normed: str = "") -> None:
        self.layout = layout
        self.attention = [f"block_{block:02}/attention" for block in range(layout.blocks)]
        self.tokens = [f"block_{block:02}/tokens" for block in range(layout.blocks)]
        self.normed = normed or f"block_{layout.blocks - 1:02}/norm1/layernormalization"
        self.nudged = [*self.attention, self.normed]
        model = in_double(onnx.load(file))
        for name in self.nudged:
            _let_nudge(model, name)
        self._whole = _evaluator(model, (*self.nudged, *self.tokens))
        _make_input(model, self.tokens[-1])
        self._head = _evaluator(model, ())

    def run(self, pixels: Floats, **nudges: Floats) -> dict[str, Floats]:
        """Run pixels (batch, height, width, 3), from 0 to 255, as all names give it."""
        feed = {f"nudge/{name}": np.zeros(1) for name in self.nudged} | nudges
        return dict(
            zip(
                self._whole.output_names,
                self._whole.run(None, {"images": pixels, **feed}),
                strict=True,
            )
        )

    def head_of_mean(self, tokens: Floats, pixels: Floats) -> dict[str, Floats]:
        """Give what the head says where every last token is the mean of these."""
        alike = np.repeat(tokens.mean(axis=1, keepdims=True), tokens.shape[1], axis=1)
        feed = {f"nudge/{name}": np.zeros(1) for name in self.nudged}
        feed |= {"images": pixels, self.tokens[-1]: alike}
        return dict(zip(self._head.output_names, self._head.run(None, feed), strict=True))

    def explain(self, method: str, picture: NDArray[np.uint8], score: Score, rows: Any) -> Floats:
        """Explain the score of one picture (height, width, 3): a map (rows, columns).

        Parameters
        ----------
        method : str
            One of the five.
        picture : uint8
            At the input's own size.
        score : Score
            What is explained.
        rows : list of int
            The tokens that the head reads.
        """
        layout, pixels = self.layout, picture[None].astype(np.float64)
        seen = self.run(pixels)
        if method == "legrad":
            found = self._legrad(pixels, score)
        elif method == "grad-cam":
            found = self._grad_cam(pixels, score, seen)
        elif method == "gradient":
            return self._gradient(pixels, score)
        else:
            slopes = [self.slope(pixels, name, score) for name in self.attention]
            maps = [seen[name][0] for name in self.attention]
            follow = {"generic": slow_generic, "gradient-rollout": slow_rollout}[method]
            matrix = follow(maps, slopes)
            found = np.mean([matrix[row] for row in rows], axis=0)[layout.prefix :]
        return np.asarray(found[: layout.patches].reshape(layout.grid))

    def slope(
        self,
        pixels: Floats,
        name: str,
        score: Score,
        mean_of: str | None = None,
    ) -> Floats:
        """Nudge every entry of a value alone: the slopes, of its shape without the batch.

        With `mean_of`, the score is that of the head on the mean of these tokens.
        """
        shape = self.run(pixels)[name].shape[1:]
        count = int(np.prod(shape))
        many = np.repeat(pixels, count, axis=0)
        scores = []
        for sign in (1, -1):
            nudges = sign * STEP * np.eye(count).reshape(count, *shape)
            seen = self.run(many, **{f"nudge/{name}": nudges})
            if mean_of is not None:
                seen = self.head_of_mean(seen[mean_of], many)
            scores.append(score(seen["embedding"], seen.get("logits")))
        return np.asarray((scores[0] - scores[1]) / (2 * STEP)).reshape(shape)

    def _legrad(self, pixels: Floats, score: Score) -> Floats:
        maps = []
        for attention, tokens in zip(self.attention, self.tokens, strict=True):
            slopes = self.slope(pixels, attention, score, tokens)
            heads, queries, keys = slopes.shape
            found = np.zeros(keys)
            for head in range(heads):
                for query in range(queries):
                    for key in range(keys):
                        found[key] += max(0.0, slopes[head, query, key]) / (heads * queries)
            maps.append(found)
        return np.asarray(np.mean(maps, axis=0)[self.layout.prefix :])

    def _grad_cam(self, pixels: Floats, score: Score, seen: dict[str, Floats]) -> Floats:
        patches = slice(self.layout.prefix, self.layout.prefix + self.layout.patches)
        values = seen[self.normed][0, patches]
        slopes = self.slope(pixels, self.normed, score)[patches]
        weights = slopes.mean(axis=0)
        return np.asarray([max(0.0, float((weights * each).sum())) for each in values])

    def _gradient(self, pixels: Floats, score: Score) -> Floats:
        """With respect to the normalised input, whose scale each channel has of its own."""
        shape, size = pixels.shape[1:], self.layout.patch_size
        std = np.asarray(self.layout.preprocessing.std)  # type: ignore[attr-defined]
        slopes, count = np.zeros(int(np.prod(shape))), 128
        for start in range(0, slopes.size, count):
            some = np.eye(slopes.size)[start : start + count].reshape(-1, *shape) * 1e-3
            above, below = (self.run(pixels + sign * some) for sign in (1, -1))
            up, down = (score(each["embedding"], each.get("logits")) for each in (above, below))
            slopes[start : start + count] = (up - down) / 2e-3
        slopes = slopes.reshape(shape) * 255 * std
        rows, columns = self.layout.grid
        return np.asarray(
            [
                [
                    np.linalg.norm(
                        slopes[size * row : size * (row + 1), size * column : size * (column + 1)]
                    )
                    for column in range(columns)
                ]
                for row in range(rows)
            ]
        )


def slow_generic(attention: Iterable[Floats], slopes: Iterable[Floats]) -> Floats:
    """Chefer et al. 2021, equation 6 as a loop: R <- R + mean over heads of ReLU(slope A) R."""
    relevance: Any = None
    for weights, slope in zip(attention, slopes, strict=True):
        heads, tokens, _ = weights.shape
        relevance = np.eye(tokens) if relevance is None else relevance
        before = relevance.copy()
        for query in range(tokens):
            for key in range(tokens):
                each = [
                    max(0.0, slope[h, query, key] * weights[h, query, key]) for h in range(heads)
                ]
                relevance[query] += sum(each) / heads * before[key]
    return np.asarray(relevance)


def slow_rollout(attention: Iterable[Floats], slopes: Iterable[Floats]) -> Floats:
    """Roll out ReLU of the mean over heads, half of each block the identity, rows to one."""
    flow: Any = None
    for weights, slope in zip(attention, slopes, strict=True):
        heads, tokens, _ = weights.shape
        mixed = np.zeros((tokens, tokens))
        for query in range(tokens):
            for key in range(tokens):
                mean = (
                    sum(slope[h, query, key] * weights[h, query, key] for h in range(heads)) / heads
                )
                mixed[query, key] = (max(0.0, mean) + (query == key)) / 2
            mixed[query] /= mixed[query].sum()
        flow = mixed if flow is None else mixed @ flow
    return np.asarray(flow)


def in_double(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let a graph compute in double precision, from pixels that need not be whole numbers."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                attribute.i = (
                    TensorProto.DOUBLE if attribute.i == TensorProto.FLOAT else attribute.i
                )
            if attribute.t.data_type == TensorProto.FLOAT:
                array = numpy_helper.to_array(attribute.t).astype(np.float64)
                attribute.t.CopyFrom(numpy_helper.from_array(array))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del model.graph.value_info[:]
    return model


def _let_nudge(model: onnx.ModelProto, name: str) -> None:
    """Add an input to a value."""
    nodes = list(model.graph.node)
    (place,) = [place for place, node in enumerate(nodes) if name in node.output]
    nodes[place].output[list(nodes[place].output).index(name)] = f"before/{name}"
    nodes.insert(place + 1, helper.make_node("Add", [f"before/{name}", f"nudge/{name}"], [name]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.input.append(
        helper.make_tensor_value_info(f"nudge/{name}", TensorProto.DOUBLE, None)
    )


def _make_input(model: onnx.ModelProto, name: str) -> None:
    """Take a value from outside."""
    for node in model.graph.node:
        if name in node.output:
            node.output[list(node.output).index(name)] = f"unused/{name}"
    model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, None))


def _evaluator(model: onnx.ModelProto, more: Iterable[str]) -> ReferenceEvaluator:
    own = onnx.ModelProto()
    own.CopyFrom(model)
    wanted = [
        "embedding",
        *(["logits"] if any(o.name == "logits" for o in own.graph.output) else []),
    ]
    del own.graph.output[:]
    own.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in (*wanted, *more)
    )
    return ReferenceEvaluator(own, new_ops=[Gelu])
