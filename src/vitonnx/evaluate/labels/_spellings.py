"""The ways to say one class of ImageNet, where two datasets say it differently."""

from __future__ import annotations

from functools import cache

from vitonnx.dataset import Label
from vitonnx.models import imagenet_synsets

__all__ = ["spellings_of"]


def spellings_of(label: Label) -> tuple[Label, ...]:
    """Give a label as it is, and the WordNet id of a number of ImageNet-1k, or the number of an id.

    Examples
    --------
    >>> spellings_of(1), spellings_of("n01440764"), spellings_of("tench")
    ((1, 'n01443537'), ('n01440764', 0), ('tench',))
    """
    synsets = imagenet_synsets()
    if isinstance(label, str):
        return (label, _numbers()[label]) if label in _numbers() else (label,)
    return (label, synsets[label].id) if 0 <= label < len(synsets) else (label,)


@cache
def _numbers() -> dict[str, int]:
    return {synset.id: number for number, synset in enumerate(imagenet_synsets())}
