"""Turn a foreign ONNX file into one that keeps the contract."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.contract import LOGITS, PATCH_KERNEL, POSITION_EMBEDDING
from vitonnx.errors import ModelFileError
from vitonnx.graph import (
    NameNodes,
    OrderNodes,
    Regrid,
    read_manifest,
    resample_positions,
    write_manifest,
)
from vitonnx.manifest import Manifest, Source, round_up
from vitonnx.media import atomic_with_companions, check_writable
from vitonnx.modelfile import home, save_graph, understood, weight_files
from vitonnx.tap._any_size import choose_interpolation, try_other_size
from vitonnx.tap._foreign_graph import find_input, fixed_size, open_foreign
from vitonnx.tap._grid_free import Positions, free_positions
from vitonnx.tap._joined import Joined, join
from vitonnx.tap._naming import check_name, check_prefix, name_of, name_prefix
from vitonnx.tap._parity import Original, Parity, Tolerance, verify
from vitonnx.tap._prepare import prepare
from vitonnx.tap._recipe_word import describe, description_files
from vitonnx.tap._residual_stream import Stream
from vitonnx.tap._understand import (
    describe_findings,
    describe_positions,
    in_words,
    missing,
    precision_of,
    understand,
)

if TYPE_CHECKING:
    from vitonnx.models import Description

__all__ = ["Tapped", "tap"]

PACKAGES = ("vitonnx", "onnx", "onnx-ir", "onnxscript", "numpy")


@dataclass(frozen=True)
class Tapped:
    """What was found, and how closely it gives what the original gives.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the file.
    findings : tuple of (str, str)
        Parts found, each with its place or form.
    blocks : tuple of str
        The softmax of each block, by its name in the original.
    warnings : tuple of str
        What was guessed, or isn't there.
    parity : Parity
        Of what was written with the original.
    """

    manifest: Manifest
    findings: tuple[tuple[str, str], ...]
    blocks: tuple[str, ...]
    warnings: tuple[str, ...]
    parity: Parity


def tap(
    source: str | Path,
    target: str | Path,
    *,
    preprocess: str | None = None,
    size: tuple[int, int] | None = None,
    prefix_tokens: tuple[str, ...] | None = None,
    interpolation: str | None = None,
    name: str | None = None,
) -> Tapped:
    """Make a Vision Transformer in ONNX probe-ready, whatever tool exported it.

    Parameters
    ----------
    source : path
        The foreign ONNX file.
    target : path
        The file to write; whole, or not at all.
    preprocess : str, optional
        Preprocessing recipe: ``imagenet``, ``half``, ``MEAN,STD``, ``timm:NAME``, ``timm:FILE`` or
        ``hf:FILE``; optionally followed by changes such as ``,pad``, see docs/tap.md. By default,
        that of the config beside the source.
    size : (height, width), optional
        Input size in pixels; by default the graph's, or if it is open, the config's.
    prefix_tokens : tuple of str, optional
        Names of the tokens before the patches (``cls``, ``dist``, ``reg0`` …), if neither the
        config nor their number tells.
    interpolation : str, optional
        How positions are resampled to other sizes, if neither the graph nor the config tells: see
        `vitonnx.positions`.
    name : str, optional
        Name of the model; by default that of its file, or if that is generic, that of its
        ``config.json`` or folder.

    Returns
    -------
    Tapped

    Raises
    ------
    ModelFileError
        If the source is damaged, or isn't a Vision Transformer with attention among all patches.
    UsageError
        If the recipe is missing or not understood, or the size or the name can't be.
    """
    source, target = Path(source), Path(target)
    given = None if prefix_tokens is None else check_prefix(prefix_tokens)
    name = name_of(source) if name is None else check_name(name)
    check_writable(target, [source, *weight_files(source), *description_files(preprocess, source)])
    with understood(source):
        return _tap(source, target, preprocess, size, given, interpolation, name)


def _tap(
    source: Path,
    target: Path,
    preprocess: str | None,
    size: tuple[int, int] | None,
    given: tuple[str, ...] | None,
    interpolation: str | None,
    name: str,
) -> Tapped:
    folder = home(source)
    model = open_foreign(source)
    fixed = fixed_size(model.graph)
    known = describe(preprocess, source, fixed or size)
    foreign = find_input(model.graph, fixed or size or known.preprocessing.size)
    known = replace(known, preprocessing=known.preprocessing.at(foreign.size))
    pictures, taken = prepare(model, foreign, folder)
    if pictures.batch not in (None, 1):
        raise ModelFileError(
            f"The model takes {pictures.batch} pictures at a time, no more and no fewer: export "
            "it with a dynamic batch size, or for one picture."
        )

    def original_at(size: tuple[int, int]) -> Original:
        untouched = open_foreign(source)
        its_own = replace(find_input(untouched.graph, size), batch=taken)
        return Original(untouched, its_own, known.preprocessing, folder)

    original = original_at(foreign.size)
    parts = understand(model, pictures, folder)
    precision = precision_of(model.graph)
    prefix, named = name_prefix(parts.patches, given, known.prefix_tokens, parts.read)
    stored = in_words(model.graph, precision)
    findings = describe_findings(original.pictures, pictures, parts, stored)
    softmaxes = tuple(str(found.softmax.name) for found in parts.stream.attentions)

    joined = join(
        model, parts.stream, parts.patches, parts.head, pictures, known.preprocessing, folder
    )
    positions = free_positions(joined, original.model.graph)
    candidates, guess = choose_interpolation(positions, interpolation, known.interpolation)
    manifest = _manifest(source, joined, positions, known)
    manifest = replace(
        manifest,
        name=name,
        prefix_tokens=prefix,
        position_prefix=prefix[: parts.patches.placed or 0],
        position_interpolation=candidates[0],
        precision=precision,
    )
    manifest = resample_positions(model.graph, manifest)
    tolerance = Tolerance.of(precision)
    parity = verify(original, joined, tolerance)
    others = try_other_size(
        joined, manifest, candidates, original_at if fixed is None else None, tolerance
    )
    manifest = replace(
        manifest,
        position_interpolation=others.interpolation,
        size_fixed_by=others.reason,
        parity={
            "outputs": round_up(parity.outputs),
            "rows": round_up(max(parity.rows)),
            "product": round_up(max(parity.products)),
        },
    )
    manifest = _write(joined, manifest, size, target)
    notes = (
        named,
        None if others.known or others.reason else guess,
        others.reason and f"the model keeps its size: {others.reason}",
    )
    warnings = (*missing(parts.patches, pictures, parts.stream), *filter(None, notes))
    findings = (*findings, describe_positions(positions, others.interpolation))
    return Tapped(manifest, findings, softmaxes, warnings, parity)


def _write(
    joined: Joined, manifest: Manifest, size: tuple[int, int] | None, target: Path
) -> Manifest:
    """Write the file, at the given size if any, with only what the contract's outputs need."""
    model = joined.model
    model.graph.outputs[:] = list(joined.outputs.values())
    _tidy(model, joined.stream)
    write_manifest(model, manifest)
    if size is not None:
        Regrid(size)(model)
    with atomic_with_companions(target) as passing:
        save_graph(model, passing)
    return read_manifest(model)


def _tidy(model: ir.Model, stream: Stream) -> None:
    common.RemoveUnusedNodesPass()(model)
    common.IdentityEliminationPass()(model)
    OrderNodes()(model)
    NameNodes(_weights(model.graph), stream.blocks)(model)
    common.RemoveUnusedOpsetsPass()(model)
    model.graph.name = "vitonnx"


def _weights(graph: ir.Graph) -> frozenset[str]:
    """Return the names of parameters; exporters name other constants after places."""
    ours = (PATCH_KERNEL, POSITION_EMBEDDING)
    return frozenset(name for name in graph.initializers if name in ours or "/" not in name)


def _manifest(source: Path, joined: Joined, positions: Positions, known: Description) -> Manifest:
    """Describe what was found, but for names, precision, and parity with the original."""
    stream, patches = joined.stream, joined.patches
    logits = joined.outputs[LOGITS].shape if LOGITS in joined.outputs else None
    classes = known.classes
    if classes is not None and (logits is None or logits[1] != len(classes)):
        classes = None
    with source.open("rb") as stream_of_bytes:
        digest = hashlib.file_digest(stream_of_bytes, "sha256").hexdigest()
    return Manifest(
        name="",
        family="vit",
        patch_size=patches.size,
        grid=patches.grid,
        prefix_tokens=(),
        blocks=len(stream.blocks),
        heads=stream.heads,
        dim=stream.dim,
        position_grid=None if positions.learned is None else positions.learned.grid,
        position_prefix=(),
        position_interpolation=None,
        preprocessing=known.preprocessing,
        classes=classes,
        source=Source(file=source.name, sha256=digest),
        versions={name: version(name) for name in PACKAGES},
        relative_grid=patches.grid if positions.relative else None,
        suffix_tokens=tuple(f"suffix{number}" for number in range(patches.suffix)),
    )
