"""The names of ImageNet-1k's classes.

``imagenet.txt`` has the first lemma of each class's synset in WordNet 3.0, in the order of the
logits; WordNet is Princeton University's, and free to use and to pass on.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["imagenet_classes"]


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Return the names of the 1000 classes.

    Returns
    -------
    tuple of 1000 str
        Names by class index. Two pairs share a name: ``crane`` (bird, machine) and ``maillot``.

    References
    ----------
    Russakovsky et al. 2015, arXiv:1409.0575; Miller 1995, "WordNet: a lexical database for
    English".

    Examples
    --------
    >>> imagenet_classes()[:3]
    ('tench', 'goldfish', 'great white shark')
    """
    text = files("vitonnx.models").joinpath("imagenet.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
