"""What a class, or a likeness, depends on: derivatives written behind a probe-ready graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.contract import (
    EMBEDDING,
    GRADIENTS,
    LOGITS,
    NOISE,
    NOISY,
    NORMALISED,
    READOUT_KEY,
    attention_input_name,
    block_of,
    tokens_name,
)
from vitonnx.errors import no_head
from vitonnx.graph._last_tokens import LastTokens, find_last_tokens, output_of
from vitonnx.graph._one_token import logits_of_each
from vitonnx.graph._read_head import find_head_nodes
from vitonnx.graph._seeds import Seeds, Told
from vitonnx.graph._sources import (
    attention_input,
    attention_softmax,
    normalised_pixels,
    on_the_way,
)
from vitonnx.graph._write import Writer
from vitonnx.graph.gradients import Again, Arithmetic, Gradient, differentiate, sides_of, summed
from vitonnx.layout import Layout

__all__ = ["Derivatives"]

SINGLE = ir.DataType.FLOAT
KEPT = 2**28  # bytes of attention, of one picture: above, it is computed again


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
        count = 1 + max(each.target for each in wanted)
        self._seeds = Seeds(self.graph, count, self.told)
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
        sources = [on_the_way(each.of, scores, self._source(each)) for each in wanted]
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
        raise no_head()

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
            return self._seeds.one_hot(write, wanted.target, scores, self._score("logit"))
        return self._seeds.towards(write, wanted.target, scores)

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
        noise = self._seeds.input(NOISE, SINGLE, sides_of(pixels)[1:])
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


def _whole(write: Arithmetic, value: ir.Value, gradients: Sequence[Gradient]) -> ir.Value:
    """Write all of a gradient, of the value's shape."""
    if not gradients:
        return write.mul(write.single(value), 0.0)
    return write.expand(summed(write, value, gradients), value)
