"""What the cases of one reader came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from fuzz.verdict import OUTCOMES, Outcome

__all__ = ["Tally", "table"]

PLURALS = {
    "traceback": "tracebacks",
    "bad sentence": "bad sentences",
    "hang": "hangs",
    "crash": "crashes",
}


@dataclass
class Tally:
    """Counts of outcomes.

    Parameters
    ----------
    reader : str
        Its name.
    seed : int
        Of its cases.
    counts : counter of Outcome
        How often each came.
    faults : list of str
        For each kind of fault what it is, where its file is, and how to read that again.
    """

    reader: str
    seed: int
    counts: Counter[Outcome] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def to_fields(self) -> dict[str, Any]:
        """Give the counts as plain values, which pass from one process to another."""
        return {"reader": self.reader, "seed": self.seed, "counts": dict(self.counts)}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        return cls(fields["reader"], fields["seed"], Counter(fields["counts"]))


def table(tallies: list[Tally]) -> str:
    """Write the counts as a table in Markdown, a row a reader, and one for all of them.

    Examples
    --------
    >>> print(table([Tally("lists", 7, Counter({"refused": 1200, "hang": 1}))]).splitlines()[2])
    | lists | 7 | 1,201 | 1,200 | 0 | 0 | 0 | 0 | 1 | 0 | 0 |
    """
    total = Counter[Outcome]()
    for tally in tallies:
        total.update(tally.counts)
    kinds = (PLURALS.get(outcome, outcome) for outcome in OUTCOMES)
    names = ["reader", "seed", "inputs", *kinds]
    lines = [names, ["---"] * len(names)]
    lines += [_row(tally.reader, str(tally.seed), tally.counts) for tally in tallies]
    lines.append(_row("all", "", total))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(name: str, seed: str, counts: Counter[Outcome]) -> list[str]:
    numbers = (counts.total(), *(counts[outcome] for outcome in OUTCOMES))
    return [name, seed, *(f"{number:,}" for number in numbers)]
