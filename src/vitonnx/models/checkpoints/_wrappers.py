"""What training code puts round a model: prefixes, modules in between, entries beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import lru_cache

__all__ = [
    "of_training",
    "outer_levels",
    "root_beside",
    "unwrap",
    "without_front",
    "without_wrappers",
]

# Modules of PyTorch and DeepSpeed that hold another, anywhere in a model: compiled, sharded,
# recomputed. No model has parts of these names.
INSIDE = frozenset(
    {"_checkpoint_wrapped_module", "_forward_module", "_fsdp_wrapped_module", "_orig_mod"}
)
# In front of a file that holds no model to tell its prefix by, such as a head's.
IN_FRONT = ("module.", "model.", "net.", "backbone.")

# Keys of a file.
TRAINING = re.compile(
    "|".join(map(translate, ("optim*", "*sched*", "*scaler*", "amp", "callbacks", "loops")))
)


def without_wrappers(name: str) -> str:
    """Take the wrapping modules out of a name.

    Examples
    --------
    >>> without_wrappers("_orig_mod.blocks.0._fsdp_wrapped_module.norm1.bias")
    'blocks.0.norm1.bias'
    """
    return ".".join(part for part in name.split(".") if part not in INSIDE)


def without_front(name: str) -> str:
    """Take what usually wraps a module from the front of a name.

    Examples
    --------
    >>> without_front("module.linear.bias")
    'linear.bias'
    """
    while front := next((front for front in IN_FRONT if name.startswith(front)), ""):
        name = name.removeprefix(front)
    return name


# Asked for with each name beside one and the same model.
@lru_cache(64)
def outer_levels(prefix: str, separator: str) -> tuple[str, ...]:
    """List a prefix and those that it stands in, the longest first.

    Examples
    --------
    >>> outer_levels("model.backbone.", ".")
    ('model.backbone.', 'model.', '')
    """
    parts = prefix.split(separator)[:-1]
    return *(separator.join((*parts[:count], "")) for count in range(len(parts), 0, -1)), ""


def root_beside(name: str, prefix: str, separator: str) -> str:
    """Cut a name that isn't under a prefix where the two part ways.

    Examples
    --------
    >>> root_beside("params/txt/head/bias", "params/img/", "/")
    'params/txt/'
    """
    rest = unwrap(name, outer_levels(prefix, separator))
    part, found, _ = rest.partition(separator)
    return name.removesuffix(rest) + part + found


def unwrap(name: str, levels: Sequence[str]) -> str:
    """Take the longest of some prefixes from a name, as far as it has one.

    Examples
    --------
    >>> unwrap("model.head.bias", ["model.vit.", "model.", ""])
    'head.bias'
    """
    longest = max((level for level in levels if name.startswith(level)), key=len, default="")
    return name.removeprefix(longest)


def of_training(keys: Iterable[str]) -> bool:
    """Tell whether keys lead to an entry of training.

    Examples
    --------
    >>> of_training(["optimizer", "state", "0"]), of_training(["state_dict"])
    (True, False)
    """
    return any(map(TRAINING.match, keys))
