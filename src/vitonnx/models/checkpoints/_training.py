"""Entries of a checkpoint that only resuming a training needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

__all__ = ["of_training"]

# Keys of a file.
TRAINING = re.compile(
    "|".join(map(translate, ("optim*", "*sched*", "*scaler*", "amp", "callbacks", "loops")))
)


def of_training(keys: Iterable[str]) -> bool:
    """Tell whether keys lead to an entry of training.

    Examples
    --------
    >>> of_training(["optimizer", "state", "0"]), of_training(["state_dict"])
    (True, False)
    """
    return any(map(TRAINING.match, keys))
