"""Export a model, given by name or description, to a verified, probe-ready file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnx
import onnx_ir.passes.common as common
from numpy.typing import NDArray

from vitonnx.contract import POSITION_EMBEDDING
from vitonnx.errors import UsageError
from vitonnx.export._parity import kind_of, verify
from vitonnx.export._trace import trace
from vitonnx.graph import Regrid, canonicalise, read_manifest, write_manifest
from vitonnx.manifest import METADATA_KEY, Manifest, Source, round_up
from vitonnx.media import atomic_with_companions, check_writable
from vitonnx.modelfile import save_graph
from vitonnx.models import ModelSpec, VisionTransformer, fetch, random_parameters, read_checkpoint

__all__ = ["Parity", "export_model"]

PACKAGES = (
    "vitonnx",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "tf2onnx",
    "onnx",
    "onnx-ir",
    "onnxscript",
    "onnxruntime",
    "onnxruntime-gpu",
    "numpy",
)

Parity = dict[str, float]


def export_model(
    spec: ModelSpec,
    output: str | Path,
    *,
    weights: Sequence[str | Path] | int | None = None,
    size: tuple[int, int] | None = None,
    progress: Callable[[str], None] = lambda stage: None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> tuple[Manifest, Parity]:
    """Export a model to a probe-ready file, and verify that it equals the network.

    Parameters
    ----------
    spec : ModelSpec
        Model of the registry (`vitonnx.models.find_model`) or of a config file.
    output : path
        Path of the file to write; over 2 GB the weights go to a second one, ``<output>.data``.
    weights : files, or int, or None
        Checkpoint files that together hold the model's parameters; a seed for random weights; or
        None to download the published checkpoint.
    size : (height, width), optional
        Input size in pixels, if it differs from the checkpoint's.
    progress : callable
        Called with the name of each stage as it begins.
    tell : callable
        Called with a sentence on what is used of the checkpoint, and what is ignored.

    Returns
    -------
    manifest : Manifest
        Manifest of the file.
    parity : dict of output name to float
        The measured errors of every output: see `vitonnx.export.verify`.

    Raises
    ------
    VitonnxError
        If the checkpoint can't be fetched, read or matched, the size doesn't fit, the file can't
        be written, or the graph is not equal to the network. Nothing is written then.
    """
    if spec.preprocessing.channel_order != "rgb":
        raise UsageError(
            f"can't export {spec.name}: it takes blue first (do_flip_channel_order), and exported "
            "networks don't. Export it to ONNX with another tool, then use `vitonnx tap`."
        )
    if size is not None:
        # Raises where the size doesn't fit, before the work.
        _manifest(spec, Source(file="")).at(size)
    check_writable(output, () if isinstance(weights, int | None) else weights)
    with atomic_with_companions(output) as draft:
        network = VisionTransformer(spec.config)
        manifest = _write_graph(draft, network, spec, weights, size, progress, tell)
        progress("verification")
        parity = verify(draft, manifest, network)
        manifest = replace(manifest, parity=_summary(parity))
        _append_manifest(draft, manifest)
    return manifest, parity


def _write_graph(
    draft: Path,
    network: VisionTransformer,
    spec: ModelSpec,
    weights: Sequence[str | Path] | int | None,
    size: tuple[int, int] | None,
    progress: Callable[[str], None],
    tell: Callable[[str], None],
) -> Manifest:
    """Write everything but the manifest, which is only known after verification.

    The memory needed to build a graph, twice the weights, is free again on return.
    """
    progress("weights")
    parameters, source = _weights(spec, weights, tell)
    network.assign(parameters)
    progress("graph")
    model = trace(network, parameters, spec.preprocessing)
    canonicalise(model, weights={*parameters, POSITION_EMBEDDING})
    write_manifest(model, _manifest(spec, source))
    model.graph.name = spec.name
    model.producer_name, model.producer_version = "vitonnx", version("vitonnx")
    if size is not None:
        Regrid(size)(model)
    common.CheckerPass(full_check=True)(model)
    manifest = read_manifest(model)
    del model.metadata_props[METADATA_KEY]
    save_graph(model, draft)
    return manifest


def _append_manifest(file: Path, manifest: Manifest) -> None:
    """Append the manifest to a file: concatenated protobuf messages are one message."""
    metadata = onnx.StringStringEntryProto(key=METADATA_KEY, value=manifest.to_json())
    with file.open("ab") as stream:
        stream.write(onnx.ModelProto(metadata_props=[metadata]).SerializeToString())


def _weights(
    spec: ModelSpec, weights: Sequence[str | Path] | int | None, tell: Callable[[str], None]
) -> tuple[dict[str, NDArray[np.float32]], Source]:
    if isinstance(weights, int):
        return random_parameters(spec.config, weights), Source(file=f"random:{weights}")
    paths = fetch(spec) if weights is None else [Path(file) for file in weights]
    parameters = read_checkpoint(paths, spec.config, tell=tell)
    source = Source(
        file=" + ".join(path.name for path in paths),
        sha256=" + ".join(_sha256(path) for path in paths),
        # What the user brings may be anything: only what was fetched has a known origin.
        url=_url(spec) if weights is None else None,
        licence=spec.licence if weights is None else None,
    )
    return parameters, source


def _url(spec: ModelSpec) -> str:
    if spec.repository is None:
        return " + ".join(spec.urls)
    return f"https://huggingface.co/{spec.repository}/resolve/{spec.revision or 'main'}/{spec.file}"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _manifest(spec: ModelSpec, source: Source) -> Manifest:
    config = spec.config
    return Manifest(
        name=spec.name,
        family=spec.family,
        patch_size=config.patch_size,
        grid=config.grid,
        prefix_tokens=config.prefix_tokens,
        blocks=config.blocks,
        heads=config.heads,
        dim=config.dim,
        position_grid=config.grid,
        position_prefix=config.position_prefix,
        position_interpolation=(
            "sincos" if config.position == "sincos" else config.position_interpolation
        ),
        preprocessing=spec.preprocessing,
        classes=spec.classes if config.classes else None,
        source=source,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _summary(parity: Parity) -> Parity:
    """Keep the largest error of each kind, rounded up to one digit."""
    kinds = dict.fromkeys(map(kind_of, parity), 0.0)
    for name, error in parity.items():
        kinds[kind_of(name)] = max(kinds[kind_of(name)], error)
    return {kind: round_up(error) for kind, error in kinds.items()}
