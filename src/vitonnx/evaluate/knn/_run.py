"""Two runs that can be resumed: pictures of known class into a bank, and others that ask it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vitonnx.contract import EMBEDDING
from vitonnx.dataset import Dataset, Label
from vitonnx.engine import Engine, Pass, Survey, run_settings
from vitonnx.errors import UsageError
from vitonnx.evaluate.accuracy import Hits, HitsQuestion
from vitonnx.evaluate.knn._bank import Bank, BankQuestion, key_of
from vitonnx.evaluate.knn._embed import at_once, embed
from vitonnx.evaluate.knn._nearest import nearest, ranks_by_votes
from vitonnx.evaluate.labels import Labels, spellings_of
from vitonnx.runs import Run

__all__ = ["NEIGHBOURS", "BankRun", "VoteRun"]

NEIGHBOURS = (10, 20, 100, 200)
"""How many neighbours vote, as in DINO's evaluation."""

SHOWN = 5  # of the labels that nobody knows, in a message


@dataclass(frozen=True, eq=False, kw_only=True)
class BankRun(Run):
    """Embeddings of pictures of known class, which go into a bank.

    Parameters
    ----------
    engines : mapping of str to Engine
        The only one.
    dataset : Dataset
        The pictures, which say their labels themselves.
    bank : Bank

    Raises
    ------
    UsageError
        If the model has no embedding, or the pictures have no labels, where that is known.
    """

    bank: Bank

    def __post_init__(self) -> None:
        engine = _only(self)
        if EMBEDDING not in engine.outputs:
            raise UsageError(f"{engine.file} has no embedding, by which neighbours are found.")
        Labels().known(self.dataset)

    def passes(self) -> list[Pass]:
        """List the only pass."""
        return [_pass_of(self, BankQuestion())]

    def settings(self) -> dict[str, str | int]:
        """Describe the run."""
        return run_settings([_only(self)], self.dataset)

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Embed the pictures; gives the survey each time that the bank has grown."""
        (found,) = surveys
        self.bank.begin(found.summary)
        for embeddings, keys in embed(_only(self), self.dataset, Labels(), found, key_of):
            found.own = found.own.merge(self.bank.append(embeddings, keys))
            yield found
        if found.summary.count < NEIGHBOURS[0]:
            raise UsageError(
                f"TRAIN has {found.summary.count} usable pictures, and at least "
                f"{NEIGHBOURS[0]} must vote: give more."
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class VoteRun(Run):
    """Votes of the nearest neighbours in a bank that is full.

    Parameters
    ----------
    engines : mapping of str to Engine
        The only one.
    dataset : Dataset
        Pictures that are voted about.
    labels : Labels
        Where their labels are.
    train : Dataset
        Pictures that vote.
    bank : Bank
        Their embeddings.

    Raises
    ------
    UsageError
        If a class is asked for that none is of that votes, where both are known without a picture.
    """

    labels: Labels
    train: Dataset
    bank: Bank

    def __post_init__(self) -> None:
        known, asked = Labels().known(self.train), self.labels.known(self.dataset)
        if self.train.is_listed:
            _refuse_unknown(asked, {key_of(label) for label in known})

    def passes(self) -> list[Pass]:
        """List the only pass."""
        return [_pass_of(self, HitsQuestion(len(NEIGHBOURS)))]

    def settings(self) -> dict[str, str | int]:
        """Describe the run, and the other one before it."""
        known = {f"TRAIN: {name}": value for name, value in self.train.described().items()}
        return {**self.labels.described(), **known, **run_settings([_only(self)], self.dataset)}

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Ask the bank about the pictures; gives the survey every `at_once`."""
        (found,) = surveys
        known = self.bank.keys()
        _refuse_unknown(self.labels.known(self.dataset), known)

        def key(label: Label) -> int:
            _refuse_unknown([label], known)
            return _keys(label, known)[0]

        for embeddings, keys in embed(_only(self), self.dataset, self.labels, found, key):
            if keys:
                near, theirs = nearest(self.bank, embeddings, NEIGHBOURS[-1])
                for row, own in enumerate(keys):
                    ranks = ranks_by_votes(near[row], theirs[row], own, NEIGHBOURS)
                    found.own = found.own.merge(Hits.of(ranks))
            yield found


def _only(run: Run) -> Engine:
    (engine,) = run.engines.values()
    return engine


def _pass_of(run: Run, question: BankQuestion | HitsQuestion) -> Pass:
    engine = _only(run)
    return Pass(question, engine.layout, at_once(engine) if engine.batches_alike else 1)


def _keys(label: Label, known: Container[int]) -> list[int]:
    """Give the keys that a label has among those that are known, as it is said there."""
    return [key for key in map(key_of, spellings_of(label)) if key in known]


def _refuse_unknown(labels: Iterable[Label], known: Container[int]) -> None:
    """Refuse classes that no picture of known class has: no vote could be right."""
    unknown = sorted((label for label in labels if not _keys(label, known)), key=str)
    if unknown:
        shown = ", ".join(repr(label) for label in unknown[:SHOWN])
        more = f" and {len(unknown) - SHOWN} others" if len(unknown) > SHOWN else ""
        raise UsageError(
            f"TRAIN has no picture of the class {shown}{more}: call classes the same in both, and "
            "give TRAIN pictures of each."
        )
