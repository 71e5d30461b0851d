"""Two passes that can be resumed: pictures of known class into a bank, and others that ask it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vitonnx.contract import EMBEDDING
from vitonnx.dataset import Dataset, Label
from vitonnx.engine import Counting, Engine, StateFile, Survey, run_settings
from vitonnx.errors import UsageError
from vitonnx.evaluate.accuracy import Hits, HitsQuestion
from vitonnx.evaluate.knn._bank import Bank, BankQuestion, Filled, key_of
from vitonnx.evaluate.knn._embed import at_once, embed
from vitonnx.evaluate.knn._nearest import nearest, ranks_by_votes
from vitonnx.evaluate.labels import Labels, spellings_of

__all__ = ["NEIGHBOURS", "KnnRun"]

NEIGHBOURS = (10, 20, 100, 200)
"""How many neighbours vote, as in DINO's evaluation."""

SHOWN = 5  # of the labels that nobody knows, in a message


@dataclass(frozen=True, kw_only=True)
class KnnRun:
    """What is asked of which pictures.

    Parameters
    ----------
    engine : Engine
        The model.
    train, data : Dataset
        Pictures of known class, and those whose class their neighbours vote for.
    labels : Labels
        Where the labels of `data` are; those of `train` are its own.

    Raises
    ------
    UsageError
        If the model has no embedding, there are no labels, or `data` has a class that `train`
        lacks, where both are known without a picture.
    """

    engine: Engine
    train: Dataset
    data: Dataset
    labels: Labels

    def __post_init__(self) -> None:
        if EMBEDDING not in self.engine.outputs:
            raise UsageError(f"{self.engine.file} has no embedding that could have neighbours.")
        known, asked = Labels().known(self.train), self.labels.known(self.data)
        if self.train.is_listed:
            _refuse_unknown(asked, {key_of(label) for label in known})

    def begin(self) -> tuple[Survey, Survey]:
        """Give the surveys of a run that begins: of the bank, and of the votes."""
        return Survey(own=Filled(), before=Filled()), Survey(own=Hits(), before=Hits())

    def settings(self) -> dict[str, str | int]:
        """Describe the run so closely that one of the same description gives the same numbers."""
        known = {f"TRAIN: {name}": value for name, value in self.train.described().items()}
        return {**self.labels.described(), **known, **run_settings([self.engine], self.data)}

    def bank_state(self, path: Path) -> StateFile:
        """Give the file that the first pass is resumed from."""
        settings = run_settings([self.engine], self.train)
        return self._state(path, settings, self.train, BankQuestion())

    def state(self, path: Path) -> StateFile:
        """Give the file that the second pass is resumed from."""
        question = HitsQuestion(Hits, len(NEIGHBOURS))
        return self._state(path, self.settings(), self.data, question)

    def _state(
        self, path: Path, settings: dict[str, str | int], dataset: Dataset, question: Counting
    ) -> StateFile:
        size = at_once(self.engine) if self.engine.batches_alike else 1
        layout = self.engine.layout
        return StateFile.of_questions(path, settings, dataset, [question], layout, size)

    def fill(self, bank: Bank, found: Survey) -> Iterator[Survey]:
        """Embed what is left of `train`; gives the survey each time that the bank has grown."""
        bank.begin(found.summary)
        for embeddings, keys in embed(self.engine, self.train, Labels(), found, key_of):
            found.own = found.own.merge(bank.append(embeddings, keys))
            yield found
        if found.summary.count < NEIGHBOURS[0]:
            raise UsageError(
                f"TRAIN has {found.summary.count} pictures that count, and at least "
                f"{NEIGHBOURS[0]} neighbours vote: give more."
            )

    def vote(self, bank: Bank, found: Survey) -> Iterator[Survey]:
        """Ask the bank about what is left of `data`; gives the survey every `at_once` pictures."""
        known = bank.keys()
        _refuse_unknown(self.labels.known(self.data), known)

        def key(label: Label) -> int:
            _refuse_unknown([label], known)
            return _keys(label, known)[0]

        for embeddings, keys in embed(self.engine, self.data, self.labels, found, key):
            if keys:
                near, theirs = nearest(bank, embeddings, NEIGHBOURS[-1])
                for row, own in enumerate(keys):
                    ranks = ranks_by_votes(near[row], theirs[row], own, NEIGHBOURS)
                    found.own = found.own.merge(Hits.of(ranks))
            yield found


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
            f"no picture of TRAIN is of the class {shown}{more}: both must say their classes "
            "alike, and TRAIN have pictures of all."
        )
