"""Run models on the visitors' pictures: each picture runs once through each model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.app._memory import Memory
from vitonnx.app._visit import Visit
from vitonnx.contract import GRADIENTS, LOGITS
from vitonnx.engine import Engine, best_classes, predict, stage_of
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.portable import kept_bytes
from vitonnx.probes import AddingProbe, PictureResult, Probe, SumProbe

__all__ = ["Answers", "reopen"]

Answer: TypeAlias = tuple[Any, Mapping[str, Any]]
"""A finding, and the arrays of the result."""
Outputs: TypeAlias = tuple[Layout, Mapping[str, Any]]
"""What a graph says of the layout, and its arrays."""

BEST = 5  # classes
GRAPHS = 4  # that are open beside the files as they are; each holds the weights once more
MOST_DRAWS, MOST_SECONDS, MOST_BYTES = 100, 60.0, 256 * MEGABYTE  # of a question


class Answers:
    """Asks models, and keeps what they gave for as long as there is room.

    A probe whose reads are kept is answered by NumPy. Where all attention of a picture exceeds the
    memory, and for gradients, the model runs for every question, with the probe in its graph.
    """

    def __init__(self, engines: Mapping[str, Engine], limits: Limits) -> None:
        self.engines = engines
        self.kept: Memory[Answer | Outputs] = Memory(limits.memory, _bytes_of)
        self._graphs: OrderedDict[object, Engine] = OrderedDict()
        # A model takes all cores: two at a time would both be half as fast.
        self._running = threading.Lock()
        for model, engine in engines.items():
            if self._keeps(model):  # the first visitor needn't wait for setup
                engine.run_pixels(engine.blank().pixels[None], engine.outputs)

    def look(self, visit: Visit, model: str) -> dict[str, Any]:
        """Run a model, and say what it sees, as JSON."""
        shown, logits = visit.shown[model], self._logits(visit, model)
        names = self.engines[model].manifest.classes
        best = [] if logits is None else best_classes(logits, names, BEST)
        classes = [
            {"index": each.index, "label": each.label, "share": each.probability} for each in best
        ]
        return {"crop": shown.crop, "inside": shown.inside, "classes": classes}

    def ask(self, visit: Visit, model: str, probe: Probe[Any], first: Visit) -> Answer:
        """Answer for a picture what was learned of the first, which may be the same.

        Raise a PictureError if the query is outside what the model sees, and a UsageError if the
        model lacks what the probe needs, or it would take too much.
        """
        question, engine = (visit.key, model, probe, first.key), self.engines[model]
        found: Any = self.kept.get(question)
        if found is None:
            _refuse_long(probe, engine.layout)
            # What is learned of a first picture alone, each tells of itself.
            while (stage := stage_of(engine, probe)) and not (stage.first_only and first is visit):
                probe = probe.learn(self._total(first, model, stage), engine.layout)
            if isinstance(probe, SumProbe):
                finding = probe.finding_of(self._total(visit, model, probe), engine.layout)
                found = finding, {probe.name: finding.values}  # type: ignore[union-attr]
            else:
                result = self._result(visit, model, probe)
                found = result.finding, result.arrays()
            self.kept.keep(question, found)
        answer: Answer = found
        return answer

    def _total(self, visit: Visit, model: str, probe: AddingProbe[Any, Any]) -> Any:
        """Give what a picture alone comes to."""
        engine = self.engines[model]
        if not isinstance(probe, SumProbe):
            return probe.summary([self._result(visit, model, probe)])
        if (needed := probe.bytes_of(engine.layout)) > MOST_BYTES:
            raise UsageError(
                f"{probe.name} takes {needed / MEGABYTE:,.0f} MB for {model}, more than the "
                f"{MOST_BYTES // MEGABYTE} MB that a question may take here: ask it on the command "
                "line."
            )
        layout, arrays = self._outputs(visit, model, engine.reads_of(probe))
        with self._running:
            return probe.total(probe.condense_on_host(arrays, layout, [None]), 1, layout)

    def _result(self, visit: Visit, model: str, probe: Probe[Any]) -> PictureResult:
        engine, shown = self.engines[model], visit.shown[model]
        reads = engine.reads_of(probe)  # raises where the model has no such thing
        token = shown.token(probe, engine.layout)  # and where it doesn't see it
        attention = any(name.endswith("/attention") for name in reads)
        if any(name.startswith(GRADIENTS) for name in reads) or (
            attention and not self._keeps(model)
        ):
            return self._run(visit, model, probe)
        layout, arrays = self._outputs(visit, model, (*reads, *probe.beside))
        (value,) = probe.compute(arrays, layout, [token])
        logits = self._logits(visit, model)
        known: PictureResult = replace(
            value,
            file=visit.name,
            crop=shown.crop,
            inside=shown.inside,
            logits=logits,
            prediction=None if logits is None else predict(logits, engine.manifest.classes),
            **{name: arrays[name][0] for name in probe.beside},
        )
        return known

    def _logits(self, visit: Visit, model: str) -> Any:
        has = LOGITS in self.engines[model].outputs
        return self._outputs(visit, model, (LOGITS,))[1][LOGITS][0] if has else None

    def _keeps(self, model: str) -> bool:
        """Tell whether all that a model gives for a picture fits the memory."""
        return kept_bytes(self.engines[model].layout) <= self.kept.limit

    def _outputs(self, visit: Visit, model: str, names: Sequence[str]) -> Outputs:
        """Give outputs for a picture, kept or computed: with any that the file has come all."""
        engine = self.engines[model]
        whole = self._keeps(model) and {*names} <= {*engine.outputs}
        names = engine.outputs if whole else tuple(names)
        found: Any = self.kept.get((visit.key, model, names))
        if found is None:
            with self._running:
                asked = engine if whole else self._graph(model, names)
                arrays, layout = asked.run_informed(visit.shown[model].pixels[None], names)
            found = layout, arrays
            self.kept.keep((visit.key, model, names), found)
        outputs: Outputs = found
        return outputs

    def _run(self, visit: Visit, model: str, probe: Probe[Any]) -> PictureResult:
        """Run a model with a probe in its graph."""
        with self._running:
            engine = self._graph(model, getattr(probe, "graph_form", probe))
            (found,) = engine.stream([visit.shown[model]], [probe])
        if found.error is not None:
            raise found.error
        named: PictureResult = replace(found.only, file=visit.name)
        return named

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


def _refuse_long(probe: Probe[Any], layout: Layout) -> None:
    """Refuse what a person should be told takes long before it begins."""
    if probe.draws > MOST_DRAWS:
        raise UsageError(
            f"{probe.draws} runs of a model are more than the {MOST_DRAWS} that a question may "
            "take here: ask for fewer, or on the command line."
        )
    if probe.most_seconds(layout) > MOST_SECONDS:
        raise UsageError(
            f"{probe.name} may take more than the {MOST_SECONDS:g} s of a question here, as "
            f"{probe.advice(layout)} Ask it on the command line."
        )


def _bytes_of(kept: tuple[Any, Mapping[str, Any]]) -> int:
    return sum(np.asarray(array).nbytes for array in kept[1].values())
