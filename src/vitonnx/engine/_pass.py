"""One pass over pictures: decoding, the network and the probes, all three at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.contract import LOGITS
from vitonnx.engine._decoding import Decoding
from vitonnx.engine._map_ahead import map_ahead
from vitonnx.engine._pixels import Ready
from vitonnx.engine._preprocess import Prepared
from vitonnx.engine._result_stream import Result, predict_each
from vitonnx.engine._session import Session
from vitonnx.errors import PictureError, VitonnxError
from vitonnx.manifest import Manifest
from vitonnx.media import Encoded, Tensor, open_picture
from vitonnx.probes import GraphProbe, PictureResult, Probe, SumProbe, Total, answering

__all__ = ["Pass", "Picture", "hold"]

Picture: TypeAlias = str | Path | Encoded | Image.Image | NDArray[np.uint8] | Tensor

# What is known of a picture before the network runs: the network's input or None, what will be
# said of it, with an error where there is no input, and every probe's query token.
Located: TypeAlias = tuple[NDArray[np.uint8] | None, Result, dict[str, int | None]]
Arrays: TypeAlias = dict[str, NDArray[Any]]
Opened = TypeVar("Opened")

# Of what is in memory already, twice a batch waits for its turn: above so many pixels, 32 MiB, as
# videos beyond 4K have, it is made ready at once, and doesn't wait as it is.
LARGE = 2**23


@dataclass(frozen=True)
class Pass:
    """Some probes of one model, those compiled into its graph, and the outputs that others need.

    A batch waits for the network while another is in it and a third is probed, so at most two
    batches of attention are held at a time; on an accelerator, where two are in the network at
    once, three.
    """

    session: Session
    manifest: Manifest
    probes: Sequence[Probe[Any]]
    compiled: Sequence[GraphProbe[Any]]
    outputs: tuple[str, ...]
    decoding: Decoding

    def results(self, images: Iterable[Picture | Prepared], *, batch_size: int) -> Iterator[Result]:
        """Give one result a picture, in their order; a bad picture's has an error."""
        held = enumerate(
            image if isinstance(image, Prepared) else hold(image, self._read) for image in images
        )
        located = map_ahead(self._locate, held, threads=self.decoding.threads, ahead=2 * batch_size)
        many = self.session.in_flight
        run = map_ahead(self._run, _batches(located, batch_size), threads=many, ahead=many)
        return itertools.chain.from_iterable(map(self._answer, run))

    def results_of(self, pixels: Ready, *, batch_size: int) -> Iterator[Result]:
        """Give one result a picture of those that are ready; pixels of queries are their own."""
        height, width = self.manifest.covered
        crop = (0.0, 0.0, float(width), float(height))
        queries = {}
        for probe in self.probes:
            with answering(probe):
                queries[probe.name] = probe.token(self.manifest, crop)

        def run(start: int) -> tuple[list[Located], Arrays]:
            part = pixels[start : start + batch_size]
            names = [f"picture {start + row}" for row in range(len(part))]
            batch: list[Located] = [(None, Result(file=name, crop=crop), queries) for name in names]
            return batch, self._compute(part, [queries] * len(part))

        starts = range(0, len(pixels), batch_size)
        for batch in self.session.in_turn(run, starts):
            yield from self._answer(batch)

    def _locate(self, numbered: tuple[int, Picture | Prepared | VitonnxError]) -> Located:
        """Decode a picture, and find every probe's query token in it."""
        number, image = numbered
        name = str(image) if isinstance(image, str | Path | Encoded) else f"picture {number}"
        if isinstance(image, VitonnxError):
            return None, Result(file=name, error=image), {}
        crop = None
        try:
            picture = image if isinstance(image, Prepared) else self._read(image)
            crop = picture.crop
            queries = {probe.name: picture.token(probe, self.manifest) for probe in self.probes}
        except VitonnxError as error:
            if crop is not None:  # what went wrong in a picture that could be read
                error = PictureError(f"{name}: {error}")
            return None, Result(file=name, crop=crop, error=error), {}
        shown = Result(file=name, crop=crop, inside=picture.inside, pixels=picture.covered)
        return picture.pixels, shown, queries

    def _read(self, image: Picture) -> Prepared:
        recipe, covered = self.manifest.preprocessing, self.manifest.covered
        return self.decoding.read(image, recipe, covered)

    def _run(self, batch: list[Located]) -> tuple[list[Located], Arrays]:
        """Run the good pictures of a batch; no arrays where there is none."""
        good = [(pixels, queries) for pixels, _, queries in batch if pixels is not None]
        if not good:
            return batch, {}
        pixels, queries = zip(*good, strict=True)
        return batch, self._compute(np.stack(pixels), queries)

    def _compute(self, pixels: Ready, queries: Sequence[dict[str, int | None]]) -> Arrays:
        located = [probe.name for probe in self.compiled if probe.located]
        tokens = [[found[name] for found in queries] for name in located]
        names = (*self.outputs, *(probe.name for probe in self.compiled))
        asked = np.array(tokens[0], np.int64) if tokens else None
        drawing = [probe for probe in self.probes if probe.draws]
        sides = (int(pixels.shape[1]), int(pixels.shape[2]))
        constants = dict(self._constants)
        for probe in drawing:
            constants |= probe.drawn(None, sides, None, constants)
        found = self.session.run(pixels, names, asked, constants)
        for probe in drawing:
            found |= self._mean_of_draws(probe, pixels, asked, sides, found.get(LOGITS))
        return found

    def _mean_of_draws(
        self,
        probe: Probe[Any],
        pixels: Ready,
        asked: NDArray[np.int64] | None,
        sides: tuple[int, int],
        logits: NDArray[np.float32] | None,
    ) -> Arrays:
        """Average what a probe reads, or what its graph gives, over runs with other constants."""
        names = (probe.name,) if probe in self.compiled else probe.reads(self._layout)
        sums: Arrays = {}
        for number in range(probe.draws):
            drawn = probe.drawn(number, sides, logits, self._constants)
            own = {**self._constants, **drawn}
            for name, array in self.session.run(pixels, names, asked, own).items():
                sums[name] = sums.get(name, 0.0) + array.astype(np.float64)
        return {name: (total / probe.draws).astype(np.float32) for name, total in sums.items()}

    @cached_property
    def _constants(self) -> Arrays:
        """Give what the probes' graph needs beside the pictures, as the runtime takes it."""
        graph = [probe for probe in self.probes if isinstance(probe, GraphProbe)]
        own = [item for probe in graph for item in probe.constants(self._layout).items()]
        return {
            name: np.ascontiguousarray(array, np.int64 if array.dtype.kind == "i" else np.float32)
            for name, array in own
        }

    @cached_property
    def _layout(self) -> Manifest:
        """Give the manifest, with what only the graph tells."""
        return self.manifest.informed(self.session.said)

    def _answer(self, batch_and_arrays: tuple[list[Located], Arrays]) -> list[Result]:
        """Answer a batch; pictures with an error keep their place."""
        batch, arrays = batch_and_arrays
        answers = [result for _, result, _ in batch]
        good = [
            (place, result, queries)
            for place, (_, result, queries) in enumerate(batch)
            if result.error is None
        ]
        if not good:
            answers[-1] = replace(answers[-1], sums={})
            return answers
        by_probe = {
            probe.name: self._results(probe, arrays, [queries[probe.name] for *_, queries in good])
            for probe in self.probes
            if not isinstance(probe, SumProbe)
        }
        logits = arrays.get(LOGITS)
        best = None if logits is None else predict_each(logits, self.manifest.classes)
        for row, (place, result, _) in enumerate(good):
            known = self._known(result)
            if logits is not None and best is not None:
                known |= {"logits": logits[row], "prediction": best[row]}
            values = {
                probe.name: replace(
                    by_probe[probe.name][row], **known, **_beside(probe, arrays, row)
                )
                for probe in self.probes
                if probe.name in by_probe
            }
            answers[place] = replace(result, **known, values=values)
        sums = {
            probe.name: self._sum(probe, arrays, len(good))
            for probe in self.probes
            if isinstance(probe, SumProbe)
        }
        answers[-1] = replace(answers[-1], sums=sums)
        return answers

    def _known(self, result: Result) -> dict[str, Any]:
        """Say of a picture what the results of all probes say of it."""
        return {
            "model": self.manifest.name,
            "untrained": self.manifest.untrained,
            "file": result.file,
            "crop": result.crop,
            "inside": result.inside,
            "pixels": result.pixels,
        }

    def _results(
        self, probe: Probe[Any], arrays: Arrays, queries: Sequence[int | None]
    ) -> Sequence[Any]:
        with answering(probe):
            if isinstance(probe, GraphProbe) and probe in self.compiled:
                found = list(probe.results(arrays[probe.name], self._layout, queries))
            else:
                found = list(probe.compute(arrays, self._layout, queries))
            if len(found) != len(queries):
                raise ValueError(f"it gave {len(found)} results for {len(queries)} pictures")
            for each in found:
                if not isinstance(each, PictureResult):
                    raise TypeError(f"a {type(each).__name__} is no PictureResult")
        return found

    def _sum(self, probe: SumProbe[Any], arrays: Arrays, pictures: int) -> Total:
        """Give what a batch comes to, of which the runtime may have had to make parts."""
        with answering(probe):
            if probe in self.compiled:
                condensed = arrays[probe.name]
            else:
                condensed = probe.condense_on_host(arrays, self._layout, [None] * pictures)
            total: Total = probe.total(condensed, pictures, self._layout)
        return total


def _beside(probe: Probe[Any], arrays: Arrays, row: int) -> Arrays:
    """Give what the result of a picture holds beside what was found."""
    return {name: arrays[name][row] for name in probe.beside}


def hold(image: Picture, ready: Callable[[Picture], Opened]) -> Picture | Opened | VitonnxError:
    """Take a picture from its owner: files are decoded in threads, what is in memory is not.

    Whoever gives the pictures may fill the same array again, or step the same video on, while the
    last ones are still waiting. What is large doesn't wait: `ready` makes it ready at once.
    """
    if isinstance(image, str | Path | Encoded):
        return image
    try:
        held = open_picture(image)
        if held.width * held.height > LARGE:
            return ready(held)
    except VitonnxError as error:
        return error
    return held.copy() if held is image or isinstance(image, Tensor) else held


def _batches(items: Iterable[Located], size: int) -> Iterator[list[Located]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
