"""Run models on the visitors' pictures: each picture runs once through each model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.app._memory import Memory
from vitonnx.app._visit import Visit
from vitonnx.contract import LOGITS
from vitonnx.engine import Engine, Prepared, Result, predict
from vitonnx.manifest import Manifest
from vitonnx.probes import Fusion, Heads, Layout, Prediction, Probe, Rollout

__all__ = ["Answers", "kept_bytes"]

Outputs: TypeAlias = Mapping[str, NDArray[Any]]
"""What a model gave for a picture, with a batch of one."""

RESULTS = 1000
"""Answers that are kept besides: each is small, but took all blocks to find."""


class Answers:
    """Asks models, and keeps what they said for as long as there is room.

    Attention is cached in half precision, which the eye can't tell from single; saved numbers are
    computed again, exactly. If the attention of one picture exceeds the whole memory, the model
    runs for every request, with the probe in its graph.

    Parameters
    ----------
    engines : mapping of str to Engine
        Engines by the names that visitors choose from.
    memory : int
        Bytes that may be kept.
    reopen : callable
        Opens a model once more, by its name: a graph for one question of a large model is not kept.
    """

    def __init__(
        self, engines: Mapping[str, Engine], *, memory: int, reopen: Callable[[str], Engine]
    ) -> None:
        self.engines = engines
        self._outputs: Memory[Outputs] = Memory(memory, _size)
        self._results: Memory[Result] = Memory(RESULTS, lambda result: 1)
        self._reopen = reopen
        # A model takes all cores: two at a time would both be half as fast.
        self._running = threading.Lock()

    def warm(self) -> None:
        """Run every model once, so that the first visitor needn't wait for setup."""
        for name, engine in self.engines.items():
            if self.keeps(name):
                height, width = engine.manifest.size
                engine.run_pixels(np.zeros((1, height, width, 3), np.uint8), engine.outputs)

    def look(self, visit: Visit, model: str, probe: Probe[Any]) -> Result:
        """Answer for display, from the cache if the picture was asked about before.

        Raises
        ------
        PictureError
            If the probe's query is outside what the model sees.
        UsageError
            If the model doesn't have what the probe asks for.
        """
        question = (visit.key, model, probe)
        kept = self._results.get(question)
        if kept is not None:
            return kept
        if self.keeps(model):
            outputs = self._whole(visit, model)
            if isinstance(probe, Rollout):
                outputs = self._fused(visit, model, probe.fusion, outputs)
            result = _result(visit, model, self.engines[model], probe, outputs)
            if isinstance(probe, Heads):  # as many as there are patches, and quickly found again
                return result
        else:
            with self._running:
                result = self._ask_once(visit, model, probe)
        self._results.keep(question, result)
        return result

    def measure(self, visit: Visit, model: str, probe: Probe[Any]) -> Result:
        """Answer for a file: exactly what ``vitonnx probe`` says.

        Raises
        ------
        PictureError, UsageError
            As in `look`.
        """
        engine = self.engines[model]
        with self._running:
            if not self.keeps(model):
                return self._ask_once(visit, model, probe)
            outputs = engine.run_pixels(visit.shown[model].pixels[None], engine.outputs)
        return _result(visit, model, engine, probe, outputs)

    def forget(self, visit: Visit) -> None:
        """Drop a visitor's cached attention."""
        for memory in (self._outputs, self._results):
            memory.forget(visit.key)

    def keeps(self, model: str) -> bool:
        """Tell whether all attention of a picture fits the cache, so that answers are immediate."""
        return kept_bytes(self.engines[model].manifest) <= self._outputs.limit

    @property
    def held(self) -> int:
        """Bytes that are kept now."""
        return self._outputs.held

    def _whole(self, visit: Visit, model: str) -> Outputs:
        """Return a model's outputs for a picture, cached or newly computed."""
        question = (visit.key, model)
        outputs = self._outputs.get(question)
        if outputs is None:
            with self._running:
                outputs = self._outputs.get(question) or self._run(visit, model)
                self._outputs.keep(question, outputs)
        return outputs

    def _fused(self, visit: Visit, model: str, fusion: Fusion, outputs: Outputs) -> Outputs:
        """Fuse the heads of every block, which is all of them that a rollout reads."""
        question = (visit.key, model, fusion)
        fused = self._outputs.get(question)
        if fused is None:
            fuse = getattr(np, fusion)
            fused = {
                name: fuse(output.astype(np.float32), axis=1, keepdims=True).astype(np.float16)
                if name.endswith("/attention")
                else output
                for name, output in outputs.items()
            }
            self._outputs.keep(question, fused)
        return fused

    def _run(self, visit: Visit, model: str) -> Outputs:
        engine = self.engines[model]
        outputs = engine.run_pixels(visit.shown[model].pixels[None], engine.outputs)
        return {
            name: output.astype(np.float16) if name.endswith("/attention") else output
            for name, output in outputs.items()
            if not name.endswith("/tokens")  # no probe reads them
        }

    def _ask_once(self, visit: Visit, model: str, probe: Probe[Any]) -> Result:
        """Ask an engine opened for this request only."""
        engine, shown = self._reopen(model), visit.shown[model]
        local = _in_input(probe, engine.layout, shown)
        (value,) = engine.probe_pixels(shown.pixels[None], local)
        if isinstance(probe, Heads) and isinstance(probe.query, tuple):
            value = replace(value, query=f"{probe.query[0]},{probe.query[1]}")
        return _wrapped(visit, shown, probe, value, value.logits, value.prediction)


def kept_bytes(manifest: Manifest) -> int:
    """Return the cached bytes of one picture: two per weight, and a small overhead.

    The weights are those of all heads, and of their fusion.

    Examples
    --------
    >>> from vitonnx.demo import demo_models
    >>> kept_bytes(Engine(demo_models()["scenes_vit"]).manifest)
    71872
    """
    return 21 * manifest.blocks * (manifest.heads + 1) * manifest.tokens**2 // 10


def _size(outputs: Outputs) -> int:
    return sum(output.nbytes for output in outputs.values())


def _result(
    visit: Visit, model: str, engine: Engine, probe: Probe[Any], outputs: Outputs
) -> Result:
    """Make a probe's result of a model's outputs, as the engine does."""
    shown, layout = visit.shown[model], engine.layout
    # It says what the model lacks, which `token` takes to be there.
    reads = probe.reads(layout)
    query = shown.token(probe, layout)
    read = {name: outputs[name].astype(np.float32, copy=False) for name in reads}
    (value,) = probe.compute(read, layout, [query])
    logits = outputs[LOGITS][0] if LOGITS in outputs else None
    prediction = None if logits is None else predict(logits, engine.manifest.classes)
    return _wrapped(visit, shown, probe, value, logits, prediction)


def _wrapped(
    visit: Visit,
    shown: Prepared,
    probe: Probe[Any],
    value: Any,
    logits: Any,
    prediction: Prediction | None,
) -> Result:
    """Say of a result which picture it is of."""
    known = {
        "file": visit.name,
        "crop": shown.crop,
        "inside": shown.inside,
        "pixels": shown.covered,
        "logits": logits,
        "prediction": prediction,
    }
    return Result(**known, values={probe.name: replace(value, **known)})


def _in_input(probe: Probe[Any], layout: Layout, shown: Prepared) -> Probe[Any]:
    """Return the probe with its pixel of the picture turned into one of the model's input."""
    if not isinstance(probe, Heads) or not probe.located:
        return probe
    patch = layout.patch(shown.token(probe, layout))
    if patch is None:
        return probe
    row, column = patch
    half = layout.patch_size // 2
    return replace(probe, query=(row * layout.patch_size + half, column * layout.patch_size + half))
