"""Never a wrong map in silence: the tapped graph against the original, and against itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import IMAGES, attention_name
from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.manifest import Preprocessing
from vitonnx.tap._attention import Attention
from vitonnx.tap._foreign_graph import Input, normalisation
from vitonnx.tap._joined import Joined

__all__ = ["Original", "Parity", "Tolerance", "difference", "verify"]

AT_ONCE = 2**28  # bytes of attention that are fetched together
# Where tokens are rounded to whole numbers, one unit in the last place becomes a step, and steps
# grow from block to block: as far as the original is from itself, optimised by the runtime or not.
MARGIN, LOOSEST = 3, 0.1


@dataclass(frozen=True)
class Tolerance:
    """Largest differences allowed, relative to the largest number of their kind.

    Sums in another order differ by some units in the last place, which grow from block to block;
    a product of whole numbers jumps where a rounding falls the other way.
    """

    outputs: float
    rows: float
    product: float
    own_rounding: bool = False  # whether outputs may also differ as the original does from itself

    @classmethod
    def of(cls, precision: str) -> Tolerance:
        """Return the tolerance for a precision."""
        if precision == "fp32":
            return cls(outputs=1e-5, rows=1e-5, product=1e-5)
        # Calibrated files round attention to 256 steps in front of the product with the values.
        if precision == "int8":
            return cls(outputs=1e-2, rows=1e-2, product=5e-2, own_rounding=True)
        return cls(outputs=1e-2, rows=1e-2, product=1e-2)


@dataclass(frozen=True)
class Original:
    """The graph as it came, ready to run."""

    model: ir.Model
    pictures: Input  # its input
    recipe: Preprocessing  # normalisation of its input
    folder: Path  # of its external weights

    @property
    def batch(self) -> int:
        """Number of pictures per run."""
        return self.pictures.batch or 2

    def run(self, images: NDArray[np.uint8], *, optimise: bool = True) -> list[NDArray[Any]]:
        """Return its outputs for uint8 (batch, height, width, 3)."""
        foreign = self.pictures
        scaled: NDArray[Any] = images
        if foreign.dtype != np.uint8:
            mean, factor = normalisation(self.recipe)
            scaled = (images.astype(np.float32) - mean) * factor
        if self.recipe.channel_order == "bgr":
            scaled = scaled[..., ::-1]
        feed = {str(foreign.value.name): foreign.arrange(scaled)}
        outputs = self.model.graph.outputs
        return run_values(self.model, feed, outputs, self.folder, optimise=optimise)


@dataclass(frozen=True)
class Parity:
    """How closely a tapped graph gives what the original gives, and what it should itself.

    Parameters
    ----------
    outputs : float
        The original's outputs: the largest difference, relative to each one's largest magnitude.
    rows : tuple of float
        A block: how far the rows of its attention are from 1.
    products : tuple of float
        A block: attention times values against the block's own product, relative.
    """

    outputs: float
    rows: tuple[float, ...]
    products: tuple[float, ...]


def verify(original: Original, joined: Joined, tolerance: Tolerance) -> Parity:
    """Run both graphs on the same pictures; ModelFileError if an error is larger than it may be."""
    random = np.random.default_rng(0)
    folder, foreign = original.folder, original.pictures
    images = random.integers(0, 256, (original.batch, *foreign.size, 3), np.uint8)
    expected = original.run(images)
    allowed = tolerance.outputs
    if tolerance.own_rounding:
        loose = original.run(images, optimise=False)
        own = max(difference(one, other) for one, other in zip(expected, loose, strict=True))
        allowed = min(max(allowed, MARGIN * own), LOOSEST)
    found = run_values(joined.model, {IMAGES: images}, joined.counterparts, folder)
    worst = 0.0
    for value, one, other in zip(original.model.graph.outputs, expected, found, strict=True):
        if not np.isfinite(one).all():
            raise ModelFileError(
                f"The model's output {value.name!r} is not a number for ordinary pictures: its "
                "weights are damaged. Export it again."
            )
        worst = max(worst, difference(one, other))
    _limit(worst, allowed, "an output differs from the original's")
    errors = _attention_errors(joined, images[: foreign.batch or 1])
    for block, (rows, product) in enumerate(errors):
        name = attention_name(block)
        _limit(rows, tolerance.rows, f"the rows of {name} don't sum to 1")
        _limit(product, tolerance.product, f"{name} times values isn't its block's own product")
    return Parity(worst, tuple(rows for rows, _ in errors), tuple(product for _, product in errors))


def difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the largest difference of two arrays, relative to the first one's magnitude."""
    if one.shape != other.shape:
        return np.inf
    one, other = one.astype(np.float64), other.astype(np.float64)
    largest = np.abs(one).max(initial=0)
    return float(np.abs(one - other).max(initial=0) / (largest or 1))


def _attention_errors(joined: Joined, images: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Check published attention in the block's own product, some blocks at a time."""
    stream, outputs = joined.stream, joined.outputs
    weight = len(images) * stream.heads * stream.tokens**2 * 4
    together = max(1, AT_ONCE // weight)
    errors = []
    for start in range(0, len(stream.blocks), together):
        part = range(start, min(start + together, len(stream.blocks)))
        values = []
        for block in part:
            found = stream.attentions[block]
            values += [outputs[attention_name(block)], found.values, found.result.outputs[0]]
        arrays = run_values(joined.model, {IMAGES: images}, values, joined.folder)
        for place, block in enumerate(part):
            attention, weighed, result = arrays[3 * place : 3 * place + 3]
            rows = float(np.abs(attention.sum(axis=-1, dtype=np.float64) - 1).max())
            found = stream.attentions[block]
            errors.append((rows, _product_error(found, attention, weighed, result)))
    return errors


def _product_error(
    found: Attention, attention: NDArray[Any], values: NDArray[Any], result: NDArray[Any]
) -> float:
    if found.result.op_type not in ("MatMul", "Einsum"):
        return 0.0  # whole numbers, which are scaled behind the product
    weights = attention.astype(values.dtype)
    shape = found.weights.shape
    if shape is not None and len(shape) == 3:
        weights = weights.reshape(-1, *weights.shape[-2:])
    sides = [side if isinstance(side, int) else None for side in shape or ()]
    orders = itertools.permutations(range(weights.ndim))
    summed = _summed_axis(found)
    return min(
        (
            difference(_product(found, weights.transpose(order), values), result)
            for order in orders
            # The product has to sum over keys: the last axis of what is published.
            if order[summed] == weights.ndim - 1 and _fits(weights, order, sides)
        ),
        default=np.inf,
    )


def _fits(weights: NDArray[Any], order: Sequence[int], sides: Sequence[int | None]) -> bool:
    """Whether weights are of a shape when their axes are in an order."""
    turned = [weights.shape[place] for place in order]
    return len(sides) == len(turned) and all(
        side in (None, other) for side, other in zip(sides, turned, strict=True)
    )


def _product(found: Attention, weights: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    factors = [weights if value is found.weights else values for value in found.result.inputs]
    if found.result.op_type == "Einsum":
        return np.asarray(np.einsum(_equation(found), *factors))
    return np.asarray(np.matmul(*factors))


def _summed_axis(found: Attention) -> int:
    """Return the axis of the weights that the product with the values sums over."""
    first = found.result.inputs[0] is found.weights
    if found.result.op_type != "Einsum":
        return -1 if first else -2
    sources, _, target = _equation(found).replace(" ", "").partition("->")
    one, other = sources.split(",")
    own, theirs = (one, other) if first else (other, one)
    return next(place for place, axis in enumerate(own) if axis in theirs and axis not in target)


def _equation(found: Attention) -> str:
    return str(found.result.attributes.get_string("equation"))


def _limit(error: float, allowed: float, what: str) -> None:
    if not error <= allowed:
        raise ModelFileError(
            f"The tapped model is not the original: {what} ({error:.1e}; {allowed:.0e} is "
            "allowed). Nothing was written; please report the model."
        )
