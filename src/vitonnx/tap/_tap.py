"""From somebody else's file to one that keeps the contract."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.engine import Precision, save_whole
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.graph import PATCH_KERNEL, POSITION_EMBEDDING, NameNodes, OrderNodes, write_manifest
from vitonnx.manifest import Manifest, Source, round_up
from vitonnx.media import atomic_with_companions, check_writable
from vitonnx.tap._attention import find_attentions
from vitonnx.tap._blocks import Stream, find_stream
from vitonnx.tap._contract import add_outputs, make_room, replace_input
from vitonnx.tap._findings import describe_findings, missing
from vitonnx.tap._flow import check_flow, check_passage
from vitonnx.tap._head import find_head
from vitonnx.tap._input import find_input, fixed_size
from vitonnx.tap._open import home, open_foreign, weight_files
from vitonnx.tap._others import place_others
from vitonnx.tap._patches import Patches, check_order, find_patches, name_weights
from vitonnx.tap._precision import in_words, precision_of
from vitonnx.tap._prepare import prepare
from vitonnx.tap._recipe import describe, description_files
from vitonnx.tap._verify import Agreement, Tolerance, verify

if TYPE_CHECKING:
    from vitonnx.models import Description

__all__ = ["Tapped", "tap"]

PACKAGES = ("vitonnx", "onnx", "onnx-ir", "onnxscript", "numpy")


@dataclass(frozen=True)
class Tapped:
    """What was found, and how well it agrees with the original.

    Parameters
    ----------
    manifest : Manifest
        As it stands in the file.
    findings : tuple of (str, str)
        What was found, each with where or by what.
    blocks : tuple of str
        The softmax of each block, by its name in the original.
    warnings : tuple of str
        What was guessed, or isn't there.
    agreement : Agreement
        Between the original and what was written.
    """

    manifest: Manifest
    findings: tuple[tuple[str, str], ...]
    blocks: tuple[str, ...]
    warnings: tuple[str, ...]
    agreement: Agreement


def tap(
    source: str | Path,
    target: str | Path,
    *,
    preprocess: str | None = None,
    size: tuple[int, int] | None = None,
    prefix_tokens: tuple[str, ...] | None = None,
) -> Tapped:
    """Make a Vision Transformer in ONNX probe-ready, whoever exported it.

    Parameters
    ----------
    source : path
        The foreign ONNX file.
    target : path
        The file to write; whole, or not at all.
    preprocess : str, optional
        How pictures become its input: ``imagenet``, ``half``, ``MEAN,STD``, ``timm:NAME``,
        ``timm:FILE`` or ``hf:FILE``. By default, by the description that lies beside the source.
    size : (height, width), optional
        In pixels, where the graph leaves it open; by default the description's.
    prefix_tokens : tuple of str, optional
        Names of the tokens in front of the patches, where neither the description says them nor
        their number: ``cls``, ``dist``, ``reg0`` ….

    Returns
    -------
    Tapped

    Raises
    ------
    ModelFileError
        If the source is damaged, or is no Vision Transformer whose attention is among all patches.
    UsageError
        If the recipe is missing or not understood, or the size can't be.
    """
    source, target = Path(source), Path(target)
    folder = home(source)
    check_writable(target, [source, *weight_files(source), *description_files(preprocess, source)])
    model, original = open_foreign(source), open_foreign(source)
    known = describe(preprocess, source, size or fixed_size(model.graph))
    pictures = find_input(model.graph, size or known.preprocessing.size)
    foreign = find_input(original.graph, pictures.size)
    known = replace(known, preprocessing=known.preprocessing.at(pictures.size))
    pictures, taken = prepare(model, pictures, folder)
    foreign = replace(foreign, batch=taken)
    if pictures.batch not in (None, 1):
        raise ModelFileError(
            f"The model takes {pictures.batch} pictures at a time, no more and no fewer: export it "
            "with an open batch, or for one picture."
        )
    graph = model.graph
    stream = find_stream(graph, find_attentions(graph), pictures.batch)
    check_passage(graph, stream)
    patches = find_patches(graph, stream, pictures)
    patches = place_others(model, stream, patches, pictures, folder)
    head = find_head(graph, stream)
    precision = precision_of(graph)
    check_order(model, stream, patches, pictures, folder)
    check_flow(model, stream, patches.prefix, pictures, folder)

    stored = in_words(graph, precision)
    findings = describe_findings(foreign, pictures, stream, patches, head, stored)
    softmaxes = tuple(str(found.softmax.name) for found in stream.attentions)
    counterparts = list(graph.outputs)
    make_room(graph)
    replace_input(graph, pictures, known.preprocessing)
    outputs = add_outputs(graph, stream, head, patches, pictures.batch)
    name_weights(graph, patches)
    agreement = verify(
        original,
        foreign,
        model,
        outputs,
        counterparts,
        stream,
        known.preprocessing,
        Tolerance.of(precision),
        folder,
    )
    graph.outputs[:] = list(outputs.values())
    _tidy(model, stream)
    prefix, guessed = _prefix(patches.prefix, prefix_tokens, known)
    manifest = _manifest(source, stream, patches, known, prefix, precision, agreement, graph)
    write_manifest(model, manifest)
    with atomic_with_companions(target) as passing:
        save_whole(ir.external_data.load_to_model(model), passing)
    warnings = (*missing(patches, pictures, stream), *guessed)
    return Tapped(manifest, findings, softmaxes, warnings, agreement)


def _tidy(model: ir.Model, stream: Stream) -> None:
    common.RemoveUnusedNodesPass()(model)
    common.IdentityEliminationPass()(model)
    OrderNodes()(model)
    NameNodes(_weights(model.graph), stream.blocks)(model)
    common.RemoveUnusedOpsetsPass()(model)
    model.graph.name = "vitonnx"


def _weights(graph: ir.Graph) -> frozenset[str]:
    """Give the names of what was a parameter; exporters name other constants after places."""
    ours = (PATCH_KERNEL, POSITION_EMBEDDING)
    return frozenset(name for name in graph.initializers if name in ours or "/" not in name)


def _prefix(
    count: int, given: tuple[str, ...] | None, known: Description
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the prefix tokens; and say so where that is a guess."""
    if given is not None and len(given) != count:
        raise UsageError(
            f"--prefix names {len(given)} tokens, and the model has {count} in front of its "
            "patches."
        )
    if given is not None:
        return given, ()
    if known.prefix_tokens is not None and len(known.prefix_tokens) == count:
        return known.prefix_tokens, ()
    names: tuple[str, ...] = ("cls", *(f"reg{number}" for number in range(count - 1)))[:count]
    if count == 2:
        names = ("cls", "dist")
    if count < 2:
        return names, ()
    return names, (
        f"the {count} tokens in front of the patches are taken for {', '.join(names)}, by their "
        "number: say --prefix where they are others",
    )


def _manifest(
    source: Path,
    stream: Stream,
    patches: Patches,
    known: Description,
    prefix: tuple[str, ...],
    precision: Precision,
    agreement: Agreement,
    graph: ir.Graph,
) -> Manifest:
    logits = next((value.shape for value in graph.outputs if value.name == "logits"), None)
    classes = known.classes
    if classes is not None and (logits is None or logits[1] != len(classes)):
        classes = None
    patch_count = patches.grid[0] * patches.grid[1]
    extra = patches.position_rows - patch_count - patches.rows_behind
    with source.open("rb") as stream_of_bytes:
        digest = hashlib.file_digest(stream_of_bytes, "sha256").hexdigest()
    return Manifest(
        name=source.stem,
        family="vit",
        patch_size=patches.size,
        grid=patches.grid,
        prefix_tokens=prefix,
        blocks=len(stream.blocks),
        heads=stream.heads,
        dim=stream.dim,
        position_grid=None if patches.positions is None else patches.grid,
        position_prefix=() if patches.positions is None else prefix[:extra],
        position_interpolation=None,
        preprocessing=known.preprocessing,
        classes=classes,
        source=Source(file=source.name, sha256=digest),
        parity={
            "outputs": round_up(agreement.outputs),
            "rows": round_up(max(agreement.rows)),
            "product": round_up(max(agreement.products)),
        },
        versions={name: version(name) for name in PACKAGES},
        precision=precision,
        suffix_tokens=tuple(f"suffix{number}" for number in range(patches.suffix)),
    )
