"""Describe a plan in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.filenames import shown
from vitonnx.manifest import Manifest

if TYPE_CHECKING:
    import onnx_ir as ir

__all__ = ["explain_plan"]

FUSED = "MultiHeadAttention"


def explain_plan(file: Path, plan: Plan, manifest: Manifest) -> list[str]:
    """Plan a file, and look at what came out.

    Parameters
    ----------
    file : path
        The model.
    plan : Plan
        Plan to describe.
    manifest : Manifest
        The model's, at the size in use.

    Returns
    -------
    list of str
        Lines of text, one per fact.
    """
    from vitonnx.modelfile import open_graph

    model = open_graph(file)
    before = len(model.graph)
    graph = plan_graph(model, plan).graph
    blocks = [_block(graph, f"block_{number:02d}/") for number in range(manifest.blocks)]
    kinds = Counter(blocks)
    raw = 4 * manifest.heads * manifest.tokens**2 * manifest.blocks
    leaves = 4 * sum(_count(value) for value in graph.outputs)
    rows, columns = manifest.grid
    return [
        f"{shown(manifest.name)}: {manifest.blocks} blocks, {manifest.heads} heads, "
        f"{manifest.tokens} tokens ({rows}x{columns} patches)",
        f"in the graph: {_names(probe.name for probe in plan.probes)}",
        f"unchanged outputs: {_names(plan.outputs)}",
        *(f"{kind}: {_blocks(blocks, kind)}" for kind in KINDS if kinds[kind]),
        f"nodes: {len(graph)}, of {before} in the file",
        f"leaves the graph: {_bytes(leaves)} per picture; the attention of the file "
        f"itself is {_bytes(raw)}",
    ]


WHOLE = "attention computed in full and reduced at once"
ROWS = "attention of only the rows that are read"
KERNEL = "attention in the runtime's own kernel"
PLAIN = "attention computed in full, not read"
ABSENT = "not run"
KINDS = (WHOLE, ROWS, KERNEL, PLAIN, ABSENT)


def _block(graph: ir.Graph, prefix: str) -> str:
    """Describe how a planned graph computes a block's attention."""
    nodes = [node for node in graph if str(node.name).startswith(prefix)]
    softmax = [node for node in nodes if node.op_type == "Softmax"]
    if any(node.op_type == FUSED for node in nodes):
        return KERNEL
    if not softmax:
        return ABSENT
    sides = softmax[-1].outputs[0].shape
    if sides is not None and sides[-2] != sides[-1]:
        return ROWS
    readers = {use.node.op_type for node in softmax for use in node.outputs[0].uses()}
    return WHOLE if len(readers) > 1 else PLAIN


def _blocks(found: list[str], kind: str) -> str:
    numbers = [number for number, each in enumerate(found) if each == kind]
    together = numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 1
    which = f"{numbers[0]} to {numbers[-1]}" if together else ", ".join(map(str, numbers))
    return f"block{'s' * (len(numbers) > 1)} {which}"


def _count(value: ir.Value) -> int:
    total = 1
    for side in (value.shape or ())[1:]:
        total *= side if isinstance(side, int) else 1
    return total


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _bytes(count: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
