"""The engine: pictures in, named arrays or probe results out, no training framework anywhere."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.engine._preprocess import Prepared, prepare
from vitonnx.engine._result import Result, predict
from vitonnx.engine._session import open_session
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.manifest import Manifest
from vitonnx.media import open_picture
from vitonnx.probes import Layout, Probe

__all__ = ["Engine", "Picture"]

Picture = str | Path | Image.Image | NDArray[np.uint8]

# Attention is by far the largest output: 22 MB a picture for ViT-B/16 at 224, 3.7 GB for ViT-S/8
# at 480. A batch holds as many pictures as fit here, at most eight and at least one.
BATCH_BYTES = 2**29
LARGEST_BATCH = 8
DECODERS = 4

Item = TypeVar("Item")


class Engine:
    """A probe-ready model, ready to run.

    Parameters
    ----------
    path : path
        The ONNX file.
    device : str
        ``auto`` (CUDA when it works, else the CPU), ``cpu``, ``cuda`` or ``cuda:N``.
    threads : int, optional
        That the runtime may use; its own choice by default.
    size : int or (height, width), optional
        Of the input, in pixels, if another than the file's: multiples of the patch size.

    Attributes
    ----------
    manifest : Manifest
        What the file promises, at the size in use.
    device : str
        What it runs on.
    device_note : str or None
        Where ``auto`` chose the CPU: why.
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
    ) -> None:
        if threads is not None and threads < 1:
            raise UsageError(f"threads is {threads}; it must be at least 1.")
        sides = (size, size) if isinstance(size, int) else size
        self._session = open_session(Path(path), device=device, threads=threads, size=sides)
        self.manifest: Manifest = self._session.manifest
        self.device = self._session.device.name
        self.device_note = self._session.device.note
        self.outputs = self._session.outputs
        self.layout = Layout(
            grid=self.manifest.grid,
            patch_size=self.manifest.patch_size,
            prefix_tokens=self.manifest.prefix_tokens,
            blocks=self.manifest.blocks,
            heads=self.manifest.heads,
        )

    def run(self, images: Picture | Sequence[Picture]) -> dict[str, NDArray[np.float32]]:
        """Run pictures through the model.

        Parameters
        ----------
        images : picture or sequence of pictures
            Paths, PIL images, or uint8 (height, width, 3) arrays, of any sizes.

        Returns
        -------
        dict of str to float32 array
            Every output of the file, stacked on batch.

        Raises
        ------
        PictureError
            If a picture can't be read.
        """
        pixels = [self._prepare(image).pixels for image in _as_sequence(images)]
        if not pixels:
            raise UsageError("There is no picture to run: give at least one.")
        parts = [
            self._session.run(np.stack(batch), self.outputs)
            for batch in _batches(pixels, self._batch_size())
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def probe(self, images: Picture | Sequence[Picture], probe: Probe[Any]) -> list[Result]:
        """Probe pictures.

        Parameters
        ----------
        images : picture or sequence of pictures
            Paths, PIL images, or uint8 (height, width, 3) arrays, of any sizes.
        probe : Probe
            `Heads` or `Rollout`.

        Returns
        -------
        list of Result
            One a picture, in the order of the input.

        Raises
        ------
        PictureError
            If a picture can't be read or used; `stream` goes on instead.
        UsageError
            If the model doesn't have what the probe asks for.
        """
        results = list(self.stream(_as_sequence(images), [probe]))
        for result in results:
            if result.error is not None:
                raise result.error
        return results

    def stream(self, images: Iterable[Picture], probes: Sequence[Probe[Any]]) -> Iterator[Result]:
        """Probe any number of pictures, in flat memory.

        Parameters
        ----------
        images : iterable of pictures
            Read as they are needed, a few batches ahead.
        probes : sequence of Probe
            All are answered from one pass through the network.

        Yields
        ------
        Result
            One a picture, in the order of the input; a picture that can't be read or used has
            `error` set instead of values.

        Raises
        ------
        UsageError
            If the model doesn't have what a probe asks for; raised by the call itself.
        """
        if len({probe.name for probe in probes}) < len(probes):
            raise UsageError("Each kind of probe can be asked once a pass.")
        wanted = {name: None for probe in probes for name in probe.reads(self.layout)}
        if "logits" in self.outputs:
            wanted["logits"] = None
        return self._stream(images, probes, tuple(wanted))

    def _stream(
        self, images: Iterable[Picture], probes: Sequence[Probe[Any]], outputs: tuple[str, ...]
    ) -> Iterator[Result]:
        prepared = self._prepare_ahead(images)
        for batch in _batches(prepared, self._batch_size()):
            yield from self._answer(batch, probes, outputs)

    def _answer(
        self,
        batch: Sequence[tuple[str, Prepared | VitonnxError]],
        probes: Sequence[Probe[Any]],
        outputs: tuple[str, ...],
    ) -> list[Result]:
        """Answer a batch; pictures with an error keep their place."""
        results = [self._locate(name, picture, probes) for name, picture in batch]
        good = [(place, *found) for place, found in enumerate(results) if found[0].error is None]
        answers = [result for result, _ in results]
        if not good:
            return answers
        pixels = np.stack([result.pixels for _, result, _ in good if result.pixels is not None])
        arrays = self._session.run(pixels, outputs)
        by_probe = {
            probe.name: probe.compute(
                arrays, self.layout, [queries[probe.name] for *_, queries in good]
            )
            for probe in probes
        }
        for row, (place, result, _) in enumerate(good):
            logits = arrays["logits"][row] if "logits" in arrays else None
            answers[place] = Result(
                file=result.file,
                crop=result.crop,
                pixels=result.pixels,
                logits=logits,
                prediction=None if logits is None else predict(logits, self.manifest.classes),
                values={name: values[row] for name, values in by_probe.items()},
            )
        return answers

    def _locate(
        self, name: str, picture: Prepared | VitonnxError, probes: Sequence[Probe[Any]]
    ) -> tuple[Result, dict[str, int | None]]:
        """Find every probe's query token in this picture."""
        if isinstance(picture, VitonnxError):
            return Result(file=name, error=picture), {}
        try:
            queries = {probe.name: probe.token(self.layout, picture.crop) for probe in probes}
        except VitonnxError as error:
            return Result(file=name, crop=picture.crop, error=error), {}
        return Result(file=name, crop=picture.crop, pixels=picture.pixels), queries

    def _prepare_ahead(
        self, images: Iterable[Picture]
    ) -> Iterator[tuple[str, Prepared | VitonnxError]]:
        """Decode in a few threads, ahead of the network but never far."""
        ahead = 2 * self._batch_size()
        pending: deque[tuple[str, Future[Prepared | VitonnxError]]] = deque()
        pool = ThreadPoolExecutor(DECODERS, thread_name_prefix="vitonnx-decode")
        try:
            for index, image in enumerate(images):
                name = str(image) if isinstance(image, str | Path) else f"picture {index}"
                pending.append((name, pool.submit(self._try_to_prepare, image)))
                if len(pending) > ahead:
                    name, future = pending.popleft()
                    yield name, future.result()
            for name, future in pending:
                yield name, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _try_to_prepare(self, image: Picture) -> Prepared | VitonnxError:
        try:
            return self._prepare(image)
        except VitonnxError as error:
            return error

    def _prepare(self, image: Picture) -> Prepared:
        return prepare(open_picture(image), self.manifest.preprocessing)

    def _batch_size(self) -> int:
        manifest = self.manifest
        attention = 4 * manifest.blocks * manifest.heads * manifest.tokens**2
        return max(1, min(LARGEST_BATCH, BATCH_BYTES // attention))


def _as_sequence(images: Picture | Sequence[Picture]) -> Sequence[Picture]:
    if isinstance(images, str | Path | Image.Image | np.ndarray):
        return [images]
    return images


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
