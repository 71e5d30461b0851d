"""What comes of tapping a file of the zoo, by the word of the framework that it is from."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tap.zoo.specimen import Array, Facts, Reference
from tap.zoo.write import Cell, build, first_line, make
from vitonnx.contract import attention_name, tokens_name
from vitonnx.errors import VitonnxError
from vitonnx.tap import tap

# Attention is absolute; the others are parts of their largest magnitude. The same bounds as an
# export's own; half precision has 11 bits, and a few products add up what they round.
BOUNDS = {"attention": 1e-5, "tokens": 2e-5, "logits": 2e-5, "embedding": 2e-5}
BOUNDS_OF_HALF = dict.fromkeys(BOUNDS, 1e-2)
# What is rounded to whole numbers on its way jumps a step where it was near to one.
BOUNDS_OF_STEPS = dict.fromkeys(BOUNDS, 5e-2)
BOUNDS_OF = {
    "fused-half": BOUNDS_OF_HALF,
    "half": BOUNDS_OF_HALF,
    "half-inside": BOUNDS_OF_HALF,
    "four-bits-in-eight": BOUNDS_OF_STEPS,
}
ROUNDED = ("int8", "four-bits-in-eight")
# Compared with themselves.
QUANTISED = ("int8", "four-bits", "four-bits-in-eight", "normal-floats")


def outcome(cell: Cell, folder: Path) -> str:
    """Make a file of the zoo, tap it, and say what is wrong with the result: nothing, at best."""
    try:
        source = make(cell, folder)
    except Exception as error:  # whatever the tools raise
        return f"can't be made: {first_line(error)}"
    facts, target = facts_of(cell), folder / "tapped.onnx"
    size = facts.size if cell.exporter.endswith("anysize") else None
    try:
        manifest = tap(source, target, preprocess=facts.preprocess, size=size).manifest
    except VitonnxError as error:
        return f"refused: {error}"
    for name, found, expected in (
        ("patch", manifest.patch_size, facts.patch),
        ("grid", manifest.grid, facts.grid),
        ("prefix tokens", len(manifest.prefix_tokens), len(facts.prefix)),
        ("suffix tokens", len(manifest.suffix_tokens), facts.suffix),
        ("blocks", manifest.blocks, facts.blocks),
        ("heads", manifest.heads, facts.heads),
        ("dim", manifest.dim, facts.dim),
    ):
        if found != expected:
            return f"{name}: {found} instead of {expected}"
    bounds = BOUNDS_OF.get(cell.derivation, BOUNDS)
    for name, distance in measure(cell, source, target).items():
        if not distance <= bounds[name]:  # NaN is no small one
            return f"{name} off by {distance:.0e}"
    return ""


def facts_of(cell: Cell) -> Facts:
    """Give the facts of a cell's model, with the recipe that its files are tapped with.

    A quantised graph is compared with itself. It finds ranges as it runs, and a pixel that differs
    in its last bit could fall to the next step and set off others: with this recipe, steps are the
    pixels' own, and none is on an edge.
    """
    facts = build(cell.framework, cell.family, cell.attention).facts
    if cell.derivation not in ROUNDED:
        return facts
    return dataclasses.replace(facts, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def measure(cell: Cell, source: Path, tapped: Path) -> dict[str, float]:
    """Run a tapped file, and give its largest errors, by what they are of."""
    facts = facts_of(cell)
    got = _run(tapped, {"images": facts.pictures()})
    expected = (
        _itself(source, facts)
        if cell.derivation in QUANTISED
        else _reference(cell.framework, cell.family, cell.attention)
    )
    pairs = {
        "attention": [
            (got[attention_name(block)], values) for block, values in enumerate(expected.attention)
        ],
        "tokens": [
            (got[tokens_name(block)], values) for block, values in enumerate(expected.tokens)
        ],
        "logits": [(got["logits"], expected.outputs["logits"])] if facts.classes else [],
        "embedding": [(got["embedding"], expected.outputs[facts.embedding])]
        if facts.embedding and not facts.classes
        else [],
    }
    # NumPy's maximum, which keeps what is no number.
    return {
        name: float(
            np.max([_error(*pair, relative=name != "attention") for pair in each], initial=0)
        )
        for name, each in pairs.items()
    }


@functools.lru_cache(maxsize=1)
def _reference(framework: str, family: str, attention: str) -> Reference:
    return build(framework, family, attention).reference()


def _error(got: Array, expected: Array, *, relative: bool) -> float:
    if got.shape != expected.shape:
        return float("inf")
    error = float(np.abs(got - expected).max())
    return error / float(np.abs(expected).max()) if relative else error


def _itself(source: Path, facts: Facts) -> Reference:
    """Run a graph with its softmaxes, and what its norms are of, as outputs too."""
    model = onnx.load(source)
    attention = [node.output[0] for node in model.graph.node if node.op_type == "Softmax"]
    normed = [node.input[0] for node in model.graph.node if node.op_type == "LayerNormalization"]
    # Two a block; in front of them may stand one of the embedding, and one always is behind. What
    # follows the last block is not always a norm.
    first = len(normed) - 1 - 2 * facts.blocks
    tokens = normed[first + 2 : -1 : 2]
    for name in (*attention, *tokens):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    found = _run(model.SerializeToString(), {model.graph.input[0].name: facts.pixels()})
    return Reference([found[name] for name in attention], [found[name] for name in tokens], found)


def _run(model: Path | bytes, inputs: dict[str, NDArray[Any]]) -> dict[str, Array]:
    """Give all outputs by name. Of one batch: a quantised graph takes its ranges from all of it.

    A file for one picture at a time is run on one after the other.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    ((name, pictures),) = inputs.items()
    step = 1 if session.get_inputs()[0].shape[0] == 1 else len(pictures)
    found = [
        dict(zip(names, session.run(names, {name: pictures[start : start + step]}), strict=True))
        for start in range(0, len(pictures), step)
    ]
    return {name: np.concatenate([part[name] for part in found]) for name in names}
