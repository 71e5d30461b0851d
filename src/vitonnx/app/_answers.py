"""What models say of the visitors' pictures: each picture runs once through each model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.app._memory import Memory
from vitonnx.app._visit import Visit
from vitonnx.engine import Engine, Prepared, Result, predict
from vitonnx.probes import Heads, Layout, Probe

__all__ = ["Answers"]

Outputs: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Whole:
    """All that a model gave for a picture: its outputs, with a batch of one."""

    outputs: Outputs

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(output.nbytes for output in self.outputs.values())


@dataclass(frozen=True)
class Single:
    """The answer to one probe, of a model whose attention is too large to keep."""

    result: Result
    size: int = 2**20


class Answers:
    """Asks models, and keeps what they said for as long as there is room.

    Attention is kept in half precision, which the eye can't tell from single; what is saved as
    numbers is asked again, and exact. Where the attention of one picture is larger than the whole
    memory, the model runs for every question, with the probe in its graph.

    Parameters
    ----------
    engines : mapping of str to Engine
        By the names that visitors choose from.
    memory : int
        Bytes that may be kept.
    reopen : callable
        Opens a model once more, by its name: a graph for one question of a large model is not kept.
    """

    def __init__(
        self, engines: Mapping[str, Engine], *, memory: int, reopen: Callable[[str], Engine]
    ) -> None:
        self.engines = engines
        self._memory: Memory[Whole | Single] = Memory(memory, lambda kept: kept.size)
        self._reopen = reopen
        # A model takes all cores: two at a time would both be half as fast.
        self._running = threading.Lock()

    def warm(self) -> None:
        """Run every model once: the first visitor shall not wait for what can be done before."""
        for name, engine in self.engines.items():
            if self.keeps(name):
                height, width = engine.manifest.size
                engine.run_pixels(np.zeros((1, height, width, 3), np.uint8), engine.outputs)

    def look(self, visit: Visit, model: str, probe: Probe[Any]) -> Result:
        """Answer for the eye: from what is kept, where the picture was asked about before.

        Raises
        ------
        PictureError
            If the probe's query lies outside what the model sees.
        UsageError
            If the model doesn't have what the probe asks for.
        """
        engine = self.engines[model]
        question = (visit.key, model) if self.keeps(model) else (visit.key, model, probe)
        kept = self._memory.get(question)
        if kept is None:
            with self._running:
                kept = self._memory.get(question) or self._ask(visit, model, probe)
            self._memory.keep(question, kept)
        if isinstance(kept, Single):
            return kept.result
        return _result(visit, model, engine, probe, kept.outputs)

    def measure(self, visit: Visit, model: str, probe: Probe[Any]) -> Result:
        """Answer for a file: exactly what ``vitonnx probe`` says.

        Raises
        ------
        PictureError, UsageError
            As `look`.
        """
        engine = self.engines[model]
        with self._running:
            if not self.keeps(model):
                return self._ask_once(visit, model, probe)
            outputs = engine.run_pixels(visit.shown[model].pixels[None], engine.outputs)
        return _result(visit, model, engine, probe, outputs)

    def forget(self, visit: Visit) -> None:
        """Drop what is kept for a visitor."""
        self._memory.forget(
            lambda question: isinstance(question, tuple) and question[0] == visit.key
        )

    def keeps(self, model: str) -> bool:
        """Tell whether all attention of a picture can be kept, so that answers come at once."""
        manifest = self.engines[model].manifest
        halves = manifest.blocks * manifest.heads * manifest.tokens**2
        return 2 * halves <= self._memory.limit

    @property
    def held(self) -> int:
        """Bytes that are kept now."""
        return self._memory.held

    def _ask(self, visit: Visit, model: str, probe: Probe[Any]) -> Whole | Single:
        if not self.keeps(model):
            return Single(self._ask_once(visit, model, probe))
        engine = self.engines[model]
        outputs = engine.run_pixels(visit.shown[model].pixels[None], engine.outputs)
        return Whole(
            {
                name: output.astype(np.float16) if name.endswith("/attention") else output
                for name, output in outputs.items()
                if not name.endswith("/tokens")  # no probe reads them
            }
        )

    def _ask_once(self, visit: Visit, model: str, probe: Probe[Any]) -> Result:
        """Ask an engine that is opened for this question alone."""
        engine, shown = self._reopen(model), visit.shown[model]
        local = _in_input(probe, engine.layout, shown)
        (result,) = engine.probe_pixels(shown.pixels[None], local)
        values = dict(result.values)
        if isinstance(probe, Heads) and isinstance(probe.query, tuple):
            asked = f"{probe.query[0]},{probe.query[1]}"
            values["heads"] = replace(values["heads"], query=asked)
        return replace(result, file=visit.name, crop=shown.crop, pixels=shown.pixels, values=values)


def _result(
    visit: Visit, model: str, engine: Engine, probe: Probe[Any], outputs: Outputs
) -> Result:
    """Make a probe's result of a model's outputs, as the engine does."""
    shown, layout = visit.shown[model], engine.layout
    query = probe.token(layout, shown.crop)
    read = {name: outputs[name].astype(np.float32, copy=False) for name in probe.reads(layout)}
    (value,) = probe.compute(read, layout, [query])
    logits = outputs["logits"][0] if "logits" in outputs else None
    return Result(
        file=visit.name,
        crop=shown.crop,
        pixels=shown.pixels,
        logits=logits,
        prediction=None if logits is None else predict(logits, engine.manifest.classes),
        values={probe.name: value},
    )


def _in_input(probe: Probe[Any], layout: Layout, shown: Prepared) -> Probe[Any]:
    """Give the probe with its pixel of the picture as one of the model's input."""
    if not isinstance(probe, Heads) or not probe.located:
        return probe
    token = probe.token(layout, shown.crop)
    if token is None:
        return probe
    row, column = divmod(token - layout.prefix, layout.grid[1])
    half = layout.patch_size // 2
    return replace(probe, query=(row * layout.patch_size + half, column * layout.patch_size + half))
