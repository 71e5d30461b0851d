"""The 1000 classes of ImageNet-1k: their WordNet ids and names, in the order of the logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Synset", "imagenet_classes", "imagenet_synsets"]


@dataclass(frozen=True)
class Synset:
    """A class of ImageNet: a set of synonyms in WordNet 3.0.

    Parameters
    ----------
    id : str
        Such as ``n01440764``: a noun, and its offset in the database.
    names : tuple of str
        Its lemmas; the first is how the class is called.
    """

    id: str
    names: tuple[str, ...]


@cache
def imagenet_synsets() -> tuple[Synset, ...]:
    """Return ImageNet-1k's 1000 classes, by class index.

    The order is that of the ids, which all published models follow. ``imagenet.txt`` has a class a
    line: its id, and its lemmas. WordNet is Princeton University's, and free to use and to pass
    on. 19 names are those of two classes, such as ``crane`` (bird, machine), ``maillot`` and
    ``panda``.

    References
    ----------
    Russakovsky et al. 2015, arXiv:1409.0575; Miller 1995, "WordNet: a lexical database for
    English".

    Examples
    --------
    >>> imagenet_synsets()[0]
    Synset(id='n01440764', names=('tench', 'Tinca tinca'))
    """
    text = files("vitonnx.models").joinpath("imagenet.txt").read_text(encoding="utf-8")
    lines = (line.partition(" ") for line in text.splitlines())
    return tuple(Synset(own, tuple(names.split(", "))) for own, _, names in lines)


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Return the names of ImageNet-1k's 1000 classes, by class index: their first lemmas.

    Examples
    --------
    >>> imagenet_classes()[:3]
    ('tench', 'goldfish', 'great white shark')
    """
    return tuple(synset.names[0] for synset in imagenet_synsets())
