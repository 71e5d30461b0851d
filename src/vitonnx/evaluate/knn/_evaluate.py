"""``evaluate_knn``: how often the nearest neighbours of pictures are of their class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from vitonnx.dataset import Dataset, Label
from vitonnx.engine import Engine
from vitonnx.evaluate.knn._bank import Bank
from vitonnx.evaluate.knn._result import KnnResult, knn_of
from vitonnx.evaluate.knn._run import BankRun, VoteRun
from vitonnx.evaluate.labels import Labels, with_labels
from vitonnx.media import temporary_folder

__all__ = ["evaluate_knn"]


def evaluate_knn(
    engine: Engine,
    train: Dataset | Iterable[Any],
    pictures: Dataset | Iterable[Any],
    *,
    train_labels: Iterable[Label] | None = None,
    labels: Iterable[Label] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> KnnResult:
    """Have the nearest neighbours of each picture vote for its class, as DINO is evaluated.

    The neighbours, 10, 20, 100 and 200 of them, are those of the highest cosine similarity of
    embeddings; each votes for its class with the weight exp(similarity / 0.07). The embeddings of
    `train` are kept in half precision in a temporary file, so that memory stays flat.

    Parameters
    ----------
    engine : Engine
        The model.
    train : Dataset or iterable of pictures
        Pictures of known class, which vote; as in `Engine.probe`. Bad ones are skipped.
    pictures : Dataset or iterable of pictures
        Pictures that are voted about, likewise.
    train_labels, labels : iterable of str or int, optional
        The class of each picture of `train`, and of `pictures`. By default, what the datasets say.
    progress : callable, optional
        Called with the number of pictures done, of both together, every few hundred.

    Returns
    -------
    KnnResult
        Shares, with their 95 % intervals.

    Raises
    ------
    UsageError
        If there are no labels, less than 10 pictures that vote, or none of a class that is asked
        for.
    PictureError
        If no picture can be used.

    References
    ----------
    Wu et al. 2018, arXiv:1805.01978, section 3.4; Caron et al. 2021, arXiv:2104.14294, and its
    code, ``eval_knn.py``.

    Examples
    --------
    >>> import vitonnx as vx
    >>> from vitonnx.data.scenes import draw_scene
    >>> scenes = [draw_scene((0, 9, 0, number), size=(48, 48), objects=1) for number in range(80)]
    >>> shown = [scene.picture for scene in scenes]
    >>> labels = [scene.labels[0] for scene in scenes]
    >>> found = vx.evaluate_knn(
    ...     vx.Engine("scenes_dino", device="cpu"),
    ...     shown[:60], shown[60:], train_labels=labels[:60], labels=labels[60:],
    ... )
    >>> found.known, found.pictures, list(found.k)
    (60, 20, [10, 20])
    """
    known, asked = with_labels(train, train_labels), with_labels(pictures, labels)
    engines = {engine.manifest.name: engine}
    with temporary_folder() as folder:
        bank = Bank(folder / "bank")
        fill = BankRun(engines=engines, dataset=known, bank=bank)
        vote = VoteRun(engines=engines, dataset=asked, labels=Labels(), train=known, bank=bank)
        (filled,), (found,) = fill.begin(), vote.begin()
        for each in fill.go([filled]):
            progress(each.pictures)
        for each in vote.go([found]):
            progress(filled.pictures + each.pictures)
        return knn_of(vote, filled, found)
