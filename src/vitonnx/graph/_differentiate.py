"""What a class, or a likeness, depends on: derivatives written behind a probe-ready graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
from numpy.typing import NDArray

from vitonnx.contract import (
    ANCHORS,
    EMBEDDING,
    GRADIENTS,
    IMAGES,
    LOGITS,
    NOISE,
    NOISY,
    NORMALISED,
    READOUT_KEY,
    TARGET,
    TARGETS,
    attention_input_name,
    attention_name,
    block_of,
    tokens_name,
)
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.graph._find_blocks import ancestors
from vitonnx.graph._last_tokens import LastTokens, find_last_tokens, output_of
from vitonnx.graph._norms import norms_of
from vitonnx.graph._one_token import logits_of_each
from vitonnx.graph._read_head import find_head_nodes
from vitonnx.graph._sides import known_sides
from vitonnx.graph._write import Writer, constant
from vitonnx.graph.gradients import Again, Arithmetic, Gradient, differentiate, filled, sides_of
from vitonnx.layout import Layout

__all__ = ["Derivatives", "Told"]

Told = Mapping[str, NDArray[Any]]
"""By name, what a graph without such inputs is told: `TARGETS` or `ANCHORS`."""

WHOLE_NUMBERS, SINGLE = ir.DataType.INT64, ir.DataType.FLOAT
KEPT = 2**28  # bytes of attention, of one picture: above, it is computed again
FORMS = ("Cast", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class Wanted:
    """A name of a derivative, taken apart."""

    name: str
    scalar: str  # logit or cosine
    of_mean: bool
    target: int
    of: str

    @classmethod
    def of_name(cls, name: str) -> Wanted:
        """Take a name apart, as `vitonnx.contract.gradient_name` puts it together."""
        said, of = name.removeprefix(GRADIENTS).split("/", 1)
        scalar, target = said.rsplit("_", 1)
        return cls(name, scalar.removeprefix("mean_"), scalar.startswith("mean_"), int(target), of)

    @property
    def place(self) -> str:
        """Where the nodes are named that derive its number."""
        block = f"/block_{block_of(self.name):02d}" if self.of_mean else ""
        return f"{self.name.removesuffix(f'/{self.of}')}{block}"


class Derivatives:
    """Adds derivatives to a probe-ready graph.

    Parameters
    ----------
    model : onnx_ir.Model
        Whose graph gets them as outputs, and `TARGETS` or `ANCHORS` as an input.
    layout : Layout
        The model's.
    told : mapping of str to array, optional
        What is in the graph in place of these inputs. Without targets there, it has the input
        `TARGET`.
    """

    def __init__(self, model: ir.Model, layout: Layout, told: Told | None) -> None:
        self.model, self.graph, self.layout, self.told = model, model.graph, layout, told

    def add(self, names: Sequence[str]) -> None:
        """Add the outputs of these names, those of one number together."""
        wanted = [Wanted.of_name(name) for name in names]
        self._count = 1 + max(each.target for each in wanted)
        together = [
            [each for each in wanted if each.place == place]
            for place in dict.fromkeys(each.place for each in wanted)
        ]
        scores = [self._scores(first) for first, *_ in together]
        common.ShapeInferencePass()(self.model)
        if any(each.of == NOISY for each in wanted):
            self._add_noise()
        # What is written from here on leads nowhere that matters.
        self._nodes = list(self.graph)
        for own, score in zip(together, scores, strict=True):
            self._differentiate(own, score)

    def _scores(self, wanted: Wanted) -> ir.Value:
        """Give what is differentiated, one of whose entries or directions counts."""
        if not wanted.of_mean:
            return self._score(wanted.scalar)
        return self._of_mean(wanted)

    def _differentiate(self, wanted: Sequence[Wanted], scores: ir.Value) -> None:
        first = wanted[0]
        write = Arithmetic(self.graph, first.place)
        seed = self._seed(write, first, scores)
        sources = [_on_the_way(self.graph, each, scores, self._source(each)) for each in wanted]
        read = [] if first.of_mean else [self.last.value]
        values = [*(source.value for source in sources), *read]
        again = Again(write, self._too_large)
        found = differentiate(write, scores, seed, values, self._nodes, again)
        self._read_again(again)
        if read:
            self.model.metadata_props[READOUT_KEY] = self._say_read(found[self.last.value])
        for each, source in zip(wanted, sources, strict=True):
            gradient = _whole(write, source.value, found[source.value])
            result = write.op("Identity", [source.in_form(write, gradient)], source.sides)
            result.name = each.name
            self.graph.outputs.append(result)
        self.graph.extend(write.nodes)

    @cached_property
    def _too_large(self) -> list[ir.Value]:
        """List the attention of all blocks, where it is more than is worth keeping."""
        bytes_of_all = 4 * self.layout.heads * self.layout.tokens**2 * self.layout.blocks
        if bytes_of_all <= KEPT:
            return []
        blocks = range(self.layout.blocks)
        return [attention_softmax(self.graph, block).outputs[0] for block in blocks]

    def _read_again(self, again: Again) -> None:
        """Let probes read the copies, so that what they are copies of need not be kept."""
        for value, copy in again.made.items():
            if value in self.graph.outputs:
                place = self.graph.outputs.index(value)
                value.name, copy.name = f"{value.name}/first", value.name
                self.graph.outputs[place] = copy

    @cached_property
    def last(self) -> LastTokens:
        return find_last_tokens(self.model, self.layout.blocks)

    def _score(self, scalar: str) -> ir.Value:
        name = LOGITS if scalar == "logit" else EMBEDDING
        for value in self.graph.outputs:
            if value.name == name:
                return value
        raise UsageError(
            "the model has no head, and so no classes: ask what makes it like another picture, "
            "with the target embedding:PICTURE."
        )

    def _of_mean(self, wanted: Wanted) -> ir.Value:
        """Write what the head says of the mean of a block's tokens, as its only token."""
        score = self._score(wanted.scalar)
        head = find_head_nodes(self.graph, self.last, score, asks="legrad", may_pool=True)
        tokens = output_of(self.graph, tokens_name(block_of(wanted.name)))
        write = Writer(self.graph, f"{wanted.place}/head")
        sides = sides_of(tokens)
        axis = write.constant("axis", [1])
        mean = write.op("ReduceMean", [tokens, axis], "mean", SINGLE, [sides[0], 1, sides[2]])
        found = logits_of_each(write, head, self.last, mean, asks="legrad", may_pool=True)
        self.graph.extend(write.nodes)
        return found

    def _seed(self, write: Arithmetic, wanted: Wanted, scores: ir.Value) -> ir.Value:
        """Write the derivative of the number with respect to the scores, (batch, …)."""
        if wanted.scalar == "logit":
            return self._one_hot(write, wanted.target, scores)
        return self._towards(write, wanted.target, scores)

    def _one_hot(self, write: Arithmetic, target: int, scores: ir.Value) -> ir.Value:
        classes = sides_of(scores)[-1]
        if classes is None:
            raise UsageError("the number of the model's classes isn't known: export it again.")
        column = self._column(write, target)
        best = write.op(
            "ArgMax", [self._score("logit")], (None, 1), WHOLE_NUMBERS, axis=-1, keepdims=1
        )
        unsaid = write.compare("Less", column, write.integers(0))
        chosen = write.op("Where", [unsaid, best, column], (None, 1), WHOLE_NUMBERS)
        is_class = write.compare("Equal", chosen, write.integers(range(classes)))
        return write.op("Cast", [is_class], (None, classes), to=SINGLE.value)

    def _column(self, write: Arithmetic, target: int) -> ir.Value:
        """Give the classes of one target, (pictures, 1), whichever way the graph is told."""
        if self.told is not None and TARGETS not in self.told:
            return write.unsqueeze(self._input(TARGET, WHOLE_NUMBERS, ["batch"]), [1])
        targets = self._input(TARGETS, WHOLE_NUMBERS, ["pictures", self._count])
        return write.slice(targets, 1, target, target + 1)

    def _towards(self, write: Arithmetic, target: int, scores: ir.Value) -> ir.Value:
        """Of the cosine of e and a: (a / |a| - cosine e / |e|) / |e|."""
        dim = sides_of(scores)[-1]
        anchors = self._input(ANCHORS, SINGLE, (self._count, dim))
        anchor, own = write.slice(anchors, 0, target, target + 1), write.single(scores)
        unit, direction = (_unit(write, each) for each in (anchor, own))
        cosine = write.sum(write.mul(direction, unit), [1])
        across = write.sub(unit, write.mul(direction, cosine))
        return write.mul(across, _inverse_length(write, own))

    def _input(self, name: str, dtype: ir.DataType, sides: Sequence[Any]) -> ir.Value:
        """Give what the graph is told: a constant, or an input of it."""
        for value in (*self.graph.inputs, *self.graph.initializers.values()):
            if value.name == name:
                return value
        if self.told is not None and name in self.told:
            array = np.asarray(self.told[name], dtype.numpy())
            return constant(self.graph, name, array)
        value = ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(sides))
        self.graph.inputs.append(value)
        return value

    def _source(self, wanted: Wanted) -> ir.Value:
        if wanted.of == NORMALISED:
            return normalised_pixels(self.graph)
        if wanted.of == NOISY:
            return next(node.outputs[0] for node in self.graph if node.name == NOISY)
        block = block_of(wanted.name)
        if wanted.of == attention_input_name(block):
            return attention_input(self.model, self.layout, block)
        return output_of(self.graph, wanted.of)

    def _add_noise(self) -> None:
        """Add noise to what the network sees, in shares of its range in each picture."""
        pixels = normalised_pixels(self.graph)
        readers = [(use.node, use.idx) for use in pixels.uses()]
        write = Arithmetic(self.graph, f"{GRADIENTS}{NOISE}")
        if self.told is not None:
            raise UsageError("samples can't be baked: leave them out.")
        noise = self._input(NOISE, SINGLE, sides_of(pixels)[1:])
        axes = write.integers([1, 2, 3])
        few = (sides_of(pixels)[0], 1, 1, 1)
        most, least = (write.op(kind, [pixels, axes], few) for kind in ("ReduceMax", "ReduceMin"))
        noisy = write.add(pixels, write.mul(noise, write.sub(most, least)))
        write.nodes[-1].name = NOISY
        for node, place in readers:
            node.replace_input_with(place, noisy)
        self.graph.extend(write.nodes)
        self.graph.sort()

    def _say_read(self, gradients: Sequence[Gradient]) -> str:
        """Say which tokens the head reads: those whose gradient isn't zero."""
        cuts = [gradient.cut for gradient in gradients]
        axes = [axis for axis, role in enumerate(self.last.roles) if role == "t"]
        if not cuts or any(cut is None or [cut.axis] != axes for cut in cuts):
            return f"0:{self.layout.tokens}"
        edges = sorted((cut.start, cut.stop) for cut in cuts if cut is not None)
        return ",".join(f"{start}:{stop}" for start, stop in edges)


@dataclass(frozen=True)
class _Source:
    """A value that is differentiated by, and what gives it the form of the output asked for."""

    value: ir.Value
    forms: tuple[ir.Node, ...]
    sides: tuple[int | None, ...]

    def in_form(self, write: Arithmetic, gradient: ir.Value) -> ir.Value:
        """Give the gradient the output's form, which moves its numbers only."""
        for node in self.forms:
            if node.op_type in ("Cast", "Identity"):
                continue
            own = [gradient, *node.inputs[1:]]
            attributes = {name: each.value for name, each in node.attributes.items()}
            gradient = write.op(node.op_type, own, sides_of(node.outputs[0]), **attributes)
        return gradient


def _on_the_way(graph: ir.Graph, wanted: Wanted, scores: ir.Value, value: ir.Value) -> _Source:
    """Find the value itself on the way to the scores, of which the output may be a copy."""
    sides, way, forms = sides_of(value), ancestors([scores]), []
    while value not in way:
        node = value.producer()
        if node is None or node.op_type not in FORMS or node.inputs[0] is None:
            raise ModelFileError(f"what the class depends on doesn't go through {wanted.of}.")
        forms.append(node)
        value = node.inputs[0]
    return _Source(value, tuple(reversed(forms)), sides)


def normalised_pixels(graph: ir.Graph) -> ir.Value:
    """Find the pixels behind their scaling and shift: the last value that still has their form."""
    value = next(each for each in graph.inputs if each.name == IMAGES)
    while len(readers := {use.node for use in value.uses()}) == 1:
        (node,) = readers
        others = [each for each in node.inputs if each is not value and each is not None]
        if node.op_type not in ("Cast", "Sub", "Mul", "Div", "Add") or any(
            each.const_value is None or (known_sides(each) or (3,))[-1] not in (1, 3)
            for each in others
        ):
            break
        value = node.outputs[0]
    return value


def attention_input(model: ir.Model, layout: Layout, block: int) -> ir.Value:
    """Find the tokens that a block's attention reads, and give them as (batch, tokens, dim).

    They are those behind its first norm, where it has one.

    Raises
    ------
    ModelFileError
        If they come in another form.
    """
    graph = model.graph
    read = ancestors(attention_softmax(graph, block).inputs)
    if not block:
        return _first_norm(graph, layout, read)
    before = find_last_tokens(model, block)
    norms = norms_of(before.value, before.roles.index("c")) if "c" in before.roles else []
    value = next((norm.end for norm in norms if norm.end in read), before.value)
    if before.roles == "btc":
        return value
    if sorted(before.roles) != sorted("btc"):
        raise ModelFileError(
            f"the tokens that block {block} reads come in a form that isn't known."
        )
    write = Writer(graph, f"{attention_input_name(block)}/in_order")
    perm = [before.roles.index(role) for role in "btc"]
    sides = known_sides(value) or (None, None, None)
    turned = write.op(
        "Transpose", [value], "", value.dtype, [sides[axis] for axis in perm], perm=perm
    )
    graph.extend(write.nodes)
    return turned


def _first_norm(graph: ir.Graph, layout: Layout, read: set[ir.Value]) -> ir.Value:
    """Find the last norm over whole tokens before the first block's attention."""
    found = [
        node.outputs[0]
        for node in graph
        if node.op_type.endswith("Normalization")
        and node.outputs[0] in read
        and (known_sides(node.outputs[0]) or ())[1:] == (layout.tokens, layout.dim)
    ]
    if not found:
        raise ModelFileError("the tokens that the first block reads aren't found in the graph.")
    return found[-1]


def attention_softmax(graph: ir.Graph, block: int) -> ir.Node:
    """Find the softmax of a block's attention, whatever form its output has."""
    node = output_of(graph, attention_name(block)).producer()
    while node is not None and node.op_type in FORMS and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    if node is None or node.op_type != "Softmax":
        raise ModelFileError(f"the attention of block {block} isn't found in the graph.")
    return node


def _unit(write: Arithmetic, vectors: ir.Value) -> ir.Value:
    return write.mul(vectors, _inverse_length(write, vectors))


def _inverse_length(write: Arithmetic, vectors: ir.Value) -> ir.Value:
    """Give 1 / |v|, and 0 for a vector of zeros, which is like no other."""
    length = write.unary("Sqrt", write.sum(write.mul(vectors, vectors), [1]))
    some = write.compare("Greater", length, write.array(0.0))
    inverse = write.unary("Reciprocal", length)
    return write.where(some, inverse, write.array(0.0))


def _whole(write: Arithmetic, value: ir.Value, gradients: Sequence[Gradient]) -> ir.Value:
    """Put the parts of a gradient together, zeros between them."""
    if not gradients:
        return write.mul(write.single(value), 0.0)
    first, *others = (filled(write, value, gradient) for gradient in gradients)
    for other in others:
        first = write.add(first, other)
    return write.expand(first, value)
