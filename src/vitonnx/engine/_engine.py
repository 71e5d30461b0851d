"""The engine: pictures in, named arrays or probe results out, no training framework anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.engine._batch import Batch, ready_batch
from vitonnx.engine._cache import is_kept
from vitonnx.engine._device import choose_device, require_bf16
from vitonnx.engine._explain import explain_plan
from vitonnx.engine._own_sizes import OwnSizes
from vitonnx.engine._pass import Pass, Picture
from vitonnx.engine._plan import Plan
from vitonnx.engine._precision import Precision, check_precision
from vitonnx.engine._preprocess import Prepared, prepare
from vitonnx.engine._result import Result
from vitonnx.engine._session import IMAGES, Session, load_promises, open_session
from vitonnx.engine._stream import Stream
from vitonnx.errors import UsageError
from vitonnx.manifest import Fit, Manifest
from vitonnx.media import Notice, Tensor, decoded
from vitonnx.probes import GraphProbe, Layout, Probe, Summary

__all__ = ["Engine", "Picture"]

# Attention is by far the largest output: 22 MB a picture for ViT-B/16 at 224, 3.7 GB for ViT-S/8
# at 480. A batch holds as many pictures as fit here, at most eight and at least one; there are two
# at a time, one in the network and one in the probes.
BATCH_BYTES = 2**29
LARGEST_BATCH = 8
MOST_THREADS = 4096  # more than any machine has cores; the runtime makes as many as it is told
# Above this the runtime's own pool of memory, which grows by doubling, costs more than it saves.
LARGE_ATTENTION = 2**26
# Planning takes as long as several small pictures: so few, with so little attention, are probed by
# the file as it is.
FEW_PICTURES = 4
LITTLE_ATTENTION = 2**26  # bytes of all blocks


class Engine:
    """A probe-ready model, ready to run.

    Parameters
    ----------
    path : path
        The ONNX file.
    device : str
        ``auto`` (CUDA when it works, else the CPU), ``cpu``, ``cuda`` or ``cuda:N``, or what else
        the installed onnxruntime can use: ``tensorrt``, ``openvino``, ``coreml``, ``directml``.
    threads : int, optional
        Number of threads of the runtime; its own choice by default.
    size : int or (height, width), optional
        Input size in pixels, a multiple of the patch size; by default, that of the file. If the
        recipe gives every picture its own size, all are then squashed to this one.
    fit : "cut", "pad" or "squash", optional
        How pictures are fitted to the input, instead of by the recipe: see
        `vitonnx.manifest.Preprocessing.fitted`.
    precision : str
        ``auto`` (the file's own, but on CUDA half precision for a file in single), ``fp32``,
        ``fp16``, ``bf16`` (on NVIDIA's GPUs since Ampere) or ``int8``. In int8 the products' inputs
        are scaled as they come, which depends on all pictures of a batch: there pictures run one by
        one, so that a result is the picture's own. Files that were calibrated have fixed scales,
        and run in batches.
    in_graph : bool, optional
        Compile the probes into the graph, so that no attention leaves it. If False, the file's own
        outputs are brought here and probed with NumPy: much more work, the same numbers. By default
        probes are compiled where it pays: not for the first few small pictures, which are done
        sooner than a graph is planned, unless it was planned in an earlier run.
    max_pixels : int, optional
        Largest picture file to read, in pixels: see `vitonnx.media.open_picture`.
    notice : callable, optional
        Called with a sentence, in any thread, if a huge JPEG is decoded at reduced size: see
        `vitonnx.media.decoded`. Without it, such JPEGs are refused.

    Attributes
    ----------
    file : Path
        The ONNX file.
    threads : int or None
        Number of threads as given.
    manifest : Manifest
        Manifest of the file, at the size in use.
    device : str
        Device that runs the model.
    device_note : str or None
        Reason why ``auto`` chose the CPU, if it did.
    outputs : tuple of str
        Names of what `run` returns.

    Raises
    ------
    ModelFileError
        If the file can't be read or isn't probe-ready.
    DeviceError, UsageError
        If the device doesn't work, or size or threads can't be.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        size: int | tuple[int, int] | None = None,
        fit: Fit | None = None,
        precision: str = "auto",
        in_graph: bool | None = None,
        max_pixels: int | None = None,
        notice: Notice | None = None,
    ) -> None:
        if threads is not None and not 1 <= threads <= MOST_THREADS:
            raise UsageError(f"threads is {threads}; it must be from 1 to {MOST_THREADS}.")
        sides = None if size is None else _sides(size)
        self.file, self.threads = Path(path), threads
        manifest, has = load_promises(self.file)
        self.outputs = tuple(has.outputs)
        self._size = None if sides in (None, manifest.size) else sides
        # As some take that were tapped from a graph for one picture.
        self._one_by_one = has.inputs[IMAGES].shape[0] == 1
        self.manifest: Manifest = manifest if sides is None else manifest.at(sides)
        if fit is not None:
            recipe = self.manifest.preprocessing.fitted(fit)
            self.manifest = replace(self.manifest, preprocessing=recipe)
        self.layout = Layout.of(self.manifest)
        self.in_graph, self._max_pixels, self._notice = in_graph, max_pixels, notice
        self._asked_device, self._device = device, choose_device(device)
        self.device, self.device_note = self._device.name, self._device.note
        self.precision = self._precision(precision)
        # Only its operators tell a calibrated file from one that isn't.
        self._scales_as_it_comes = self.precision == "int8" and (
            manifest.precision != "int8" or "DynamicQuantizeLinear" in has.operators
        )
        self._own_sizes = None
        if self.manifest.preprocessing.multiple is not None:
            self._own_sizes = OwnSizes(self.manifest, self._sibling, max_pixels, notice)
        self._sessions: dict[Plan | None, Session] = {}
        self._done_unplanned: Counter[Plan] = Counter()

    def run(self, images: Picture | Sequence[Picture]) -> dict[str, NDArray[np.float32]]:
        """Run pictures through the model.

        Parameters
        ----------
        images : picture or sequence of pictures
            Paths, PIL images, or uint8 (height, width, 3) arrays of any library that has DLPack,
            of any sizes.

        Returns
        -------
        dict of str to float32 array
            Every output of the file, stacked on batch.

        Raises
        ------
        PictureError
            If a picture can't be read.
        UsageError
            If pictures have input sizes of their own, and these are several.
        """
        pixels = [self._prepare(image).pixels for image in _as_sequence(images)]
        if not pixels:
            raise UsageError("no picture to run: give at least one.")
        shapes = list(dict.fromkeys(each.shape[:2] for each in pixels))
        if len(shapes) > 1:
            sizes = ", ".join(f"{height}x{width}" for height, width in shapes)
            raise UsageError(
                f"the recipe of {self.manifest.name} gives these pictures several input sizes, "
                f"{sizes}: run each size on its own, or open the engine with one size for all."
            )
        engine = self if self._own_sizes is None else self._own_sizes.at(shapes[0])
        return engine.run_pixels(np.stack(pixels), self.outputs)

    def run_pixels(self, pixels: Batch, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Run pictures that are ready, and bring some outputs here.

        Parameters
        ----------
        pixels : uint8 (batch, height, width, 3)
            RGB, of the manifest's size; an array of any library with DLPack. On the GPU that runs
            the model it is used in place: pending computations on it must be complete.
        outputs : sequence of str
            Names of the file's outputs.

        Raises
        ------
        UsageError
            If shape or type is wrong, or the batch is on another device than the model.
        """
        pixels = ready_batch(pixels, size=self.manifest.size, device=self._device)
        names, size = tuple(outputs), self._batch_size(raw=True)
        session = self._open((), names)
        parts = [
            session.run(pixels[start : start + size], names)
            for start in range(0, len(pixels), size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def probe(self, images: Picture | Sequence[Picture], probe: Probe[Any]) -> list[Result]:
        """Probe pictures.

        Parameters
        ----------
        images : picture or sequence of pictures
            Paths, PIL images, or uint8 (height, width, 3) arrays of any library that has DLPack,
            of any sizes.
        probe : Probe
            `Heads`, `Rollout` or `Distance`.

        Returns
        -------
        list of Result
            One result per picture, in the order of the input.

        Raises
        ------
        PictureError
            If a picture can't be read or used; `stream` continues instead.
        UsageError
            If the model doesn't have what the probe asks for.
        """
        results = []
        for result in self.stream(_as_sequence(images), [probe]):
            if result.error is not None:
                raise result.error
            results.append(result)
        return results

    def probe_pixels(self, pixels: Batch, probe: Probe[Any]) -> list[Result]:
        """Probe pictures that are ready.

        Parameters
        ----------
        pixels : uint8 (batch, height, width, 3)
            As in `run_pixels`.
        probe : Probe
            `Heads`, `Rollout` or `Distance`; a query pixel is one of the model's input.

        Returns
        -------
        list of Result
            One result per picture; their `pixels` are None, as they stay in place.

        Raises
        ------
        PictureError
            If a query is outside the input.
        UsageError
            As in `run_pixels`, or if the model lacks what the probe needs.
        """
        pixels = ready_batch(pixels, size=self.manifest.size, device=self._device)
        compiled, outputs = self._divide([probe])
        one_pass = self._pass([probe], compiled, outputs)
        return list(one_pass.results_of(pixels, batch_size=self._batch_size(raw=not compiled)))

    def stream(
        self,
        images: Iterable[Picture | Prepared],
        probes: Sequence[Probe[Any]],
        *,
        summary: Mapping[str, Summary] | None = None,
    ) -> Stream:
        """Probe any number of pictures, in flat memory.

        Decoding, the network and the probes work at the same time.

        Parameters
        ----------
        images : iterable of pictures
            Read as they are needed, a few batches ahead.
        probes : sequence of Probe
            Probes to compute in a single pass through the network.
        summary : mapping of str to Summary, optional
            Totals to go on from, by the probes' names, such as another stream's.

        Returns
        -------
        Stream
            Iterator of one `Result` per picture, in the order of the input; for a picture that
            can't be read or used, `error` is set instead of values. Its ``summary`` holds the
            totals of the results taken so far.

        Raises
        ------
        UsageError
            If the model doesn't have what a probe asks for; raised by the call itself.
        """
        if len({probe.name for probe in probes}) < len(probes):
            raise UsageError("a pass can hold each kind of probe only once.")
        for probe in probes:
            if not isinstance(probe, Probe):
                raise UsageError(f"{probe} reads weights, not pictures: use vitonnx.probe_weights.")
        if self._own_sizes is not None:
            for probe in probes:
                probe.reads(self.layout)
            return Stream(self._own_sizes.results(images, probes), probes, summary or {})
        compiled, outputs = self._divide(probes)
        if compiled and self._is_quicker_unplanned(images, self._plan(compiled, outputs)):
            compiled, outputs = self._divide(probes, unplanned=True)
            one_pass = self._pass(probes, compiled, outputs, self._open((), self.outputs))
        else:
            one_pass = self._pass(probes, compiled, outputs)
        size = self._batch_size(raw=len(compiled) < len(probes))
        results = one_pass.results(images, batch_size=size)
        return Stream(results, probes, summary or {})

    def explain(self, probes: Sequence[Probe[Any]]) -> str:
        """Describe the plan for some probes, and what it saves.

        Returns
        -------
        str
            Lines for a person.

        Raises
        ------
        UsageError
            If the model doesn't have what a probe asks for.
        """
        compiled, outputs = self._divide(probes)
        plan = self._plan(compiled, outputs)
        lines = explain_plan(self.file, plan, self.manifest)
        runs = f"runs on: {self.device}, in {self.precision}, in batches of {self.batch_size}"
        return "\n".join([*lines, runs])

    def _pass(
        self,
        probes: Sequence[Probe[Any]],
        compiled: tuple[GraphProbe[Any], ...],
        outputs: tuple[str, ...],
        session: Session | None = None,
    ) -> Pass:
        session = session or self._open(compiled, outputs)
        return Pass(
            session,
            self.manifest,
            self.layout,
            probes,
            compiled,
            outputs,
            self._max_pixels,
            self._notice,
        )

    def _is_quicker_unplanned(self, images: Iterable[object], plan: Plan) -> bool:
        """Tell whether so few pictures are done sooner than a plan would be made."""
        if not (
            self.in_graph is None
            and isinstance(images, Sequence)
            and self.manifest.blocks * self._bytes_a_block <= LITTLE_ATTENTION
            and self._is_as_it_is
            and plan not in self._sessions
            and not is_kept(self.file, plan)
        ):
            return False
        # An application may ask for one picture at a time, again and again.
        self._done_unplanned[plan] += len(images)
        return self._done_unplanned[plan] <= FEW_PICTURES

    def _divide(
        self, probes: Sequence[Probe[Any]], *, unplanned: bool = False
    ) -> tuple[tuple[GraphProbe[Any], ...], tuple[str, ...]]:
        """Return the probes that go into the graph, and the outputs that the others read."""
        in_graph = self.in_graph is not False and not unplanned
        compiled = tuple(probe for probe in probes if in_graph and isinstance(probe, GraphProbe))
        # All are asked, so that what the model doesn't have is known before any work.
        read = {probe.name: probe.reads(self.layout) for probe in probes}
        logits = ("logits",) if "logits" in self.outputs else ()
        raw = [name for probe in probes if probe not in compiled for name in read[probe.name]]
        return compiled, tuple(dict.fromkeys((*raw, *logits)))

    def _plan(self, probes: tuple[GraphProbe[Any], ...], outputs: tuple[str, ...]) -> Plan:
        # What the file is in already takes no work.
        takes = "fp32" if self.precision == self.manifest.precision else self.precision
        # Who asks patch after patch needs one graph, and one session.
        forms = tuple(getattr(probe, "graph_form", probe) for probe in probes)
        return Plan(forms, outputs, self._size, precision=takes)

    def _open(self, probes: tuple[GraphProbe[Any], ...], outputs: tuple[str, ...]) -> Session:
        """Open the session that gives this, or the one that was opened for it before."""
        # All outputs at the file's own size are the file as it is.
        everything = not probes and set(outputs) == set(self.outputs)
        plan = None if everything and self._is_as_it_is else self._plan(probes, outputs)
        if plan not in self._sessions:
            self._sessions[plan] = open_session(
                self.file,
                device=self._device,
                threads=self.threads,
                plan=plan,
                large=self.batch_size * self._bytes_a_block > LARGE_ATTENTION,
            )
        return self._sessions[plan]

    @property
    def _is_as_it_is(self) -> bool:
        """Whether size and precision are the file's own."""
        return self._size is None and self.precision == self.manifest.precision

    @property
    def _bytes_a_block(self) -> int:
        """Bytes of one block's attention, for one picture."""
        return 4 * self.manifest.heads * self.manifest.tokens**2

    @property
    def batch_size(self) -> int:
        """The most pictures that are probed at once."""
        return self._batch_size(raw=self.in_graph is False)

    def _batch_size(self, *, raw: bool) -> int:
        """Fit a batch into memory: with all its attention, or with one block's at a time."""
        if self._one_by_one or self._scales_as_it_comes:
            return 1
        manifest = self.manifest
        # In the graph: a block's scores and weights, and what a rollout keeps of every block.
        in_graph = 3 * manifest.heads + manifest.blocks
        maps = manifest.heads * manifest.blocks if raw else in_graph
        return max(1, min(LARGEST_BATCH, BATCH_BYTES // (4 * maps * manifest.tokens**2)))

    def _precision(self, asked: str) -> Precision:
        given = self.manifest.precision
        if asked == "auto":
            cuda = self.device.startswith("cuda")
            wanted = "fp16" if given == "fp32" and cuda else given
        else:
            wanted = check_precision(asked)
        if given not in ("fp32", wanted):
            raise UsageError(
                f"can't run {self.file} in {wanted}: it is in {given}. Export it without "
                "--precision for that."
            )
        if wanted == "bf16":
            require_bf16(self._device)
        return wanted

    def _prepare(self, image: Picture) -> Prepared:
        with decoded(image, max_pixels=self._max_pixels, notice=self._notice) as opened:
            if self._own_sizes is not None:
                self._own_sizes.size_of(opened.sides)  # refuses what the file can't take
            return prepare(opened.picture, self.manifest.preprocessing, sides=opened.sides)

    def _sibling(self, size: tuple[int, int]) -> Engine:
        """Open the same file for pictures of one size."""
        return Engine(
            self.file,
            device=self._asked_device,
            threads=self.threads,
            size=size,
            precision=self.precision,
            in_graph=self.in_graph,
            max_pixels=self._max_pixels,
            notice=self._notice,
        )


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return height and width; one number is a square."""
    sides = (size, size) if isinstance(size, Integral) else size
    if not (
        isinstance(sides, Sequence)
        and len(sides) == 2
        and all(isinstance(side, Integral) for side in sides)
    ):
        raise UsageError(f"size is {size!r}; it must be a number of pixels or (height, width).")
    return int(sides[0]), int(sides[1])


def _as_sequence(images: Picture | Sequence[Picture]) -> Sequence[Picture]:
    if isinstance(images, str | Path | Image.Image | np.ndarray | Tensor):
        return [images]
    return images
