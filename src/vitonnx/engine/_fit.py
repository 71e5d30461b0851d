"""What a probe must know of pictures before it can answer: found in as many passes as it takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vitonnx.dataset import open_dataset
from vitonnx.errors import PictureError, UsageError
from vitonnx.layout import Layout
from vitonnx.media import load_arrays
from vitonnx.probes import AddingProbe, Probe, answering

if TYPE_CHECKING:
    from vitonnx.engine._engine import Engine

__all__ = [
    "begin",
    "can_bake",
    "first_asked",
    "fit",
    "is_kept_in_file",
    "needs_all",
    "stage_of",
    "stages_of",
    "total_of",
]

Asked = TypeVar("Asked", bound=Probe[Any])


def fit(
    engine: Engine,
    images: Iterable[Any] | None,
    probe: Asked,
    ask: Callable[[AddingProbe[Any, Any]], Any] | None = None,
) -> Asked:
    """Fit a probe on its own source, or else on pictures, once for every stage that it has.

    Whoever has the pictures in another form gives `ask` instead: from a stage to its total.
    """
    if probe.fit_source is not None:
        if is_kept_in_file(probe):
            return probe.recall(load_arrays(probe.fit_source, probe.learns), engine.layout)
        images, ask = open_dataset([probe.fit_source]).fetched(), None
    ask = ask or _asking(engine, images, probe.name)
    while (stage := stage_of(engine, probe)) is not None:
        total = ask(stage)
        if not total.count:
            raise UsageError(f"no picture to fit {probe.name} on: give at least one.")
        with answering(probe):
            probe = probe.learn(total, engine.layout)
    return probe


def _asking(
    engine: Engine, images: Iterable[Any] | None, name: str
) -> Callable[[AddingProbe[Any, Any]], Any]:
    """Give the function that puts a stage to pictures; an iterator gives them once."""
    used_up = False

    def ask(stage: AddingProbe[Any, Any]) -> Any:
        nonlocal used_up
        if images is None:
            raise UsageError(
                f"{name} must be fitted first: say on which pictures (for pca: --basis), or use "
                "engine.fitted(pictures, probe)."
            )
        if used_up:
            raise UsageError(
                f"{name} reads the pictures several times to be fitted, and an iterator gives them "
                "once: give a list."
            )
        used_up = isinstance(images, Iterator)
        return total_of(engine, itertools.islice(images, 1) if stage.first_only else images, stage)

    return ask


def is_kept_in_file(probe: Probe[Any]) -> bool:
    """Tell whether a file holds what the probe must know."""
    return probe.fit_source is not None and Path(probe.fit_source).suffix.lower() == ".npz"


def needs_all(engine: Engine, probe: Probe[Any]) -> bool:
    """Tell whether all pictures must be seen before the probe can answer for one."""
    if probe.fit_source is not None:
        return False
    stage = stage_of(engine, probe)
    return stage is not None and not stage.first_only


def first_asked(engine: Engine, probe: Probe[Any]) -> Probe[Any]:
    """Give what all pictures are asked first: the probe, or the stage before it."""
    if is_kept_in_file(probe):
        return fit(engine, None, probe)
    stage = stage_of(engine, probe)
    return probe if stage is None or stage.first_only else stage


def can_bake(engine: Engine, probe: Probe[Any]) -> bool:
    """Tell whether a graph can answer: what `Norms` learns, for one, concerns figures alone."""
    stage = stage_of(engine, probe)
    first = stage is not None and stage.first_only and probe.fit_source is None
    return stage is None or first or stage is probe


def stages_of(probe: Probe[Any], layout: Layout) -> list[AddingProbe[Any, Any]]:
    """List what all pictures are asked: a probe with totals, or else the stages of its fit."""
    return [probe] if isinstance(probe, AddingProbe) else list(probe.fit_stages(layout))


def total_of(engine: Engine, images: Iterable[Any], probe: AddingProbe[Any, Any]) -> Any:
    """Give the total of a probe over pictures, of which none is bad."""
    stream = engine.stream(images, [probe])
    for result in stream:
        if result.error is not None:
            raise result.error
    return stream.summary[probe.name]


def begin(
    engine: Engine, images: Iterable[Any], probes: Sequence[Probe[Any]]
) -> tuple[Iterable[Any], tuple[Probe[Any], ...]]:
    """Make probes ready for a stream: fitted on their source or on the first picture.

    One that needs all pictures has its stage asked instead. Of a single picture, one that needs the
    first can answer as it is.
    """
    alone = isinstance(images, Sequence) and len(images) == 1
    ready, first = [], None
    for probe in probes:
        stage = stage_of(engine, probe)
        if stage is not None and probe.fit_source is not None:
            ready.append(fit(engine, None, probe))
        elif stage is None or (stage.first_only and alone):
            ready.append(probe)
        elif not stage.first_only:
            ready.append(stage)
        else:
            if first is None:
                images = iter(images)
                first = list(itertools.islice(images, 1))
                images = itertools.chain(first, images)
            ready.append(_fit_on_first(engine, first, probe) if first else probe)
    return images, tuple(ready)


def _fit_on_first(engine: Engine, first: list[Any], probe: Asked) -> Asked:
    try:
        return fit(engine, first, probe)
    except PictureError as error:
        raise PictureError(
            f"the query of {probe.name} lies in the first picture, which can't be used: {error}"
        ) from error


def stage_of(engine: Engine, probe: Probe[Any]) -> AddingProbe[Any, Any] | None:
    """Give what all pictures are asked next, so that a probe is fitted; None where it is."""
    with answering(probe):
        return probe.fit_stage(engine.layout)
