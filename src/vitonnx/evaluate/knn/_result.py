"""What votes of the nearest neighbours come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitonnx.engine import Survey
from vitonnx.errors import PictureError
from vitonnx.evaluate._bootstrap import Estimate
from vitonnx.evaluate._published import Published, published_knn
from vitonnx.evaluate._save import save_numbers
from vitonnx.evaluate._wilson import wilson_interval
from vitonnx.evaluate.knn._run import NEIGHBOURS, VoteRun

__all__ = ["KnnResult", "Votes", "knn_of"]


@dataclass(frozen=True)
class Votes:
    """How often so many neighbours are right.

    Parameters
    ----------
    top1, top5 : Estimate
        Shares of the pictures whose class has the most votes, or one of the five most.
    """

    top1: Estimate
    top5: Estimate


@dataclass(frozen=True, eq=False, kw_only=True)
class KnnResult:
    """How often the nearest neighbours of pictures are of their class.

    Parameters
    ----------
    model : str
        Name of the model.
    untrained : bool
        Whether its weights are random.
    known, pictures : int
        Numbers of pictures that vote, and that are voted about.
    skipped : dict of str to str
        Pictures that don't count, of both, each with the reason.
    votes : dict of int to Votes
        By number of neighbours; what there are too few pictures for is left out.
    published : Published or None
        The share of right votes of 20 neighbours that the model's authors published, if they did.
    settings : dict of str to str or int
        All that the numbers depend on.
    """

    model: str
    untrained: bool
    known: int
    pictures: int
    skipped: Mapping[str, str]
    votes: Mapping[int, Votes]
    published: Published | None
    settings: Mapping[str, str | int]

    @property
    def k(self) -> dict[int, float]:
        """Share of the pictures that so many neighbours are right about."""
        return {count: each.top1.value for count, each in self.votes.items()}

    def __repr__(self) -> str:
        shares = ", ".join(f"{count}: {share:.1%}" for count, share in self.k.items())
        return f"<KnnResult of {self.model}: {shares}, on {self.pictures} pictures>"

    def numbers(self) -> dict[str, Any]:
        """Give all as JSON has it."""
        whole = asdict(self)
        votes = whole.pop("votes")
        return {
            **{name: whole.pop(name) for name in ("model", "untrained", "known", "pictures")},
            "k": {str(count): share for count, share in self.k.items()},
            "published": whole.pop("published"),
            "votes": {str(count): each for count, each in votes.items()},
            **whole,
        }

    def save(self, path: str | Path) -> None:
        """Write all numbers as JSON, whole or not at all."""
        save_numbers(path, self.numbers())


def knn_of(run: VoteRun, bank: Survey, found: Survey) -> KnnResult:
    """Give the result of two runs that are done: what the bank holds, and what it voted.

    Raises
    ------
    PictureError
        If no picture could be used.
    """
    known, total = bank.summary.count, found.summary
    manifest = next(iter(run.engines.values())).manifest
    if not total.count:
        raise PictureError(next(iter(found.skipped.values()), "there is no picture to measure."))
    return KnnResult(
        model=manifest.name,
        untrained=manifest.untrained,
        known=known,
        pictures=total.count,
        skipped={**bank.skipped, **found.skipped},
        votes={
            count: Votes(
                top1=wilson_interval(int(total.top1[way]), total.count),
                top5=wilson_interval(int(total.top5[way]), total.count),
            )
            for way, count in enumerate(NEIGHBOURS)
            if count <= known
        },
        published=published_knn(manifest),
        settings=run.settings(),
    )
