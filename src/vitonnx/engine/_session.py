"""Session of onnxruntime on a probe-ready file, unchanged or as planned."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vitonnx.contract import IMAGES, QUERIES, TARGETS
from vitonnx.engine._cache import load_or_plan
from vitonnx.engine._map_ahead import map_ahead
from vitonnx.engine._pixels import IN_FLIGHT, Bindings, OnDevice, Ready
from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine.devices import (
    FATAL_ONLY,
    LOST_BY_FORK,
    RUNTIME_ERRORS,
    Device,
    first_line,
    lost_by_fork,
    start_runtime,
)
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

Part = TypeVar("Part")
Done = TypeVar("Done")

logger = logging.getLogger("vitonnx")
# What the runtime says, on processors and on GPUs, when it gets no memory.
NO_MEMORY = re.compile(r"alloc|out of memory|bad_alloc|smaller than requested", re.IGNORECASE)
# Memory on a device that is not to be had is none of the runtime's own exceptions.
RUN_ERRORS: tuple[type[Exception], ...] = (*RUNTIME_ERRORS, RuntimeError)


@dataclass(eq=False)
class Session:
    """An open graph: where it runs, what it gives, and a way to run it."""

    device: Device
    outputs: tuple[str, ...]
    session: Any  # the runtime's own
    bindings: Bindings | None = None  # where the device has memory of its own
    fits: float = math.inf  # pictures that memory is enough for, as far as has been seen
    said: Mapping[str, str] = field(default_factory=dict)  # the graph's metadata

    def __post_init__(self) -> None:
        # What the graph says of its outputs; sides that are open have a name, or none.
        self._shapes: dict[str, list[int | str | None]] = {
            output.name: output.shape for output in self.session.get_outputs()
        }
        # What it takes beside the pictures: each has a name, a type and sides.
        self.inputs = {each.name: each for each in self.session.get_inputs() if each.name != IMAGES}

    @property
    def in_flight(self) -> int:
        """Number of batches worth running at once."""
        return 1 if self.bindings is None else IN_FLIGHT

    def in_turn(self, run: Callable[[Part], Done], parts: Sequence[Part]) -> Iterator[Done]:
        """Run the parts of what is ready, ahead of who takes the results, as many as are worth it.

        A single part, which nothing could go ahead of, costs no thread.
        """
        if len(parts) == 1:
            return map(run, parts)
        return map_ahead(run, parts, threads=self.in_flight, ahead=self.in_flight)

    def close(self) -> None:
        """Let go of the graph; a batch that is in it is finished first."""
        self.session = self.bindings = None

    def run(
        self,
        images: Ready,
        outputs: tuple[str, ...],
        queries: NDArray[np.int64] | None = None,
        constants: Mapping[str, NDArray[Any]] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Run a batch, uint8 (batch, height, width, 3), and return some outputs.

        `queries`, int64 (batch,), are each picture's query token, where the plan has a probe that
        asks for it; `constants` are those of its probes, the same for all pictures, of which it
        takes those that the graph has inputs for. Where memory is short, batches are halved first,
        and the log says so: a slow answer is better than none. Raise a VitonnxError if the runtime
        fails all the same.
        """
        half = (len(images) + 1) // 2
        if len(images) <= self.fits:
            try:
                return self._run(images, outputs, queries, constants or {})
            except MemoryError:
                self.fits = min(self.fits, half)  # several threads may find out
                logger.warning(
                    "%d pictures at once need more memory than %s has: continuing with %d.",
                    len(images),
                    self.device.name,
                    half,
                )
        parts = [
            self.run(
                images[part],
                outputs,
                None if queries is None else queries[part],
                _part_of(constants or {}, part, len(images)),
            )
            for part in (slice(None, half), slice(half, None))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in outputs}

    def _run(
        self,
        images: Ready,
        outputs: tuple[str, ...],
        queries: NDArray[np.int64] | None,
        constants: Mapping[str, NDArray[Any]],
    ) -> dict[str, NDArray[Any]]:
        """Run a batch at once; MemoryError if more than one picture is too much."""
        own = {name: array for name, array in constants.items() if name in self.inputs}
        feed: dict[str, NDArray[Any] | OnDevice] = {IMAGES: images, **own}
        if queries is not None:
            feed[QUERIES] = queries
        if TARGETS in self.inputs.keys() - feed.keys():
            raise UsageError(
                "gradients are those of a class, and none is given: ask a probe about one. The "
                "target 'input' is for baked files."
            )
        bindings, session = self.bindings, self.session  # another thread may close it meanwhile
        if session is None:
            raise UsageError("The engine was closed while pictures were on their way through it.")
        if lost_by_fork(self.device):
            raise DeviceError(f"can't use {self.device.name}: {LOST_BY_FORK}.")
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
            first, *sides = self._shapes[name]
            said = [first if isinstance(first, int) else batch, *sides]
            if len(said) != array.ndim or any(
                isinstance(side, int) and side != own
                for side, own in zip(said, array.shape, strict=True)
            ):
                raise ModelFileError(
                    f"the model breaks its promise: {name} is {list(array.shape)} for {batch} "
                    f"pictures instead of {said}. Export it again, or mend its probe."
                )


def _part_of(
    constants: Mapping[str, NDArray[Any]], part: slice, pictures: int
) -> dict[str, NDArray[Any]]:
    """Give the constants of some pictures of a batch: each may have classes of its own."""
    own = dict(constants)
    if len(own.get(TARGETS, ())) == pictures:
        own[TARGETS] = own[TARGETS][part]
    return own


def open_session(
    file: Path,
    *,
    device: Device,
    threads: int | None,
    precision: str = "fp32",
    plan: Plan | None = None,
    large: bool = False,
) -> Session:
    """Open a probe-ready file, as planned or, without a plan, unchanged.

    Devices that find the `precision` in the graph need not be told. If `large`, memory is given
    back between nodes instead of kept for the next: slower where arrays are small, and much less
    memory where attention is large. It holds for the whole process. Raise a ModelFileError if the
    file can't be read, a DeviceError if the device can't take it, and a UsageError if the plan
    doesn't fit it.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    model: Path | bytes = file
    if plan is None:
        check_graph(file)
    else:
        # The large weights of a planned graph stay where they are.
        model = load_or_plan(
            file, plan, lambda: to_runtime(plan_graph(open_graph(file), plan), home(file))
        )
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(home(file))
        )
    options.enable_cpu_mem_arena = not large
    if large:
        return_memory()
    try:
        session = start_runtime(model, device, options, precision=precision, threads=threads)
    except RUN_ERRORS as error:
        # Not one of RUNTIME_ERRORS, it's the device; and a device may not take what the CPU does.
        if not device.is_cpu or not isinstance(error, RUNTIME_ERRORS):
            raise DeviceError(
                f"can't open {file} on {device.name} ({first_line(error)}): use --device cpu."
            ) from error
        raise ModelFileError(
            f"can't open {file}: it is not an ONNX model, or a part of it is damaged or missing "
            "(weights over 2 GB are in a file beside it). Export or copy it again."
        ) from error
    outputs = tuple(output.name for output in session.get_outputs())
    bindings = None if device.memory == "cpu" else Bindings(session, device)
    said = session.get_modelmeta().custom_metadata_map
    return Session(device, outputs, session, bindings, said=said)


def load_promises(file: Path) -> tuple[Manifest, Outline]:
    """Read what a file promises and has, and see that both agree; nothing is started.

    Raise a ModelFileError if they don't, there is no manifest, or the file is baked.
    """
    outline = load_outline(file)
    manifest = believed(outline, file)
    if BAKED_KEY in outline.metadata:
        raise ModelFileError(
            f"{file} is baked: it computes its own probes and nothing else. Run it in any "
            "runtime, or give the file that it was baked from."
        )
    return manifest, outline
