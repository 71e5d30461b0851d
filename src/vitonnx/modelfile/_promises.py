"""A file's manifest, believed where the file keeps what it says.

Probes know a model by its manifest only: with one block fewer there, rollout would silently be
wrong. So everything that a graph can tell is checked before the manifest is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from vitonnx.contract import (
    IMAGES,
    LOGITS,
    PATCH_KERNEL,
    POSITION_EMBEDDING,
    POSITION_RESAMPLING,
    RELATIVE_INDEX,
    RELATIVE_TABLE,
    attention_name,
    tokens_name,
)
from vitonnx.errors import ModelFileError
from vitonnx.manifest import BAKED_KEY, Manifest
from vitonnx.modelfile._outline import Outline, Tensor, load_outline
from vitonnx.positions import Interpolation

__all__ = ["WHOLE", "believed", "load_manifest"]

FLOAT, UINT8, FLOAT16, BFLOAT16 = 1, 2, 10, 16  # numbers of onnx.TensorProto.DataType
OF_A_BLOCK = re.compile(r"block_\d+/(attention|tokens)")
TABLE = re.compile(rf"{RELATIVE_TABLE}\d+")
WHOLE = frozenset(
    ("DequantizeLinear", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat")
) | {"QAttention", "QGemm", "QLinearMatMul"}
"""Operators of products of whole numbers, or of weights that the runtime brings to such products by
itself: a graph with any is in int8."""
# Those that may be ones.
MAYBE_WHOLE = frozenset({"MatMulNBits"})
HALVES = {"fp16": FLOAT16, "bf16": BFLOAT16}
# What decides, as it runs, what it computes and for how long; a Vision Transformer doesn't.
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
# How positions become those of other grids: resampled, computed, or as they are.
WAYS = frozenset({*get_args(Interpolation), "sincos", "rotary", "none"})


def load_manifest(file: Path) -> Manifest:
    """Read the manifest of a file, and compare it with what the file has; no value is read.

    Raises
    ------
    ModelFileError
        If the file can't be read, is not an ONNX model, has no manifest that can be honoured, or
        differs from its manifest.
    """
    return believed(load_outline(file), file)


def believed(outline: Outline, file: Path) -> Manifest:
    """Return the manifest of an outline, if the file agrees with it.

    Raises
    ------
    ModelFileError
        As in `load_manifest`.
    """
    manifest = Manifest.from_metadata(outline.metadata, file=str(file))
    broken = next(_broken(manifest, outline), None)
    if broken is not None:
        raise ModelFileError(
            f"{file} breaks a promise of its manifest: {broken}. Export the model again."
        )
    return manifest


def _broken(manifest: Manifest, outline: Outline) -> Iterator[str]:
    """Yield the manifest's broken promises, each in a few words."""
    yield from _of_itself(manifest)
    yield from _of_weights(manifest, outline)
    if BAKED_KEY not in outline.metadata:  # whose outputs are what its probes find
        flow = sorted(outline.operators & CONTROL_FLOW)
        if flow:
            yield f"its graph has control flow, {flow[0]}"
        if outline.functions:
            yield "it defines its own operators"
        yield from _of_outputs(manifest, outline)
        yield from _of_precision(manifest, outline)


def _of_itself(manifest: Manifest) -> Iterator[str]:
    """Compare statements that are made twice."""
    patch = manifest.patch_size
    for axis, covered, side in zip(("high", "wide"), manifest.covered, manifest.size, strict=True):
        if not covered <= side < covered + patch:
            yield f"its patches are {covered} pixels {axis} together, but its input is {side}"
    names = [*manifest.prefix_tokens, *manifest.suffix_tokens]
    if len(set(names)) < len(names):
        yield "two of its tokens share a name"
    if not set(manifest.position_prefix) <= set(manifest.prefix_tokens):
        yield "it has positions for prefix tokens that it lacks"
    way = manifest.position_interpolation
    if way is not None and way not in WAYS:
        yield f"its positions are resampled by {way[:40]!r}, which is unknown"


def _of_weights(manifest: Manifest, outline: Outline) -> Iterator[str]:
    """Compare with the initializers that the contract names."""
    patch, tokens, patches = manifest.patch_size, manifest.tokens, manifest.patches
    promised: dict[str, list[int | None]] = {
        RELATIVE_INDEX: [tokens - manifest.suffix] * 2,
    }
    if manifest.position_grid is not None:
        rows, columns = manifest.position_grid
        count = len(manifest.position_prefix) + rows * columns
        promised[POSITION_EMBEDDING] = [count, manifest.dim]
        resampled = len(manifest.position_prefix) + patches
        promised[POSITION_RESAMPLING] = [resampled, count]
    kernel = outline.weights.get(PATCH_KERNEL)
    # Its filters need not be as many as the stream is wide: a layer may follow them.
    if kernel is not None and kernel.shape[1:] != [3, patch, patch]:
        yield _differs(PATCH_KERNEL, kernel, [3, patch, patch], " of each filter", start=1)
    for name, shape in promised.items():
        if name in outline.weights and outline.weights[name].shape != shape:
            yield _differs(name, outline.weights[name], shape)
    if manifest.position_grid is None and POSITION_EMBEDDING in outline.weights:
        yield f"{POSITION_EMBEDDING} is there, and of no grid"
    if manifest.position_grid is not None and POSITION_EMBEDDING not in outline.weights:
        yield f"{POSITION_EMBEDDING} is missing"
    at_home = manifest.position_grid in (None, manifest.grid)
    if not at_home and POSITION_RESAMPLING not in outline.weights:
        yield f"{POSITION_EMBEDDING} is of another grid than the input, and nothing resamples it"
    tables = [tensor for name, tensor in outline.weights.items() if TABLE.fullmatch(name)]
    if any(table.shape[1:] != [manifest.heads] for table in tables):
        yield f"a table of relative positions doesn't have {manifest.heads} heads"
    if manifest.relative_grid is not None and not tables:
        yield "it has no table of relative positions"


def _of_outputs(manifest: Manifest, outline: Outline) -> Iterator[str]:
    """Compare inputs and outputs: names, types, and shapes after the batch."""
    found = {name for name in outline.outputs if OF_A_BLOCK.fullmatch(name)}
    if len(found) != 2 * manifest.blocks:  # before they are named: blocks may be a made-up number
        yield f"it says blocks: {manifest.blocks}, but has outputs of {len(found) / 2:g}"
        return
    tokens = manifest.tokens
    promised: dict[str, list[int | None]] = {}
    for block in range(manifest.blocks):
        promised[attention_name(block)] = [manifest.heads, tokens, tokens]
        promised[tokens_name(block)] = [tokens, manifest.dim]
    images: list[int | None] = [*manifest.size, 3]
    yield from _unlike(outline.inputs, {IMAGES: images}, UINT8)
    yield from _unlike(outline.outputs, promised, FLOAT)
    more = sorted(set(outline.inputs) - {IMAGES})
    if more:
        yield f"it has an input {more[0][:40]!r} besides {IMAGES}"
    for name in set(outline.outputs) - set(promised):
        if outline.outputs[name].element != FLOAT:
            yield f"its output {name[:40]!r} isn't float32"
    if manifest.classes is not None:
        logits = outline.outputs.get(LOGITS, Tensor(0, []))
        if logits.shape[1:] != [len(manifest.classes)]:
            have = "missing" if not logits.shape else str(logits.shape[1:])
            yield f"it names {len(manifest.classes)} classes, but logits are {have}"


def _of_precision(manifest: Manifest, outline: Outline) -> Iterator[str]:
    """Compare with operators and with the types of weights, as far as they tell."""
    said = manifest.precision
    whole = bool(outline.operators & WHOLE)
    if said == "int8" and not whole and not outline.operators & MAYBE_WHOLE:
        yield "it says precision: int8, but has no integer product"
    if said != "int8" and whole:
        yield f"it says precision: {said}, but has integer products"
    if said in HALVES and all(
        weight.element != HALVES[said] for weight in outline.weights.values()
    ):
        yield f"it says precision: {said}, but has no weight in it"


def _unlike(
    found: Mapping[str, Tensor], promised: Mapping[str, list[int | None]], element: int
) -> Iterator[str]:
    for name, shape in promised.items():
        tensor = found.get(name)
        if tensor is None or tensor.shape[1:] != shape:
            yield _differs(name, tensor, shape, " after the batch", start=1)
        elif tensor.element != element:
            yield f"{name} is not {'uint8' if element == UINT8 else 'float32'}"


def _differs(
    name: str,
    tensor: Tensor | None,
    promised: list[int | None],
    where: str = "",
    *,
    start: int = 0,
) -> str:
    have = "missing" if tensor is None else str(tensor.shape[start:])
    return f"{name} is {have} instead of {promised}{where}"
