"""What is counted over a dataset: in passes that can be stopped, resumed, divided and merged."""

from __future__ import annotations

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vitonnx.dataset import Dataset
from vitonnx.engine import (
    Engine,
    Pass,
    StateFile,
    Survey,
    run_settings,
    stage_of,
    stages_of,
    survey,
    survey_pair,
)
from vitonnx.probes import AddingProbe, PairProbe, Probe, answering

__all__ = ["FitRun", "PairRun", "Run", "TotalRun"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Run(ABC):
    """Passes over a dataset, each of which leaves a `Survey`.

    Parameters
    ----------
    engines : mapping of str to Engine
        By the models' names.
    dataset : Dataset
        All of it, or the part that is this run's.
    """

    engines: Mapping[str, Engine]
    dataset: Dataset

    @abstractmethod
    def passes(self) -> list[Pass]:
        """List the passes, in their order."""

    @abstractmethod
    def settings(self) -> dict[str, str | int]:
        """Describe the run so closely that one of the same description gives the same bits."""

    @abstractmethod
    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Go through the pictures, from where the surveys are, which are updated in place.

        Yields
        ------
        Survey
            The one at hand, after every batch.
        """

    def one_by_one(self, surveys: Sequence[Survey]) -> Iterator[tuple[Run, Survey]]:
        """Give a run of its own for each pass, and its survey: the next once the last is through.

        Whoever counts the shards of such a run apart, and adds them to its survey in their order,
        comes to what `go` comes to, to the last bit.
        """
        (found,) = surveys
        yield self, found

    def begin(self) -> list[Survey]:
        """Give the surveys of a run that begins."""
        nothing = [each.probe.nothing(each.layout) for each in self.passes()]
        return [Survey(own=each, before=each) for each in nothing]

    def state(self, path: Path) -> StateFile:
        """Give the file that the run is resumed from."""
        return StateFile(path, self.settings(), self.dataset, self.passes())

    @property
    def whole(self) -> str | None:
        """Why it must go through all pictures in one piece; None where it need not."""
        return None


@dataclass(frozen=True, eq=False, kw_only=True)
class TotalRun(Run):
    """The totals of a probe, of one model after the other.

    Parameters
    ----------
    probe : AddingProbe
        One with totals.
    strict : bool
        Whether the first bad picture is an error; else it is skipped.
    """

    probe: AddingProbe[Any, Any]
    strict: bool = False

    def passes(self) -> list[Pass]:
        """List one pass a model."""
        return [_pass_of(self.probe, engine) for engine in self.engines.values()]

    def settings(self) -> dict[str, str | int]:
        """Describe the run."""
        return run_settings(list(self.engines.values()), self.dataset, self.probe)

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Ask one model after the other."""
        return itertools.chain.from_iterable(
            survey(engine, self.dataset, self.probe, found, strict=self.strict)
            for engine, found in zip(self.engines.values(), surveys, strict=True)
        )

    def one_by_one(self, surveys: Sequence[Survey]) -> Iterator[tuple[Run, Survey]]:
        """Give a run a model."""
        for (name, engine), found in zip(self.engines.items(), surveys, strict=True):
            yield replace(self, engines={name: engine}), found


@dataclass(frozen=True, eq=False, kw_only=True)
class PairRun(Run):
    """What two models find in the same pictures, of which they are asked together.

    Parameters
    ----------
    probe : AddingProbe
        The probe.
    pair : PairProbe
        Its question to both.
    strict : bool
        As in `TotalRun`.
    """

    probe: AddingProbe[Any, Any]
    pair: PairProbe[Any]
    strict: bool = False

    def passes(self) -> list[Pass]:
        """List the only pass."""
        engines = list(self.engines.values())
        return [Pass(self.pair, engines[0].layout, min(each.batch_size for each in engines))]

    def settings(self) -> dict[str, str | int]:
        """Describe the run."""
        return run_settings(list(self.engines.values()), self.dataset, self.probe)

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Ask both."""
        one, other = self.engines.values()
        (found,) = surveys
        return survey_pair((one, other), self.dataset, self.pair, found, strict=self.strict)


@dataclass(frozen=True, eq=False, kw_only=True)
class FitRun(Run):
    """What a probe must know of all pictures before it can answer for one, model after model.

    Parameters
    ----------
    probe : Probe
        To fit.
    fitted : dict of str to Probe
        By the models' names, as far as the run has come.
    """

    probe: Probe[Any]
    fitted: dict[str, Any] = field(default_factory=dict)

    def passes(self) -> list[Pass]:
        """List a pass for each stage of each model."""
        return [
            _pass_of(asked, engine)
            for engine in self.engines.values()
            for asked in stages_of(self.probe, engine.layout)
        ]

    def settings(self) -> dict[str, str | int]:
        """Describe the run."""
        return run_settings(list(self.engines.values()), self.dataset, self.probe)

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Fit the probe for one model after the other."""
        for run, found in self.one_by_one(surveys):
            yield from run.go([found])

    def one_by_one(self, surveys: Sequence[Survey]) -> Iterator[tuple[Run, Survey]]:
        """Give a run for each stage of each model; once it is through, the probe has learned."""
        stages = self._stages
        for number, (name, engine) in enumerate(self.engines.items()):
            probe: Probe[Any] = self.probe
            for found in surveys[number * stages : (number + 1) * stages]:
                stage = stage_of(engine, probe)
                # One that is fitted, such as the norms, may have a total that is asked for.
                asked = probe if stage is None and isinstance(probe, AddingProbe) else stage
                if asked is None:
                    break
                yield TotalRun(engines={name: engine}, dataset=self.dataset, probe=asked), found
                if stage is None or not found.summary.count:
                    break
                with answering(probe):
                    probe = probe.learn(found.summary, engine.layout)
            self.fitted[name] = probe

    @property
    def whole(self) -> str | None:
        """Say so where it is fitted in several stages."""
        if self._stages == 1:
            return None
        return (
            f"{self.probe.name} is fitted in {self._stages} passes with these options, each of "
            "which needs what the one before came to of all pictures"
        )

    @functools.cached_property
    def _stages(self) -> int:
        first = next(iter(self.engines.values()))
        return len(stages_of(self.probe, first.layout))


def _pass_of(probe: AddingProbe[Any, Any], engine: Engine) -> Pass:
    return Pass(probe, engine.layout, engine.batch_size if engine.batches_alike else 1)
