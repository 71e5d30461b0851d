"""The maps of pictures, a batch at a time, whatever probe gives them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.dataset import Dataset, Sample
from vitonnx.engine import Engine, Prepared
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.evaluate._baselines import BASELINES
from vitonnx.probes import Maps, Probe, load_probes

__all__ = ["Look", "as_maps", "fitted_maps", "look", "maps_of"]

Named: TypeAlias = Mapping[str, Probe[Any]]
"""Probes that give maps, by the names that a table calls them."""


def as_maps(maps: Named | Probe[Any] | Sequence[Probe[Any]]) -> dict[str, Probe[Any]]:
    """Give probes by name, each of which gives maps.

    Raises
    ------
    UsageError
        If there is none, one gives something else, or has a name that is taken.
    """
    if isinstance(maps, Mapping):
        named = dict(maps)
    else:
        given: list[Any] = list(maps) if isinstance(maps, Iterable) else [maps]
        named = {getattr(probe, "name", str(probe)): probe for probe in given}
        if len(named) < len(given):
            raise UsageError(
                "several maps are of the same kind of probe: give a dict, with a name for each."
            )
    if not named:
        raise UsageError("no map to evaluate: give at least one, such as vitonnx.Rollout().")
    for name, probe in named.items():
        if name in BASELINES:
            raise UsageError(f"the map {name} always stands beside the others: leave it out.")
        if not isinstance(probe, Probe) or probe.gives is not Maps:
            known = load_probes().classes.values()
            others = [each.name for each in known if each.gives is Maps]
            raise UsageError(
                f"{name} gives no map of a picture that could be evaluated: use "
                f"{', '.join(others)}."
            )
    return named


def fitted_maps(engine: Engine, pictures: Dataset, maps: Named) -> dict[str, Probe[Any]]:
    """Fit the probes that must know the pictures, or the first one, before they answer."""
    return {
        name: engine.fitted(pictures, probe) if probe.fit_stage(engine.layout) else probe
        for name, probe in maps.items()
    }


@dataclass(frozen=True, eq=False)
class Look:
    """A picture and its maps.

    Parameters
    ----------
    number : int
        The picture's place among all.
    source : Sample
        As it was given.
    picture : Prepared or None
        As the model sees it; None if it can't be used.
    maps : list of float64 (rows, columns)
        In the order of the probes.
    error : VitonnxError or None
        Why it can't be used.
    """

    number: int
    source: Sample
    picture: Prepared | None
    maps: list[NDArray[np.float64]]
    error: VitonnxError | None = None

    @property
    def name(self) -> str:
        """The picture's path, or its number."""
        return self.source.name


def look(
    engine: Engine, samples: Iterable[Sample], maps: Named, first: int
) -> Iterator[list[Look]]:
    """Read pictures and find their maps, a batch at a time.

    Neighbours in a batch change the last bits of a map, so the first of them must begin one.

    Parameters
    ----------
    engine : Engine
    samples : iterable of Sample
    maps : mapping of str to Probe
        Fitted.
    first : int
        The place of the first of them among all pictures.
    """
    numbered = enumerate(samples, first)
    while batch := list(itertools.islice(numbered, engine.batch_size)):
        read = [_read(engine, number, sample) for number, sample in batch]
        good = [each for each in read if each.picture is not None]
        looks = iter(maps_of(engine, good, maps))
        yield [each if each.picture is None else next(looks) for each in read]


def _read(engine: Engine, number: int, source: Sample) -> Look:
    try:
        return Look(number, source, engine.prepare(source.picture), [])
    except UsageError:
        raise
    except VitonnxError as error:
        return Look(number, source, None, [], error)


def maps_of(engine: Engine, looks: Sequence[Look], maps: Named) -> list[Look]:
    """Find the maps of pictures that are read; one whose map can't be found has an error."""
    if not looks:
        return []
    columns = [
        list(engine.stream(iter([each.picture for each in looks if each.picture]), [probe]))
        for probe in maps.values()
    ]
    return [
        _with_maps(each, row) for each, row in zip(looks, zip(*columns, strict=True), strict=True)
    ]


def _with_maps(look: Look, results: Sequence[Any]) -> Look:
    found = []
    for result in results:
        if result.error is not None:
            error: VitonnxError = type(result.error)(
                str(result.error).replace(result.file, look.name)
            )
            return Look(look.number, look.source, None, [], error)
        # Of several, such as heads, the mean.
        values = np.asarray(result.finding.values, np.float64).mean(axis=0)
        if not np.isfinite(values).all():
            error = PictureError(f"{look.name}: a map of it holds what is no number.")
            return Look(look.number, look.source, None, [], error)
        found.append(values)
    return Look(look.number, look.source, look.picture, found)
