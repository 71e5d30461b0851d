"""What a device is asked: probes by their labels, several of which share a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vitonnx as vx
from vitonnx.engine import prepare
from vitonnx.media import open_picture

Probes = dict[str, Any]
Arrays = dict[str, NDArray[Any]]
# The array of a probe's result that is compared, where it isn't called as the probe.
ARRAYS = {"heads": "attention", "lens": "probability"}


def probe_sets(blocks: int, *, head: bool) -> list[Probes]:
    """Give what is asked: each set is one graph. Those of classes need a `head`."""
    middle = blocks // 2
    pixel, mean = (vx.Heads(block=middle, query=query) for query in ((200, 300), "mean"))
    renormalised = vx.Distance(renormalize=True)
    sets: list[Probes] = [
        {"heads, last block": vx.Heads(), "rollout": vx.Rollout(), "distance": vx.Distance()},
        {"heads, first block": vx.Heads(block=0), "rollout, max": vx.Rollout(fusion="max")},
        {f"heads, block {middle}, a pixel": pixel, "rollout, discard 0.5": vx.Rollout(discard=0.5)},
        {f"heads, block {middle}, mean": mean, "distance, renormalised": renormalised},
        {"norms": vx.Norms(), "similarity": vx.Similarity()},
    ]
    classes: list[Probes] = [{"lens": vx.Lens(class_=1)}, {"attribution": vx.Attribution(target=1)}]
    return sets + (classes if head else [])


def sets_of(engine: vx.Engine) -> list[Probes]:
    return probe_sets(engine.layout.blocks, head="logits" in engine.outputs)


def probed(engine: vx.Engine, files: Sequence[Path], probes: Probes) -> Arrays:
    """Ask an engine, from files on; raise what a picture raises."""
    results = list(engine.stream(files, list(probes.values())))
    for result in results:
        if result.error is not None:
            raise result.error
    return {
        label: stacked((result[probe.name] for result in results), probe)
        for label, probe in probes.items()
    }


def probed_pixels(engine: vx.Engine, pixels: Any, probe: Any) -> NDArray[Any]:
    """Ask an engine about pixels that are ready."""
    return stacked(engine.probe_pixels(pixels, probe), probe)


def stacked(results: Iterable[Any], probe: Any) -> NDArray[Any]:
    name = ARRAYS.get(probe.name, probe.name)
    return np.stack([np.asarray(getattr(result, name)) for result in results])


def expectation(file: Path, size: tuple[int, int] | None, files: Sequence[Path]) -> Arrays:
    """Give what the CPU says in single precision, its attention probed by NumPy.

    No plan is in it, and no kernel of an accelerator. The pixels and the crops are there, too.
    """
    engine = vx.Engine(file, device="cpu", precision="fp32", size=size, in_graph=False)
    known: Arrays = {}
    for probes in sets_of(engine):
        known |= probed(engine, files, probes)
    recipe = engine.manifest.preprocessing
    prepared = [prepare(open_picture(each), recipe) for each in files]
    known["pixels"] = np.stack([each.pixels for each in prepared])
    known["crops"] = np.stack([each.crop for each in prepared])
    return known
