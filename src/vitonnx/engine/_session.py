"""A probe-ready file, opened by onnxruntime."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from vitonnx.engine._device import CUDA, Device, choose_device, without_cuda
from vitonnx.errors import DeviceError, ModelFileError, VitonnxError
from vitonnx.manifest import Manifest, require_model_file

__all__ = ["Session", "open_session"]

# The runtime's exceptions have no base of their own.
RUNTIME_ERRORS = tuple(
    value
    for value in vars(runtime).values()
    if isinstance(value, type) and issubclass(value, Exception)
)
WARNINGS, FATAL_ONLY = 2, 4  # the runtime's levels of logging: its default, and next to nothing
IMAGES = "images"


@dataclass(frozen=True)
class Session:
    """An open graph: what it promises, where it runs, and a way to run it."""

    manifest: Manifest
    device: Device
    outputs: tuple[str, ...]
    session: Any

    def seeing_all(self) -> Self:
        """Give the same with a recipe that cuts nothing off a picture, but squashes it."""
        recipe = replace(self.manifest.preprocessing, resize=None)
        return replace(self, manifest=replace(self.manifest, preprocessing=recipe))

    def run(
        self, images: NDArray[np.uint8], outputs: tuple[str, ...]
    ) -> dict[str, NDArray[np.float32]]:
        """Run a batch.

        Parameters
        ----------
        images : uint8 (batch, height, width, 3)
            RGB, of the manifest's size.
        outputs : tuple of str
            What to bring back.

        Raises
        ------
        VitonnxError
            If the runtime fails, out of memory for example.
        """
        try:
            arrays = self.session.run(list(outputs), {IMAGES: images})
        except RUNTIME_ERRORS as error:
            raise VitonnxError(
                f"onnxruntime could not run {len(images)} pictures at once on {self.device.name} "
                f"({_first_line(error)}): try a smaller size, or another device."
            ) from error
        return dict(zip(outputs, arrays, strict=True))


def open_session(
    file: Path, *, device: str, threads: int | None, size: tuple[int, int] | None
) -> Session:
    """Open a probe-ready file.

    Parameters
    ----------
    file : path
        The ONNX file.
    device : str
        See `choose_device`.
    threads : int or None
        That one operator may use; None leaves it to the runtime.
    size : (height, width) or None
        Of the input, if another than the file's.

    Raises
    ------
    ModelFileError
        If the file can't be read, has no manifest, or breaks the manifest's promises.
    DeviceError
        If the asked-for device doesn't work.
    UsageError
        If the size doesn't fit the model.
    """
    require_model_file(file)
    chosen = choose_device(device)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    model: Path | bytes = file
    if size is not None and size != (manifest := _manifest_alone(file)).size:
        manifest.at(size)  # raises where the size doesn't fit, before the work
        model = _regridded(file, size)
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(file.absolute().parent)
        )
    session, used = _start(model, file, options, chosen, asked=device)
    outputs = tuple(output.name for output in session.get_outputs())
    return Session(_manifest(session, file), used, outputs, session)


def _start(
    model: Path | bytes,
    file: Path,
    options: onnxruntime.SessionOptions,
    device: Device,
    *,
    asked: str,
) -> tuple[Any, Device]:
    """Start a session, on the CPU where ``auto`` finds that CUDA doesn't work after all."""
    if device.name != "cpu":
        try:
            with _speechless_runtime():
                onnxruntime.preload_dlls()
                session = onnxruntime.InferenceSession(model, options, providers=device.providers)
            if CUDA in session.get_providers():
                return session, device
            obstacle = (
                "onnxruntime's CUDA support doesn't load: it needs CUDA and cuDNN "
                "(pip install 'onnxruntime-gpu[cuda,cudnn]')"
            )
        except RUNTIME_ERRORS as error:
            obstacle = f"the model can't be started on {device.name} ({_first_line(error)})"
        if asked != "auto":
            raise DeviceError(f"{asked} can't be used: {obstacle}.")
        device = without_cuda(obstacle)
    try:
        return onnxruntime.InferenceSession(model, options, providers=device.providers), device
    except RUNTIME_ERRORS as error:
        raise ModelFileError(
            f"{file} can't be opened: it is no ONNX model, or a part of it is damaged or "
            "missing (weights over 2 GB stand in a file beside it); export or copy it again."
        ) from error


@contextlib.contextmanager
def _speechless_runtime() -> Iterator[None]:
    """Keep the runtime from printing a page about a missing library: our error says it in a line.

    Its provider logs outside of any session, and its Python layer prints. Both are the whole
    process's, so this is held as short as possible, and never where only the CPU is asked for.
    """
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        onnxruntime.set_default_logger_severity(WARNINGS)


def _manifest_alone(file: Path) -> Manifest:
    # Reading files without a session needs onnx: it is imported where that is worth its time.
    from vitonnx.modelfile import load_manifest

    return load_manifest(file)


def _manifest(session: Any, file: Path) -> Manifest:
    metadata = session.get_modelmeta().custom_metadata_map
    manifest = Manifest.from_metadata(metadata, file=str(file))
    shapes = {value.name: value.shape[1:] for value in session.get_outputs()}
    shapes |= {value.name: value.shape[1:] for value in session.get_inputs()}
    for name, promised in _promises(manifest).items():
        if shapes.get(name) != promised:
            have = str(shapes[name]) if name in shapes else "missing"
            raise ModelFileError(
                f"{file} breaks its manifest's promise: {name} is {have} instead of "
                f"{promised} behind the batch; export the model again."
            )
    return manifest


def _promises(manifest: Manifest) -> dict[str, list[int]]:
    """Give the shapes, behind the batch, of the input and of all that probes read."""
    tokens = manifest.tokens
    promises = {IMAGES: [*manifest.size, 3]}
    for block in range(manifest.blocks):
        promises[f"block_{block:02d}/attention"] = [manifest.heads, tokens, tokens]
        promises[f"block_{block:02d}/tokens"] = [tokens, manifest.dim]
    return promises


def _regridded(file: Path, size: tuple[int, int]) -> bytes:
    """Serialise the model at another size; weights in a file of their own stay there."""
    # Reading and editing graphs costs more than a second of imports: only where it is needed.
    import onnx_ir as ir

    from vitonnx.graph import Regrid

    model = ir.load(file)
    Regrid(size)(model)
    serialised: bytes = ir.to_proto(model).SerializeToString()
    return serialised


def _first_line(error: Exception) -> str:
    """Shorten what the runtime says to what a person can use."""
    words = str(error).strip().splitlines()[0]
    # "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from FILE failed:Protobuf parsing …"
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model .* failed: ?)?", "", words)[
        :200
    ]
