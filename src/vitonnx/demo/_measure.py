"""Measure how fast this machine's devices are in each precision, and what that costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitonnx.data.scenes import draw_scene
from vitonnx.demo._demo_models import SUPERVISED, demo_models
from vitonnx.demo._untrained_vit import UNTRAINED, write_vit
from vitonnx.engine import RANK_LIMIT, Engine, offered_precisions, rank_correlation
from vitonnx.errors import VitonnxError
from vitonnx.media import temporary_folder
from vitonnx.probes import Heads

__all__ = ["EXACT", "Way", "Worth", "best_way", "measure_ways", "ways_of"]

PICTURES: Final = 8  # a batch
SIZE: Final = (256, 256)
ROUNDS: Final = 3
CLEARLY: Final = 1.2  # times as fast: two medians of three may differ by a tenth by chance
PATIENCE: Final = 4  # what takes so many times as long as the fastest is timed once


@dataclass(frozen=True)
class Way:
    """A device, and the precision it computes in.

    Examples
    --------
    >>> print(Way("openvino:gpu", "fp16"))
    --device openvino:gpu --precision fp16
    """

    device: str
    precision: str

    def __str__(self) -> str:
        return f"--device {self.device} --precision {self.precision}"


EXACT: Final = Way("cpu", "fp32")
"""What all others are compared with."""


@dataclass(frozen=True)
class Worth:
    """How fast a way is, and what it costs.

    Parameters
    ----------
    seconds : float
        Median of what a picture takes, with heads in the graph.
    error : float
        Largest error of the last block's attention, of its largest value.
    correlation : float
        Rank correlation of the maps with those of `EXACT`, mean over heads and pictures.
    """

    seconds: float
    error: float
    correlation: float


Found = Mapping[Way, Worth | VitonnxError]


def ways_of(devices: Iterable[str]) -> list[Way]:
    """List what can be measured on devices that work, the exact one first.

    Examples
    --------
    >>> [way.precision for way in ways_of(["cpu"])]
    ['fp32', 'fp16', 'int8']
    """
    ways = [
        Way(device, precision)
        for device in devices
        for precision in offered_precisions(device)
        # Off the CPU, int8 is for files that were calibrated.
        if precision != "int8" or device == EXACT.device
    ]
    return [EXACT, *(way for way in ways if way != EXACT)]


def measure_ways(
    ways: Sequence[Way], progress: Callable[[str], None] = lambda step: None
) -> dict[str, Found]:
    """Time heads in every way, on a small model and on a ViT-S/16.

    Parameters
    ----------
    ways : sequence of Way
        `EXACT` is among them.
    progress : callable, optional
        Takes what is being done now.

    Returns
    -------
    dict of str to mapping
        By model, what was found of every way: the fastest first, and behind them those that the
        device refuses, with the reason.

    Raises
    ------
    VitonnxError
        If the CPU itself fails.
    """
    with temporary_folder() as folder:
        write_vit(large := folder / "vit_s16.onnx")
        files = {SUPERVISED: demo_models()[SUPERVISED], UNTRAINED: large}
        return {name: _measure(name, file, ways, progress) for name, file in files.items()}


def best_way(found: Mapping[str, Found]) -> Way:
    """Give the way that is fastest at the ViT-S/16, of those that change no model's maps too much.

    Fewer bits must be worth it: they are taken only if they are clearly faster than all of fp32.

    Parameters
    ----------
    found : mapping
        As `measure_ways` gives it.
    """
    seconds = {
        way: worth.seconds
        for way, worth in found[UNTRAINED].items()
        if isinstance(worth, Worth) and all(_keeps_maps(each[way]) for each in found.values())
    }
    exact = min(some for way, some in seconds.items() if way.precision == EXACT.precision)
    worthy = (
        way
        for way, some in seconds.items()
        if way.precision == EXACT.precision or some * CLEARLY <= exact
    )
    return min(worthy, key=lambda way: seconds[way])


def _keeps_maps(worth: Worth | VitonnxError) -> bool:
    return isinstance(worth, Worth) and worth.correlation >= RANK_LIMIT


@dataclass(frozen=True)
class _Look:
    """What an engine gave for all pictures, and the seconds that it took."""

    attention: NDArray[np.float32]  # (pictures, heads, rows, columns)
    seconds: float


@dataclass
class _Looker:
    """An engine, and pictures that are ready for it."""

    engine: Engine

    def __post_init__(self) -> None:
        self.pictures = [self.engine.prepare(picture) for picture in _scenes()]

    def look(self) -> _Look:
        """Probe all pictures once."""
        start = time.perf_counter()
        results = list(self.engine.stream(self.pictures, [Heads()]))
        seconds = time.perf_counter() - start
        for result in results:
            if result.error is not None:
                raise result.error
        maps = [np.asarray(result["heads"].attention) for result in results]
        return _Look(np.stack(maps), seconds)


def _measure(name: str, file: Path, ways: Sequence[Way], progress: Callable[[str], None]) -> Found:
    """Look at pictures in every way, and compare what is seen."""
    lookers: dict[Way, _Looker] = {}
    firsts: dict[Way, _Look] = {}
    refused: dict[Way, VitonnxError] = {}
    with ExitStack() as opened:
        for way in ways:
            progress(f"{name} on {way.device} in {way.precision}")
            try:
                engine = Engine(file, device=way.device, precision=way.precision, in_graph=True)
                looker = _Looker(opened.enter_context(engine))
                # Plans are made and proved, and memory is found: no time to measure.
                firsts[way] = looker.look()
                lookers[way] = looker
            except VitonnxError as error:
                if way == EXACT:
                    raise
                refused[way] = error
        progress(f"{name}, in turns")
        seconds = _in_turns(lookers)
    exact = firsts[EXACT]
    fastest_first = sorted(seconds, key=lambda way: seconds[way])
    found = {way: _worth(seconds[way], firsts[way], exact) for way in fastest_first}
    return {**found, **refused}


def _in_turns(lookers: Mapping[Way, _Looker]) -> dict[Way, float]:
    """Give the median seconds of a look in every way.

    Each round begins with another one, so that whatever else the machine does falls on all alike.
    """
    seconds = {way: [looker.look().seconds] for way, looker in lookers.items()}
    fastest = min(seconds.values())
    quick = [way for way, (first,) in seconds.items() if first <= PATIENCE * fastest[0]]
    for number in range(1, ROUNDS):
        first = number % len(quick)
        for way in (*quick[first:], *quick[:first]):
            seconds[way].append(lookers[way].look().seconds)
    return {way: statistics.median(some) for way, some in seconds.items()}


def _worth(seconds: float, look: _Look, exact: _Look) -> Worth:
    maps, exact_maps = (
        each.attention.reshape(-1, *each.attention.shape[2:]) for each in (look, exact)
    )
    return Worth(
        seconds=seconds / PICTURES,
        error=float(np.abs(look.attention - exact.attention).max() / exact.attention.max()),
        correlation=float(np.mean(list(map(rank_correlation, maps, exact_maps)))),
    )


@cache
def _scenes() -> list[NDArray[np.uint8]]:
    return [draw_scene(seed, size=SIZE).picture for seed in range(PICTURES)]
