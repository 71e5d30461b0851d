"""``evaluate_accuracy``: how often a model is right about a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vitonnx.dataset import Dataset, Label
from vitonnx.engine import Engine
from vitonnx.evaluate.accuracy._result import AccuracyResult, accuracy_of
from vitonnx.evaluate.accuracy._run import AccuracyRun, by_precision
from vitonnx.evaluate.labels import Labels, with_labels

__all__ = ["evaluate_accuracy"]


def evaluate_accuracy(
    engine: Engine | Sequence[Engine],
    pictures: Dataset | Iterable[Any],
    labels: Iterable[Label] | None = None,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> AccuracyResult:
    """Count how often a model is right.

    Parameters
    ----------
    engine : Engine or sequence of Engine
        The model; or the same model in several precisions, each of which is also compared with the
        first.
    pictures : Dataset or iterable of pictures
        As in `Engine.probe`; read one after the other, in flat memory. Bad ones are skipped.
    labels : iterable of str or int, optional
        The class of each picture, by its number or name; of models of ImageNet's classes also by
        their WordNet ids. By default, what the dataset says.
    progress : callable, optional
        Called with the number of pictures done, after every batch.

    Returns
    -------
    AccuracyResult
        Shares, with their 95 % intervals.

    Raises
    ------
    UsageError
        If the model has no head, a label is no class of it, or there are no labels.
    PictureError
        If no picture can be used.

    References
    ----------
    Russakovsky et al. 2015, arXiv:1409.0575, section 4.1; intervals: see `wilson_interval`.

    Examples
    --------
    >>> import vitonnx as vx
    >>> from vitonnx.data.scenes import draw_scene
    >>> engine = vx.Engine("scenes_vit", device="cpu")
    >>> scenes = [draw_scene((0, 9, 0, number), size=(48, 48), objects=1) for number in range(50)]
    >>> found = vx.evaluate_accuracy(
    ...     engine, [scene.picture for scene in scenes], [scene.labels[0] for scene in scenes]
    ... )
    >>> found.pictures, found.top1.low < found.top1.value < found.top5.value
    (50, True)
    """
    engines = list(engine) if isinstance(engine, Sequence) else [engine]
    run = AccuracyRun(
        engines=by_precision(engines), dataset=with_labels(pictures, labels), labels=Labels()
    )
    surveys = run.begin()
    for each in run.go(surveys):
        progress(each.pictures)
    models = {name: each.manifest for name, each in run.engines.items()}
    return accuracy_of(run.question, models, surveys[0], run.settings())
