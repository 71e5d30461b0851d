"""Session of onnxruntime on a probe-ready file, unchanged or as planned."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vitonnx.contract import IMAGES, QUERIES
from vitonnx.engine._bindings import IN_FLIGHT, Bindings
from vitonnx.engine._cache import load_or_plan
from vitonnx.engine._device import Device
from vitonnx.engine._pixels import Pixels
from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine._trial import FATAL_ONLY, RUNTIME_ERRORS, first_line
from vitonnx.errors import DeviceError, ModelFileError, UsageError, VitonnxError
from vitonnx.heap import return_memory
from vitonnx.manifest import BAKED_KEY, Manifest
from vitonnx.modelfile import (
    Outline,
    believed,
    check_graph,
    home,
    load_outline,
    open_graph,
    to_runtime,
)

__all__ = ["Session", "load_promises", "open_session"]

logger = logging.getLogger("vitonnx")
# What the runtime says, on processors and on GPUs, when it gets no memory.
NO_MEMORY = re.compile(r"allocat|out of memory|bad_alloc|smaller than requested", re.IGNORECASE)
# Memory on a device that is not to be had is none of the runtime's own exceptions.
RUN_ERRORS: tuple[type[Exception], ...] = (*RUNTIME_ERRORS, RuntimeError)


@dataclass(eq=False)
class Session:
    """An open graph: where it runs, what it gives, and a way to run it.

    Parameters
    ----------
    device : Device
        Device that runs the graph.
    outputs : tuple of str
        Names of the outputs.
    session : onnxruntime.InferenceSession
        The runtime's own.
    bindings : Bindings or None
        Inputs and outputs bound where the device has memory of its own; None where there is
        nothing to copy.
    fits : float
        Pictures that memory is enough for, as far as has been seen.
    """

    device: Device
    outputs: tuple[str, ...]
    session: Any
    bindings: Bindings | None = None
    fits: float = math.inf

    def __post_init__(self) -> None:
        # What the graph says of its outputs; sides that are open have a name, or none.
        self._shapes: dict[str, list[int | str | None]] = {
            output.name: output.shape for output in self.session.get_outputs()
        }

    @property
    def in_flight(self) -> int:
        """Number of batches worth running at once."""
        return 1 if self.bindings is None else IN_FLIGHT

    def close(self) -> None:
        """Let go of the graph; a batch that is in it is finished first."""
        self.session = self.bindings = None

    def run(
        self,
        images: Pixels,
        outputs: tuple[str, ...],
        queries: NDArray[np.int64] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Run a batch.

        Parameters
        ----------
        images : uint8 (batch, height, width, 3)
            RGB, of the manifest's size; NumPy's, or as `ready_pixels` gives it.
        outputs : tuple of str
            Outputs to return.
        queries : int64 (batch,) or None
            Each picture's query token, where the plan has a probe that asks for it.

        Raises
        ------
        VitonnxError
            If the runtime fails. Where memory is short, batches are halved first, and the log says
            so: a slow answer is better than none.
        """
        half = (len(images) + 1) // 2
        if len(images) <= self.fits:
            try:
                return self._run(images, outputs, queries)
            except MemoryError:
                self.fits = min(self.fits, half)  # several threads may find out
                logger.warning(
                    "%d pictures at once need more memory than %s has: continuing with %d.",
                    len(images),
                    self.device.name,
                    half,
                )
        parts = [
            self.run(images[part], outputs, None if queries is None else queries[part])
            for part in (slice(None, half), slice(half, None))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in outputs}

    def _run(
        self,
        images: Pixels,
        outputs: tuple[str, ...],
        queries: NDArray[np.int64] | None,
    ) -> dict[str, NDArray[Any]]:
        """Run a batch at once; MemoryError if more than one picture is too much."""
        feed: dict[str, Pixels] = {IMAGES: images}
        if queries is not None:
            feed[QUERIES] = queries
        bindings, session = self.bindings, self.session  # another thread may close it meanwhile
        if session is None:
            raise UsageError("The engine was closed while pictures were on their way through it.")
        try:
            run = session.run if bindings is None else bindings.run
            arrays = run(outputs, feed)
        except RUN_ERRORS as error:
            if len(images) > 1 and NO_MEMORY.search(str(error)):
                raise MemoryError from error
            raise VitonnxError(
                f"onnxruntime can't run {len(images)} pictures at once on {self.device.name} "
                f"({first_line(error)}): use a smaller size or another device."
            ) from error
        found = dict(zip(outputs, arrays, strict=True))
        self._check(found, len(images))
        return found

    def _check(self, found: Mapping[str, NDArray[Any]], batch: int) -> None:
        """Refuse arrays of other shapes than the graph says: the runtime lets them pass."""
        for name, array in found.items():
            said = [batch, *self._shapes[name][1:]]
            if len(said) != array.ndim or any(
                isinstance(side, int) and side != own
                for side, own in zip(said, array.shape, strict=True)
            ):
                raise ModelFileError(
                    f"the model breaks its promise: {name} is {list(array.shape)} for {batch} "
                    f"pictures instead of {said}. Export it again."
                )


def open_session(
    file: Path,
    *,
    device: Device,
    threads: int | None,
    plan: Plan | None = None,
    large: bool = False,
) -> Session:
    """Open a probe-ready file.

    Parameters
    ----------
    file : path
        The ONNX file.
    device : Device
        See `choose_device`.
    threads : int or None
        Number of threads per operator; None leaves it to the runtime.
    plan : Plan or None
        Plan to carry out; None opens the file unchanged.
    large : bool
        Give memory back between nodes instead of keeping it for the next: slower where arrays are
        small, and much less memory where attention is large. It holds for the whole process.

    Raises
    ------
    ModelFileError
        If the file can't be read.
    DeviceError
        If the device can't take this model.
    UsageError
        If the plan's size, or what a probe asks for, doesn't fit the model.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    model: Path | bytes = file
    if plan is None:
        check_graph(file)
    else:
        model = load_or_plan(file, plan, lambda: _planned(file, plan))
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(home(file))
        )
    options.enable_cpu_mem_arena = not large
    if large:
        return_memory()
    try:
        # What the device can't take must not end on the CPU with a page on stdout.
        session = onnxruntime.InferenceSession(
            model, options, providers=device.providers, enable_fallback=0
        )
    except RuntimeError as error:  # not one of RUNTIME_ERRORS: it's the device, not the file
        raise DeviceError(
            f"can't open {file} on {device.name} ({first_line(error)}): use --device cpu."
        ) from error
    except RUNTIME_ERRORS as error:
        raise ModelFileError(
            f"can't open {file}: it is not an ONNX model, or a part of it is damaged or missing "
            "(weights over 2 GB are in a file beside it). Export or copy it again."
        ) from error
    outputs = tuple(output.name for output in session.get_outputs())
    bindings = None if device.memory == "cpu" else Bindings(session, device)
    return Session(device, outputs, session, bindings)


def _planned(file: Path, plan: Plan) -> bytes:
    """Plan the graph and serialise it; its large weights stay where they are."""
    return to_runtime(plan_graph(open_graph(file), plan), home(file))


def load_promises(file: Path) -> tuple[Manifest, Outline]:
    """Read what a file promises and has, and see that both agree; nothing is started.

    Raises
    ------
    ModelFileError
        If the file can't be read, has no manifest, breaks the manifest's promises, or is baked.
    """
    outline = load_outline(file)
    manifest = believed(outline, file)
    if BAKED_KEY in outline.metadata:
        raise ModelFileError(
            f"{file} is baked: it computes its own probes and nothing else. Run it in any "
            "runtime, or give the file that it was baked from."
        )
    return manifest, outline
