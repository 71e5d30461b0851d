"""What an evaluation of right answers comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitonnx.engine import Survey
from vitonnx.errors import PictureError
from vitonnx.evaluate._bootstrap import Estimate
from vitonnx.evaluate._published import Published, published_top1
from vitonnx.evaluate._save import save_numbers
from vitonnx.evaluate._wilson import wilson_interval
from vitonnx.evaluate.accuracy._hits import TOP, AccuracyQuestion
from vitonnx.manifest import Manifest

__all__ = ["AccuracyResult", "Answers", "accuracy_of"]


@dataclass(frozen=True)
class Answers:
    """How often a model's answers are right.

    Parameters
    ----------
    top1 : Estimate
        Share of the pictures whose class is the first answer.
    top5 : Estimate or None
        Share of those whose class is one of the first five; None for a model of five classes or
        fewer.
    agreement : Estimate or None
        Share of those whose first answer is that of the first precision; None for that itself.
    """

    top1: Estimate
    top5: Estimate | None
    agreement: Estimate | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class AccuracyResult:
    """How often a model is right about the pictures of a dataset, in one precision or several.

    Parameters
    ----------
    model : str
        Name of the model.
    untrained : bool
        Whether its weights are random.
    pictures : int
        Number of pictures that count.
    skipped : dict of str to str
        Pictures that don't, each with the reason.
    precisions : dict of str to Answers
        By precision, in the order asked.
    published : Published or None
        The top-1 accuracy that the model's authors published, if they did.
    settings : dict of str to str or int
        All that the numbers depend on.
    """

    model: str
    untrained: bool
    pictures: int
    skipped: Mapping[str, str]
    precisions: Mapping[str, Answers]
    published: Published | None
    settings: Mapping[str, str | int]

    @property
    def top1(self) -> Estimate:
        """Share of the pictures whose class is the first answer, in the first precision."""
        return next(iter(self.precisions.values())).top1

    @property
    def top5(self) -> Estimate | None:
        """Share of those whose class is one of the first five, likewise."""
        return next(iter(self.precisions.values())).top5

    def __repr__(self) -> str:
        shares = ", ".join(
            f"{name} {each.top1.value:.1%}" for name, each in self.precisions.items()
        )
        return f"<AccuracyResult of {self.model}: {shares}, on {self.pictures} pictures>"

    def numbers(self) -> dict[str, Any]:
        """Give all as JSON has it: ``top1`` and ``top5`` are the first precision's shares."""
        whole = asdict(self)
        return {
            **{name: whole.pop(name) for name in ("model", "untrained", "pictures")},
            "top1": self.top1.value,
            "top5": None if self.top5 is None else self.top5.value,
            **{name: whole.pop(name) for name in ("published", "precisions")},
            **whole,
        }

    def save(self, path: str | Path) -> None:
        """Write all numbers as JSON, whole or not at all."""
        save_numbers(path, self.numbers())


def accuracy_of(
    question: AccuracyQuestion,
    models: Mapping[str, Manifest],
    found: Survey,
    settings: Mapping[str, str | int],
) -> AccuracyResult:
    """Give the result of a run that is done, or of its parts.

    Parameters
    ----------
    question : AccuracyQuestion
        What was asked.
    models : mapping of str to Manifest
        The model's, by the precisions that it ran in.
    found : Survey
        What that came to.
    settings : mapping of str to str or int
        Of the run.

    Raises
    ------
    PictureError
        If no picture could be used.
    """
    total, manifest = found.summary, next(iter(models.values()))
    if not total.count:
        raise PictureError(next(iter(found.skipped.values()), "there is no picture to measure."))

    def share(numbers: Any, way: int) -> Estimate:
        return wilson_interval(int(numbers[way]), total.count)

    return AccuracyResult(
        model=manifest.name,
        untrained=manifest.untrained,
        pictures=total.count,
        skipped=dict(found.skipped),
        precisions={
            precision: Answers(
                top1=share(total.top1, way),
                top5=share(total.top5, way) if question.classes > TOP else None,
                agreement=share(total.agreement, way) if way else None,
            )
            for way, precision in enumerate(models)
        },
        published=published_top1(manifest),
        settings=settings,
    )
