"""Run models on the visitors' pictures: each picture runs once through each model."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.app._memory import Memory
from vitonnx.app._slow import compute_apart
from vitonnx.app._visit import Visit
from vitonnx.contract import GRADIENTS, LOGITS
from vitonnx.engine import Engine, best_classes, predict, stage_of
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.manifest import Manifest
from vitonnx.probes import (
    AddingProbe,
    Finding,
    GraphProbe,
    PictureResult,
    Probe,
    SumProbe,
    WeightProbe,
)

__all__ = ["Answers", "kept_bytes", "reopen"]

Answer: TypeAlias = tuple[Finding, Mapping[str, Any]]

BEST = 5  # classes
RESULTS = 32 * MEGABYTE  # of answers: each is small, but may have taken a while to find
GRAPHS = 4  # that are open beside the files as they are; each holds the weights once more
MOST_SECONDS = 60.0
BACK = 3  # times as long as a run takes a gradient of it


class Answers:
    """Asks models, and keeps what they gave for as long as there is room.

    A probe whose reads are kept is answered by NumPy. Where all attention of a picture exceeds the
    memory, and for gradients, the model runs for every question, with the probe in its graph.
    """

    def __init__(self, engines: Mapping[str, Engine], limits: Limits) -> None:
        self.engines, self._limits = engines, limits
        self._outputs: Memory[NDArray[Any]] = Memory(limits.memory, lambda array: array.nbytes)
        self._results: Memory[Answer] = Memory(RESULTS, _answer_bytes)
        self._graphs: OrderedDict[object, Engine] = OrderedDict()
        self._layouts: dict[tuple[str, tuple[str, ...]], Layout] = {}
        self._seconds: dict[str, float] = {}
        # A model takes all cores: two at a time would both be half as fast.
        self._running = threading.Lock()

    def warm(self) -> None:
        """Run every model once, so that the first visitor needn't wait for setup."""
        for model, engine in self.engines.items():
            if self._keeps(model):
                for _ in range(2):  # the first is slower
                    begun = time.monotonic()
                    engine.run_pixels(engine.blank().pixels[None], engine.outputs)
                    self._seconds[model] = time.monotonic() - begun

    def look(self, visit: Visit) -> dict[str, Any]:
        """Run the visit's models, and say what they see, as JSON."""
        return {model: self._look(visit, model) for model in visit.shown}

    def ask(self, visit: Visit, model: str, probe: Probe[Any], first: Visit) -> Answer:
        """Answer for a picture what was learned of the first, which may be the same.

        Raises
        ------
        PictureError
            If the probe's query is outside what the model sees.
        UsageError
            If the model doesn't have what the probe asks for, or it would take too long.
        """
        question = (visit.key, model, probe, first.key)
        found = self._results.get(question)
        if found is None:
            probe = self._fitted(first, model, probe)
            if isinstance(probe, SumProbe):
                total = self._total(visit, model, probe)
                finding = probe.finding_of(total, self.engines[model].layout)
                found = finding, {probe.name: finding.values}  # type: ignore[union-attr]
            else:
                result = self._result(visit, model, probe)
                found = result.finding, result.arrays()
            self._results.keep(question, found)
        return found

    def ask_weights(self, engine: Engine, probe: WeightProbe[Any]) -> Answer:
        """Answer of a model's weights."""
        found = engine.probe_weights(probe)
        return found.finding, found.arrays()

    def forget(self, key: str) -> None:
        """Drop all that is kept of a picture."""
        for memory in (self._outputs, self._results):
            memory.forget(key)

    def tidy(self, now: float) -> None:
        """Drop what is older than an hour."""
        for memory in (self._outputs, self._results):
            memory.tidy(now)

    def _look(self, visit: Visit, model: str) -> dict[str, Any]:
        engine, shown = self.engines[model], visit.shown[model]
        best = []
        if LOGITS in engine.outputs:
            arrays, _ = self._read(visit, model, (LOGITS,))
            best = best_classes(arrays[LOGITS][0], engine.manifest.classes, BEST)
        return {
            "crop": list(shown.crop),
            "inside": list(shown.inside),
            "classes": [
                {"index": each.index, "label": each.label, "share": each.probability}
                for each in best
            ],
        }

    def _fitted(self, first: Visit, model: str, probe: Probe[Any]) -> Probe[Any]:
        """Teach a probe what it must know of the first picture."""
        engine = self.engines[model]
        while (stage := stage_of(engine, probe)) is not None:
            probe = probe.learn(self._total(first, model, stage), engine.layout)
        return probe

    def _total(self, visit: Visit, model: str, probe: AddingProbe[Any, Any]) -> Any:
        engine = self.engines[model]
        if not isinstance(probe, SumProbe):
            return probe.summary([self._result(visit, model, probe)])
        if (needed := probe.bytes_of(engine.layout)) > self._limits.memory:
            raise UsageError(
                f"{probe.name} takes {needed / MEGABYTE:,.0f} MB for {model}, more than this page "
                "may use (--memory): ask it on the command line."
            )
        arrays, layout = self._read(visit, model, engine.reads_of(probe))
        return probe.total(probe.condense_on_host(arrays, layout, [None]), 1, layout)

    def _result(self, visit: Visit, model: str, probe: Probe[Any]) -> PictureResult:
        engine, shown = self.engines[model], visit.shown[model]
        reads = engine.reads_of(probe)
        # Before the model runs: the query may lie outside of what it sees.
        token = shown.token(probe, engine.layout)
        if self._may_keep(model, reads):
            arrays, layout = self._read(visit, model, (*reads, *probe.beside))
            # A person should be told before it begins that this one takes a while.
            if isinstance(probe, GraphProbe) or probe.advice(layout) is None:
                (value,) = probe.compute(arrays, layout, [token])
            else:
                value = compute_apart(probe, arrays, layout, token, MOST_SECONDS)
            beside = {name: arrays[name][0] for name in probe.beside}
        else:
            self._refuse_long(model, probe)
            beside = {}
            with self._running:
                graph = self._graph(model, getattr(probe, "graph_form", probe))
                (found,) = graph.stream([shown], [probe])
            if found.error is not None:
                raise found.error
            value = found.only
        logits = value.logits
        if logits is None and LOGITS in engine.outputs:
            logits = self._read(visit, model, (LOGITS,))[0][LOGITS][0]
        known: PictureResult = replace(
            value,
            model=engine.manifest.name,
            untrained=engine.manifest.untrained,
            file=visit.name,
            crop=shown.crop,
            inside=shown.inside,
            pixels=shown.covered,
            logits=logits,
            prediction=None if logits is None else predict(logits, engine.manifest.classes),
            **beside,
        )
        return known

    def _refuse_long(self, model: str, probe: Probe[Any]) -> None:
        needed = BACK * probe.draws * self._seconds.get(model, 0.0)
        if needed > MOST_SECONDS:
            raise UsageError(
                f"{probe.draws} runs of {model} would take {needed:.0f} s, more than the "
                f"{MOST_SECONDS:.0f} s that a question may take here: ask for fewer, or on the "
                "command line."
            )

    def _keeps(self, model: str) -> bool:
        """Tell whether all that a model gives for a picture fits the memory."""
        return kept_bytes(self.engines[model].manifest) <= self._outputs.limit

    def _may_keep(self, model: str, reads: Sequence[str]) -> bool:
        if any(name.startswith(GRADIENTS) for name in reads):
            return False  # these are of one question
        return self._keeps(model) or not any(name.endswith("/attention") for name in reads)

    def _read(
        self, visit: Visit, model: str, names: Sequence[str]
    ) -> tuple[dict[str, NDArray[Any]], Layout]:
        """Give outputs for a picture, kept or computed, and what the graph says of the layout."""
        engine, question = self.engines[model], (model, tuple(names))
        whole = self._keeps(model) and set(names) <= set(engine.outputs)
        layout = engine.layout if whole else self._layouts.get(question)
        kept: dict[str, Any] = {name: self._outputs.get((visit.key, model, name)) for name in names}
        if layout is None or any(array is None for array in kept.values()):
            pixels = visit.shown[model].pixels[None]
            with self._running:
                if whole:
                    kept, layout = engine.run_informed(pixels, engine.outputs)
                else:
                    kept, layout = self._graph(*question).run_informed(pixels, names)
                    self._layouts[question] = layout
            for name, array in kept.items():
                self._outputs.keep((visit.key, model, name), array)
        return {name: kept[name] for name in names}, layout

    def _graph(self, model: str, question: object) -> Engine:
        """Open a model for one question, or find it open."""
        engine = self._graphs.pop((model, question), None) or reopen(self.engines[model])
        self._graphs[model, question] = engine
        if len(self._graphs) > GRAPHS:
            self._graphs.popitem(last=False)[1].close()
        return engine


def reopen(engine: Engine) -> Engine:
    """Open the same file in the same way, at one size for all pictures, and with no session yet."""
    return Engine(engine.file, **{**engine.options, "size": engine.manifest.size, "in_graph": True})


def kept_bytes(manifest: Manifest) -> int:
    """Return the bytes that are kept of a picture: attention and tokens, and a small overhead.

    Examples
    --------
    >>> from vitonnx.demo import demo_models
    >>> kept_bytes(Engine(demo_models()["scenes_vit"]).manifest)
    1
    """
    numbers = manifest.heads * manifest.tokens**2 + manifest.tokens * manifest.dim
    return 42 * manifest.blocks * numbers // 10


def _answer_bytes(answer: Answer) -> int:
    return 1000 + sum(int(array.nbytes) for array in answer[1].values())
