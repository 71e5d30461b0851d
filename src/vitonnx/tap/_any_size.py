"""Whether a tapped model can take pictures of another size, found out by trying one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import IMAGES, POSITION_EMBEDDING, attention_name
from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.graph import Regrid, write_manifest
from vitonnx.manifest import Manifest
from vitonnx.positions import Interpolation
from vitonnx.tap._flow import check_flow
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._grid_free import Positions
from vitonnx.tap._joined import Joined
from vitonnx.tap._parity import Original, Tolerance, difference
from vitonnx.tap._token_order import check_order

__all__ = ["OtherSizes", "choose_interpolation", "try_other_size"]

USUAL = "timm"  # antialiased: right when a grid shrinks, and next to the others when it grows


@dataclass(frozen=True)
class OtherSizes:
    """Result of trying another size."""

    interpolation: str | None  # how positions are resampled; None if the model keeps its size
    reason: str | None = None  # why it does
    known: bool = False  # whether the original itself bears the choice out


def choose_interpolation(
    positions: Positions, given: str | None, described: str | None
) -> tuple[tuple[str, ...], str | None]:
    """Choose how positions are resampled to other grids.

    `given` is the caller's choice, which may be unknown or contradict the graph (UsageError), and
    `described` what is known of the model's family. Returned are candidates, the likeliest first,
    one where it is known; and a sentence without its stop, where the first is a guess.
    """
    every = get_args(Interpolation)
    if given is not None and given not in every:
        raise UsageError(f"--interpolation {given} is unknown: use {', '.join(every)}.")
    own = None if positions.learned is None else positions.learned.interpolation
    if own is not None:
        if given not in (None, own):
            raise UsageError(
                f"--interpolation {given} contradicts the graph, which resamples its position "
                f"embedding as {own} does: omit the option."
            )
        return (own,), None
    if positions.learned is None and not positions.relative:
        if given is not None:
            raise UsageError(
                "--interpolation doesn't apply: the model has neither a position embedding nor "
                "tables of relative positions. Omit the option."
            )
        return ("rotary" if positions.rotary else "none",), None
    if given is not None:
        return (given,), None
    first = described or USUAL
    candidates = (first, *(name for name in every if name != first))
    if described is not None:
        return candidates, None
    return candidates, (
        f"at other sizes, positions are resampled as {USUAL} does (antialiased bicubic), which is "
        "a guess: give --interpolation if it is another"
    )


def try_other_size(
    joined: Joined,
    manifest: Manifest,
    candidates: Sequence[str],
    original_at: Callable[[tuple[int, int]], Original] | None,
    tolerance: Tolerance,
) -> OtherSizes:
    """Set a copy of the model to a larger grid, no square, and see that all is as it should be.

    If the original leaves its size open, `original_at` gives it at another one; if it takes it, the
    candidate that reproduces its outputs is chosen, otherwise the first.
    """
    patches = joined.patches
    patches = replace(patches, grid=(patches.grid[0] + 1, patches.grid[1] + 2))
    size = patches.grid[0] * patches.size, patches.grid[1] * patches.size
    original = None if original_at is None else original_at(size)
    batch = 1 if original is None else original.batch
    images = np.random.default_rng(1).integers(0, 256, (batch, *size, 3), np.uint8)
    expected = None
    with suppress(ModelFileError):  # open by name only
        expected = None if original is None else original.run(images)
    worst = 0.0
    for interpolation in candidates if expected is not None else candidates[:1]:
        other = replace(joined, model=joined.model.clone(), patches=patches)
        write_manifest(other.model, replace(manifest, position_interpolation=interpolation))
        Regrid(size)(other.model)
        try:
            _check(other, images)
        except (ModelFileError, ValueError):
            return OtherSizes(None, _why(joined))
        if expected is None:
            return OtherSizes(interpolation)
        found = run_values(other.model, {IMAGES: images}, other.counterparts, other.folder)
        worst = max(difference(one, two) for one, two in zip(expected, found, strict=True))
        if worst <= tolerance.outputs:
            return OtherSizes(interpolation, known=True)
    return OtherSizes(
        None,
        f"at {size[0]}x{size[1]} its graph gives other numbers than it does with positions as "
        f"{', '.join(candidates)} would have them ({worst:.0e} off)",
    )


def _check(other: Joined, images: NDArray[np.uint8]) -> None:
    """See that rows of attention sum to 1, and that tokens are the patches, in their order."""
    model, patches, folder = other.model, other.patches, other.folder
    tokens = patches.prefix + patches.grid[0] * patches.grid[1] + patches.suffix
    # Both ends: what lies between is built alike, and was followed at the model's own size.
    ends = sorted({0, len(other.stream.blocks) - 1})
    wanted = [other.outputs[attention_name(block)] for block in ends]
    for attention in run_values(model, {IMAGES: images[:1]}, wanted, folder):
        rows = attention.sum(axis=-1, dtype=np.float64)
        if attention.shape[-2:] != (tokens, tokens) or not np.allclose(rows, 1, atol=1e-2):
            raise ModelFileError("The attention is not among all tokens.")
    size = images.shape[1], images.shape[2]
    pictures = Input(model.graph.inputs[0], "NHWC", len(images), size)
    stream = replace(
        other.stream,
        tokens=tokens,
        blocks=tuple(other.stream.blocks[end] for end in ends),
        attentions=tuple(other.stream.attentions[end] for end in ends),
    )
    check_order(model, stream, patches, pictures, folder)
    check_flow(model, stream, patches.prefix, pictures, folder)


def _why(joined: Joined) -> str:
    """Describe what keeps a model at its size."""
    grid, tokens = joined.patches.grid, joined.stream.tokens
    for node in joined.model.graph:
        for value in node.inputs:
            tensor = None if value is None else value.const_value
            if value is None or tensor is None or value.name == POSITION_EMBEDDING:
                continue
            sides = list(tensor.shape.numpy())
            if not {grid[0] * grid[1], tokens}.intersection(sides[-3:]):
                continue
            if node.op_type == "Mul" and len(sides) > 1:
                return "its rotary positions are made in an unknown way"
            if node.op_type == "Add" and sides[-1:] == sides[-2:-1]:
                return "its attention bias depends on the patches in an unknown way"
            if node.op_type == "Add" and sides[-1:] == [joined.stream.dim]:
                return "its position embedding is added in an unknown way"
    return "its graph depends on the number of patches in an unknown way"
