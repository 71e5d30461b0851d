"""The engine: pictures in, named arrays or probe results out, no training framework anywhere."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING, IMAGES, LOGITS, is_derived
from vitonnx.engine._asked import (
    MOST_THREADS,
    as_count,
    as_outputs,
    as_pictures,
    as_probes,
    as_sides,
)
from vitonnx.engine._batches import attention_bytes, largest_batch
from vitonnx.engine._blank import blank
from vitonnx.engine._cache import is_kept
from vitonnx.engine._decoding import Decoding, check_decode, usual_decoders
from vitonnx.engine._explain import explain_plan
from vitonnx.engine._fit import begin, first_asked, fit, needs_all, total_of
from vitonnx.engine._own_sizes import OwnSizes
from vitonnx.engine._pass import Pass, Picture, hold
from vitonnx.engine._pixels import Pixels, Ready, ready_pixels
from vitonnx.engine._plan import Plan, find_derived
from vitonnx.engine._precision import choose_precision, reduced_in_graph
from vitonnx.engine._preprocess import Prepared, prepare
from vitonnx.engine._proof import Prover, witnesses
from vitonnx.engine._result_stream import Result, Stream
from vitonnx.engine._session import Session, load_promises, open_session
from vitonnx.engine._sessions import FirstPictures, Sessions
from vitonnx.engine.devices import Device, choose_device
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.filenames import as_path
from vitonnx.layout import Layout
from vitonnx.manifest import Fit, Manifest
from vitonnx.media import Notice
from vitonnx.modelfile import open_graph
from vitonnx.probes import (
    AddingProbe,
    Finding,
    Found,
    GraphProbe,
    PictureResult,
    Probe,
    SumProbe,
    Total,
    WeightProbe,
    answering,
)
from vitonnx.weights import probe_weights

__all__ = ["Engine", "Picture"]

Asked = TypeVar("Asked", bound=Probe[Any])
OfPicture = TypeVar("OfPicture", bound=PictureResult)
OfWeights = TypeVar("OfWeights", bound=Found)

# Above this the runtime's own pool of memory, which grows by doubling, costs more than it saves.
LARGE_ATTENTION = 2**26


class Engine:
    """A probe-ready model, ready to run.

    One engine may serve several threads. It keeps its sessions until it is closed, or the last
    reference to it goes: use it in a ``with`` block where that must not wait.

    Parameters
    ----------
    model : str or path
        The ONNX file.
    device : str or sequence
        ``auto`` (CUDA when it works, else the CPU), ``cpu``, ``cuda`` or ``cuda:N``, or what else
        onnxruntime can use here, by itself or by a plug-in: ``tensorrt``, ``tensorrt-rtx``,
        ``openvino``, ``openvino:gpu``, ``openvino:npu``, ``webgpu``, ``mlx``, ``coreml``,
        ``directml``. For plug-ins that have no name here: hardware of one, as
        ``onnxruntime.get_ep_devices()`` lists it.
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
        ``tf32`` (on CUDA: products of single precision that are faster and less exact), ``fp16``,
        ``bf16`` (on NVIDIA's GPUs since Ampere, and by OpenVINO on processors that have it) or
        ``int8``. On any device but the CPU, the first run measures what it computes against the
        CPU, and a device that computes less exactly than was asked is refused. In int8 the
        products' inputs are scaled as they come, which depends on all pictures of a batch: there
        pictures run one by one, so that a result is the picture's own. Files that were calibrated
        have fixed scales, and run in batches.
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
    decoders : int, optional
        Number of threads that decode pictures; by default one for each core, and at least four.
    decode : "exact" or "fast"
        Fast decodes a JPEG of twice the size that the recipe scales it to, or more, at a half, a
        quarter or an eighth of its size: sooner, and with pixels that differ by some levels of 255.

    Attributes
    ----------
    file : Path
        The ONNX file.
    threads, fit, max_pixels, decoders, decode, asked_size
        As they were given: ``asked_size`` is ``size``, as (height, width) or None.
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
        If the device doesn't work, or not in that precision, or size or threads can't be.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: str | Sequence[Any] = "auto",
        threads: int | None = None,
        size: int | tuple[int, int] | None = None,
        fit: Fit | None = None,
        precision: str = "auto",
        in_graph: bool | None = None,
        max_pixels: int | None = None,
        notice: Notice | None = None,
        decoders: int | None = None,
        decode: str = "exact",
    ) -> None:
        self.file, self.fit = self._find(model), fit
        self.threads = as_count("threads", threads, MOST_THREADS)
        self.asked_size = sides = None if size is None else as_sides(size)
        manifest, has = load_promises(self.file)
        self.outputs = tuple(has.outputs)
        self._size = None if sides in (None, manifest.size) else sides
        self.manifest: Manifest = manifest if sides is None else manifest.at(sides)
        if LOGITS in has.outputs and (shape := has.outputs[LOGITS].shape):
            self.manifest = replace(self.manifest, class_count=shape[-1])
        if fit is not None:
            recipe = self.manifest.preprocessing.fitted(fit)
            self.manifest = replace(self.manifest, preprocessing=recipe)
        self.layout = self.manifest
        self.in_graph = in_graph
        self.max_pixels = as_count("max_pixels", max_pixels)
        self.decoders = as_count("decoders", decoders, MOST_THREADS) or usual_decoders()
        self.decode = check_decode(decode)
        self._decoding = Decoding(self.max_pixels, notice, self.decoders, self.decode)
        self._device = choose_device(device)
        self.device, self.device_note = self._device.name, self._device.note
        self._free_memory = self._device.free_memory  # before anything of ours is in it
        # Only its operators tell a calibrated file from one that isn't.
        calibrated = manifest.precision == "int8" and "DynamicQuantizeLinear" not in has.operators
        self.precision = choose_precision(
            precision, manifest.precision, self._device, self.file, calibrated=calibrated
        )
        self._reduced = reduced_in_graph(self.precision, manifest.precision, self._device)
        self._options: dict[str, Any] = {
            "device": device if isinstance(device, str) else self._device.hardware,
            "threads": threads,
            "size": sides,
            "fit": fit,
            "precision": self.precision,
            "in_graph": in_graph,
            "max_pixels": max_pixels,
            "notice": notice,
            "decoders": self.decoders,
            "decode": self.decode,
        }
        scales_as_it_comes = self.precision == "int8" and not calibrated
        # Some files that were tapped from a graph for one picture take no more.
        self._one_by_one = scales_as_it_comes or has.inputs[IMAGES].shape[0] == 1
        self._own_sizes = None
        if self.manifest.preprocessing.multiple is not None:
            self._own_sizes = OwnSizes(
                self.manifest,
                self.resized,
                self._refuse_closed,
                self._decoding,
            )
        self._prover = None
        if not self._device.is_cpu:
            self._prover = Prover(
                file=self.file,
                layout=self.manifest,
                size=self.manifest.size,
                device=self._device,
                precision=self.precision,
                given=self.manifest.precision,
                whole=self._plan((), witnesses(self.outputs)),
                at_once=self._at_once,
                start=self._start,
            )
        self._sessions = Sessions(self._open_plan, self._refuse_closed)
        self._first_pictures = FirstPictures(self.manifest)
        self._closed = False

    @staticmethod
    def _find(model: str | os.PathLike[str]) -> Path:
        """Find the model's file: a front door may know it by other names."""
        return as_path(model)

    def __repr__(self) -> str:
        height, width = self.manifest.size
        return (
            f"<Engine {self.manifest.name!r}, {height}x{width} pixels, on {self.device} in "
            f"{self.precision}{', closed' if self._closed else ''}: {str(self.file)!r}>"
        )

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that open a file in the same way, on the same device."""
        named = isinstance(self._options["device"], str)
        return {**self._options, **({"device": self.device} if named else {})}

    def __enter__(self) -> Self:
        self._refuse_closed()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the memory of the model. What was found stays; nothing more can be asked.

        A stream that is still open raises a UsageError at its next batch. To close an engine twice
        changes nothing.
        """
        self._closed = True
        self._sessions.close()
        if self._own_sizes is not None:
            self._own_sizes.close()

    def run(self, images: Picture | Iterable[Picture]) -> dict[str, NDArray[np.float32]]:
        """Run pictures through the model.

        Parameters
        ----------
        images : picture or iterable of pictures
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
            If there is no picture, or pictures have input sizes of their own, and these are
            several.
        """
        self._refuse_closed()
        pixels = [self._prepare(image).pixels for image in as_pictures(images)]
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

    def prepare(self, image: Picture) -> Prepared:
        """Read a picture as the model sees it, which `stream` takes as a picture, too.

        Parameters
        ----------
        image : picture
            As in `run`.

        Raises
        ------
        PictureError
            If it can't be read.
        UsageError
            If every picture has an input size of its own.
        """
        self._require_one_size()
        recipe, covered = self.manifest.preprocessing, self.manifest.covered
        return self._decoding.read(image, recipe, covered)

    def blank(self) -> Prepared:
        """Give a picture of nothing, of which `stream` finds arrays of the shapes that all have.

        Any pixel that a query may name lies in it.

        Raises
        ------
        UsageError
            If every picture has an input size of its own.
        """
        self._require_one_size()
        return blank(self.manifest)

    def _require_one_size(self) -> None:
        self._refuse_closed()
        if self._own_sizes is not None:
            height, width = self.manifest.size
            raise UsageError(
                f"the recipe of {self.manifest.name} gives every picture an input size of its "
                f"own: open it with one for all, such as --size {height}x{width} "
                f"(size={self.manifest.size} in Python)."
            )

    def run_pixels(self, pixels: Pixels, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
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
            If they are others, or lie where the model doesn't run; or if the file has no output of
            a name.
        """
        return self.run_informed(pixels, outputs)[0]

    def run_informed(
        self,
        pixels: Pixels,
        outputs: Sequence[str],
        constants: Mapping[str, NDArray[Any]] | None = None,
    ) -> tuple[dict[str, NDArray[np.float32]], Layout]:
        """Give outputs as `run_pixels` does, and the layout with what their graph tells of it.

        Parameters
        ----------
        pixels : uint8 (batch, height, width, 3)
            As in `run_pixels`.
        outputs : sequence of str
            Names of outputs, or of values that plans find: see `vitonnx.contract.is_derived`.
        constants : mapping of str to array, optional
            Inputs of the graph beside the pixels, such as the classes that derivatives are of.

        Returns
        -------
        dict of str to float32 array
            Stacked on batch.
        Layout
            That of the engine, and whether the final norm is applied, and what the head reads.

        Raises
        ------
        UsageError
            As in `run_pixels`.

        Examples
        --------
        >>> from vitonnx.demo import demo_models
        >>> engine = Engine(demo_models()["scenes_vit"])
        >>> picture = np.zeros((1, 48, 48, 3), np.uint8)
        >>> found, layout = engine.run_informed(picture, ["final_norm/tokens"])
        >>> found["final_norm/tokens"].shape, layout.final_norm
        ((1, 37, 128), True)
        """
        self._refuse_closed()
        ready = ready_pixels(pixels, size=self.manifest.size, device=self._device)
        names, size = as_outputs(outputs, self.outputs), self._batch_size(raw=True)
        session = self._open((), names)

        def run(start: int) -> dict[str, NDArray[np.float32]]:
            return session.run(ready[start : start + size], names, constants=constants)

        parts = list(session.in_turn(run, range(0, len(ready), size)))
        found = {name: np.concatenate([part[name] for part in parts]) for name in names}
        return found, self.layout.informed(session.said)

    @overload
    def probe(
        self, images: Picture | Iterable[Picture], probe: Probe[OfPicture]
    ) -> list[OfPicture]: ...

    @overload
    def probe(
        self, images: Picture | Iterable[Picture], probe: Iterable[Probe[Any]]
    ) -> list[Result]: ...

    def probe(
        self, images: Picture | Iterable[Picture], probe: Probe[Any] | Iterable[Probe[Any]]
    ) -> list[Any]:
        """Probe pictures.

        Parameters
        ----------
        images : picture or iterable of pictures
            Paths, PIL images, or uint8 (height, width, 3) arrays of any library that has DLPack,
            of any sizes.
        probe : Probe or iterable of Probe
            What is asked, such as `Heads`. Several are answered from one pass.

        Returns
        -------
        list
            One entry a picture, in the order of the input: the probe's own result, such as
            `HeadsResult`; with several probes a `Result` that holds those.

        Raises
        ------
        PictureError
            If a picture can't be read or used; `stream` continues instead.
        UsageError
            If the model doesn't have what a probe asks for, or it finds nothing in a single
            picture: see `total`.
        """
        asked = as_probes(probe)
        for each in asked:
            if isinstance(each, SumProbe):
                raise each.refusal
        given: Iterable[Any] = as_pictures(images)
        if any(needs_all(self, each) for each in asked):
            # Read several times: what is in memory may be filled again by whoever gives it.
            given = held = [_kept(hold(image, self._prepare)) for image in given]
            asked = tuple(fit(self, held, each) if held else each for each in asked)
        results: list[Any] = []
        for result in self.stream(given, asked):
            if result.error is not None:
                raise result.error
            results.append(result.only if isinstance(probe, Probe) else result)
        return results

    def probe_pixels(self, pixels: Pixels, probe: Probe[OfPicture]) -> list[OfPicture]:
        """Probe pictures that are ready.

        Parameters
        ----------
        pixels : uint8 (batch, height, width, 3)
            As in `run_pixels`.
        probe : Probe
            What to ask of each picture; a query pixel is one of the model's input.

        Returns
        -------
        list
            The probe's result for each picture; their `pixels` are None, as they stay where they
            lie.

        Raises
        ------
        PictureError
            If a query is outside the input.
        UsageError
            As in `run_pixels`, or if the model lacks what the probe needs.
        """
        self._refuse_closed()
        (asked,) = as_probes([probe])
        if isinstance(asked, SumProbe):
            raise asked.refusal
        ready = ready_pixels(pixels, size=self.manifest.size, device=self._device)

        def total(stage: AddingProbe[Any, Any]) -> Any:
            some = ready[:1] if stage.first_only else ready
            stream = Stream(self._results_of(some, stage), [stage], {})
            for _ in stream:
                pass
            return stream.summary[stage.name]

        return [result.only for result in self._results_of(ready, fit(self, None, probe, total))]

    def _results_of(self, pixels: Ready, probe: Probe[Any]) -> Iterator[Result]:
        """Probe pictures that are ready, by a probe that knows all it must."""
        compiled, outputs = self._divide([probe])
        one_pass = self._pass([probe], compiled, outputs)
        return one_pass.results_of(pixels, batch_size=self._batch_size(raw=not compiled))

    def stream(
        self,
        images: Picture | Iterable[Picture | Prepared],
        probes: Sequence[Probe[Any]],
        *,
        summary: Mapping[str, Total] | None = None,
    ) -> Stream:
        """Probe any number of pictures, in flat memory.

        Decoding, the network and the probes work at the same time. A probe that must be fitted
        (`fitted`) and isn't gives the totals that it is fitted by, and no results; but one that is
        fitted on the first picture alone is at once.

        Parameters
        ----------
        images : picture or iterable of pictures
            Read as they are needed, a few batches ahead.
        probes : sequence of Probe
            Probes to compute in a single pass through the network.
        summary : mapping of str to Total, optional
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
        PictureError
            If a probe is fitted on the first picture, and that can't be used; likewise.
        """
        self._refuse_closed()
        probes = as_probes(probes)
        if not isinstance(images, list | tuple):  # which may be empty here
            images = as_pictures(images)
        images, probes = begin(self, images, probes)
        if self._own_sizes is not None:
            for probe in probes:
                self.reads_of(probe)
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

    def fitted(self, images: Picture | Iterable[Picture] | None, probe: Asked) -> Asked:
        """Fit a probe: ask pictures what it must know of all of them, as `PCA` its components.

        Parameters
        ----------
        images : picture or iterable of pictures, or None
            As in `probe`. They are read once for every stage that the probe has, so that an
            iterator will not do for several. If the probe says itself what it is to be fitted on,
            they are not used, and may be None.
        probe : Probe
            Any; one that needs nothing is returned as it is.

        Returns
        -------
        Probe
            One that knows, to ask `probe`, `stream` and `vitonnx.bake` with.

        Raises
        ------
        PictureError
            If a picture can't be read or used.
        UsageError
            If there are too few, or none.

        Examples
        --------
        ::

            pca = engine.fitted(pictures, vx.PCA())
            for result in engine.stream(more_pictures, [pca]):
                print(result.pca.pca.shape)
        """
        self._refuse_closed()
        as_probes([probe])
        return fit(self, None if images is None else as_pictures(images), probe)

    def total(self, images: Picture | Iterable[Picture], probe: AddingProbe[Any, Any]) -> Finding:
        """Find what pictures come to together: a table, a histogram, or how alike blocks are.

        Parameters
        ----------
        images : picture or iterable of pictures
            As in `probe`; any number, in flat memory.
        probe : AddingProbe
            One with totals, such as `CKA`, `Norms` or `Distance`.

        Returns
        -------
        Finding
            Its arrays are NumPy's; `vitonnx.plot` draws it.

        Raises
        ------
        PictureError
            If a picture can't be read or used; `stream` continues instead.
        UsageError
            If the probe has no totals, or there are too few pictures.
        """
        (asked,) = as_probes([probe])
        if not isinstance(asked, AddingProbe):
            raise UsageError(f"{asked.name} has no totals: use `probe`.")
        total = total_of(self, as_pictures(images), asked)
        with answering(asked):
            finding: Finding = asked.finding_of(total, self.layout)
        return finding

    def probe_weights(self, probe: WeightProbe[OfWeights]) -> OfWeights:
        """Ask the file about its weights, which no picture and no inference changes.

        Parameters
        ----------
        probe : WeightProbe
            `Filters` or `Positions`. They see the file's own weights, whatever size the engine was
            opened with.

        Returns
        -------
        FiltersResult or PositionsResult
            Its arrays are NumPy's.

        Raises
        ------
        ModelFileError
            If the file lacks a weight.
        UsageError
            If the probe asks for pictures, or the model doesn't have what it asks for.
        """
        self._refuse_closed()
        return probe_weights(self.file, probe)

    def explain(self, probes: Probe[Any] | Iterable[Probe[Any]]) -> str:
        """Say what the plan for some probes does, and what it saves.

        Parameters
        ----------
        probes : Probe or iterable of Probe
            Which would share a pass through the network. Of one that must be fitted, it is the
            first pass.

        Returns
        -------
        str
            Lines for a person.

        Raises
        ------
        UsageError
            If the model doesn't have what a probe asks for.
        """
        self._refuse_closed()
        asked = [first_asked(self, probe) for probe in as_probes(probes)]
        compiled, outputs = self._divide(asked)
        plan = self._plan(compiled, outputs)
        lines = explain_plan(self.file, plan, self.manifest)
        runs = f"runs on: {self.device}, in {self.precision}, in batches of {self.batch_size}"
        return "\n".join([*lines, runs])

    def _refuse_closed(self) -> None:
        if self._closed:
            raise UsageError(
                f"The engine of {self.file} is closed, and answers no more: open another."
            )

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
            probes,
            compiled,
            outputs,
            self._decoding,
        )

    def _is_quicker_unplanned(self, images: Iterable[object], plan: Plan) -> bool:
        """Tell whether so few pictures are done before a plan would be made."""
        return (
            self.in_graph is None
            and isinstance(images, Sequence)
            and self._first_pictures.are_small
            and self._is_as_it_is
            and plan not in self._sessions.opened
            and not is_kept(self.file, plan)
            and not self._finds_more(plan)
            and self._first_pictures.take(plan, len(images))
        )

    def _finds_more(self, plan: Plan) -> bool:
        """Tell whether a plan gives what the file as it is has not."""
        read = (name for probe in plan.probes for name in probe.reads(self.layout))
        return any(map(is_derived, itertools.chain(plan.outputs, read)))

    def _divide(
        self, probes: Sequence[Probe[Any]], *, unplanned: bool = False
    ) -> tuple[tuple[GraphProbe[Any], ...], tuple[str, ...]]:
        """Return the probes that go into the graph, and the outputs that the others read."""
        in_graph = self.in_graph is not False and not unplanned
        compiled = _compilable(probes) if in_graph else ()
        # All are asked, so that what the model doesn't have is known before any work.
        read = {probe.name: self.reads_of(probe) for probe in probes}
        logits = (LOGITS,) if LOGITS in self.outputs else ()
        raw = [name for probe in probes if probe not in compiled for name in read[probe.name]]
        beside = [name for probe in probes for name in probe.beside]
        outputs = tuple(dict.fromkeys((*raw, *logits, *beside)))
        # A graph gives something, even where nobody asks.
        return compiled, outputs if outputs or compiled else self.outputs[:1]

    def reads_of(self, probe: Probe[Any]) -> tuple[str, ...]:
        """Name the outputs that a probe reads, all of which the model has."""
        with answering(probe):
            names = probe.reads(self.layout)
            if isinstance(names, str):
                raise TypeError(f"reads gave {names!r}, and no tuple of names")
            names = tuple(names)
        for name in names:
            if name not in self.outputs and not is_derived(name):
                raise UsageError(f"{probe.name} reads {name}, which the model doesn't have.")
        return names

    def require(self, probe: Probe[Any]) -> None:
        """Look whether the model has all that a probe asks for, also what only its graph can tell.

        Parameters
        ----------
        probe : Probe
            Not yet asked of a picture.

        Raises
        ------
        UsageError
            If it doesn't.
        """
        self._refuse_closed()
        derived = list(filter(is_derived, self.reads_of(probe)))
        if derived:
            find_derived(open_graph(self.file), derived)

    def _plan(self, probes: tuple[GraphProbe[Any], ...], outputs: tuple[str, ...]) -> Plan:
        # Who asks patch after patch needs one graph, and one session.
        forms = tuple(probe.graph_form for probe in probes)
        provider = "" if self._device.is_cpu else self._device.name.partition(":")[0]
        return Plan(forms, outputs, self._size, precision=self._reduced, provider=provider)

    def _open(self, probes: tuple[GraphProbe[Any], ...], outputs: tuple[str, ...]) -> Session:
        """Open the session that gives this, or the one that was opened for it before."""
        # All outputs at the file's own size are the file as it is.
        everything = not probes and set(outputs) == set(self.outputs)
        plan = None if everything and self._is_as_it_is else self._plan(probes, outputs)
        return self._sessions.of(plan)

    def _open_plan(self, plan: Plan | None) -> Session:
        if self._prover is None:
            return self._start(plan, self._device)
        return self._prover.open(plan)

    def _start(self, plan: Plan | None, device: Device) -> Session:
        return open_session(
            self.file,
            device=device,
            threads=self.threads,
            precision=self.precision,
            plan=plan,
            large=self.batch_size * attention_bytes(self.manifest) > LARGE_ATTENTION,
        )

    @property
    def _is_as_it_is(self) -> bool:
        """Whether the graph at this size and in this precision is the file's own."""
        return self._size is None and self._reduced == "fp32"

    @property
    def batches_alike(self) -> bool:
        """Whether all batches but the last have `batch_size` pictures, good and bad together."""
        return self._own_sizes is None

    @property
    def batch_size(self) -> int:
        """The most pictures that are probed at once."""
        return self._batch_size(raw=self.in_graph is False)

    def _at_once(self, plan: Plan | None) -> int:
        """Give the most pictures that the graph of a plan, or the file as it is, is shown at once.

        Of those that give what the file gives, all is in memory here.
        """
        small = (LOGITS, EMBEDDING)
        raw = plan is None or any(name not in small for name in plan.outputs)
        return min(self.batch_size, self._batch_size(raw=raw))

    def _batch_size(self, *, raw: bool) -> int:
        if self._one_by_one:
            return 1
        return largest_batch(self.manifest, raw=raw, free=self._free_memory)

    def _prepare(self, image: Picture) -> Prepared:
        with self._decoding.open(image, self.manifest.preprocessing) as opened:
            if self._own_sizes is not None:
                self._own_sizes.size_of(opened.sides)  # refuses what the file can't take
            return prepare(opened.picture, self.manifest.preprocessing, sides=opened.sides)

    def resized(self, size: int | tuple[int, int], fit: Fit | None = None) -> Engine:
        """Open the same file for inputs of another size, with the same options.

        Parameters
        ----------
        size, fit
            See `Engine`.
        """
        return self.sibling(size=size, fit=fit)

    def sibling(self, file: Path | None = None, **options: Any) -> Engine:
        """Open the same file, or one made of it, with the same options but for some."""
        self._refuse_closed()
        return Engine(file or self.file, **{**self._options, **options})


def _kept(held: Picture | Prepared | VitonnxError) -> Picture | Prepared:
    if isinstance(held, VitonnxError):
        raise held
    return held


def _compilable(probes: Sequence[Probe[Any]]) -> tuple[GraphProbe[Any], ...]:
    """Give the probes that one graph can hold: it has one input of queries, for one probe."""
    compiled: list[GraphProbe[Any]] = []
    for probe in probes:
        taken = probe.located and any(other.located for other in compiled)
        if isinstance(probe, GraphProbe) and not taken:
            compiled.append(probe)
    return tuple(compiled)
