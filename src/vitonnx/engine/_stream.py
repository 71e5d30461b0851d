"""Results as they come, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from vitonnx.engine._result import Result
from vitonnx.probes import Probe, Summary, TableProbe

__all__ = ["Stream"]


class Stream(Iterator[Result]):
    """The results of a pass over any number of pictures, one at a time.

    Attributes
    ----------
    summary : mapping of str to Summary
        Totals of the results taken so far, by the names of those probes that have totals;
        pictures with an error don't count.
    """

    def __init__(
        self,
        results: Iterator[Result],
        probes: Sequence[Probe[Any]],
        summary: Mapping[str, Summary],
    ) -> None:
        self._results = results
        self._totalled = {probe.name: probe for probe in probes if isinstance(probe, TableProbe)}
        self.summary: dict[str, Summary] = {
            name: summary.get(name) or probe.summary() for name, probe in self._totalled.items()
        }

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Result:
        result = next(self._results)
        if result.error is None:
            for name, probe in self._totalled.items():
                self.summary[name] = self.summary[name].merge(probe.summary([result[name]]))
        return result
