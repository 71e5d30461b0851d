"""Find the one model in what a file holds, by its structure.

Training code wraps a model in modules, puts its state dict into dicts with other entries, and keeps
a second model beside it. Wherever the names of a patch embedding are, there is a model; their
prefix is its wrapper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final

from vitonnx.errors import CheckpointError
from vitonnx.models._brief import some
from vitonnx.models.checkpoints._google import GOOGLE
from vitonnx.models.checkpoints._huggingface import HUGGINGFACE
from vitonnx.models.checkpoints._rules import SAME, Convention, Rule
from vitonnx.models.checkpoints._stored_tensor import Contents, Tensor
from vitonnx.models.checkpoints._timm import TIMM
from vitonnx.models.checkpoints._wrappers import (
    of_training,
    outer_levels,
    root_beside,
    unwrap,
    without_front,
    without_wrappers,
)

__all__ = ["CONVENTIONS", "Part", "find_model", "find_rest"]

# What `vitonnx train` writes bears the names of the tree itself.
OWN = Convention(
    name="vitonnx",
    marker="patch_embed/kernel",
    rules=lambda config, names: (Rule(name, (name,), SAME) for name in config.parameters()),
    unused_without_head=("head/*", "head_dist/*"),
)

CONVENTIONS = (TIMM, HUGGINGFACE, GOOGLE, OWN)

# Which of several models is taken: the first kind that only some of them are.
PREFERRED = (
    (("ema", "ema_*", "*_ema", "*_ema_*"), "the moving average, which timm loads too"),
    (("teacher", "teacher_*"), "which DINO and its followers evaluate"),
    (("online_*",), "which BYOL evaluates"),
    (("target_encoder",), "which I-JEPA evaluates"),
    (("base_encoder",), "which MoCo evaluates"),
)
MOST_MODELS: Final = 64
"""In one file: student and teacher, backbone and average of each, for texts and pictures …"""


@dataclass(frozen=True)
class Place:
    """Location of a model: keys of the file, and a prefix of names."""

    keys: tuple[str, ...]
    prefix: str
    convention: Convention

    @property
    def parts(self) -> list[str]:
        """The words of keys and prefix, which tell what kind of model it is."""
        words = ".".join((*self.keys, self.prefix)).replace(self.convention.separator, ".")
        return [word for word in words.split(".") if word]

    def __str__(self) -> str:
        return ".".join((*self.keys, self.prefix + self.convention.marker))


@dataclass(frozen=True)
class Part:
    """The part of a model that one file holds.

    Its tensors are named without wrappers, and ``levels`` are the prefixes that were removed,
    longest first; ``beside`` is what else the file holds: keys, and prefixes of names.
    """

    convention: Convention
    tensors: dict[str, Tensor]
    levels: tuple[str, ...]
    beside: list[str]


def find_model(contents: Contents, label: str, tell: Callable[[str], None]) -> Part | None:
    """Find the model in a file, or None if no name in it is that of a patch embedding.

    Of several, training's own methods say which is meant, or else the file is refused.
    """
    contents = {keys: _without_wrappers(group, label) for keys, group in contents.items()}
    places = list(islice(_places(contents), MOST_MODELS + 1))
    if not places:
        return None
    if len(places) > MOST_MODELS:
        raise CheckpointError(
            f"{label} holds more than {MOST_MODELS} models: save the state_dict of one, and give "
            "that file."
        )
    place = _choose(places, label, tell)
    others = [other for other in places if other != place]
    group = contents[place.keys]
    short, roots = _names(group, place, [other for other in others if other.keys == place.keys])
    tensors = _unique(((short[name], name, group[name]) for name in short), label)
    beside = set(roots)
    for keys in contents.keys() - {other.keys for other in places}:
        beside.update(_beside(keys, contents[keys], place.keys))
    levels = outer_levels(place.prefix, place.convention.separator)
    return Part(place.convention, tensors, levels, sorted(beside))


def _names(
    names: Iterable[str], place: Place, others: Sequence[Place]
) -> tuple[dict[str, str], list[str]]:
    """Select the names of a dict that are the model's, without wrappers, and the other prefixes.

    Names beside the wrapped model belong to it too, like ``model.head`` beside ``model.backbone``,
    unless they form another whole model or belong to training. Flax's names are a tree, whose other
    branches are unrelated.
    """
    separator = place.convention.separator
    within = any(place.prefix.startswith(other.prefix) for other in others)
    taken = {root_beside(other.prefix, place.prefix, separator) for other in others}
    short, roots = {}, []
    for name in names:
        if name.startswith(place.prefix):
            short[name] = name.removeprefix(place.prefix)
            continue
        root = root_beside(name, place.prefix, separator)
        if within or root in taken:
            continue
        if separator == "/" or of_training(root.split(separator)):
            roots.append(f"{root}*" if root.endswith(separator) else root)
        else:
            short[name] = unwrap(name, outer_levels(place.prefix, separator))
    return short, roots


def find_rest(contents: Contents, label: str, model: Part) -> Part:
    """Find what a file without a patch embedding adds to a model: its head, or a further shard.

    A file with several dicts of arrays is refused.
    """
    groups = {keys: group for keys, group in contents.items() if not of_training(keys)}
    if len(groups) != 1:
        where = some([".".join(keys) or "its top" for keys in groups]) or "nothing of a model"
        raise CheckpointError(
            f"{label} holds no model, only arrays under {where}: save the right state_dict, and "
            "give that file."
        )
    ((_, group),) = groups.items()
    group = _without_wrappers(group, label)
    names = {name: without_front(unwrap(name, model.levels)) for name in group}
    if set(names.values()) == {"weight", "bias"}:
        names = {name: model.convention.head_alone + last for name, last in names.items()}
    tensors = _unique(((names[name], name, group[name]) for name in group), label)
    beside = sorted({keys[0] for keys in contents.keys() - groups.keys()})
    return Part(model.convention, tensors, model.levels, beside)


def _places(contents: Contents) -> Iterator[Place]:
    for keys, group in contents.items():
        for name in group:
            for convention in CONVENTIONS:
                prefix = name.removesuffix(convention.marker)
                whole = prefix == "" or prefix.endswith(convention.separator)
                place = Place(keys, prefix, convention)
                # An optimizer may keep its moments by the parameters' names.
                if prefix != name and whole and not of_training(place.parts):
                    yield place


def _choose(places: Sequence[Place], label: str, tell: Callable[[str], None]) -> Place:
    """Take the one that the known methods of training would; refuse to guess."""
    left, reason = list(places), ""
    for patterns, why in PREFERRED:
        of_kind = [
            place
            for place in left
            if any(fnmatchcase(part, pattern) for part in place.parts for pattern in patterns)
        ]
        if of_kind and len(of_kind) < len(left):
            left, reason = of_kind, reason or why
    if len(left) > 1:
        names = some(list(map(str, left)), " and ")
        raise CheckpointError(
            f"{label} holds several models, with {names}: save the state_dict of one, and give "
            "that file."
        )
    (place,) = left
    if len(places) > 1:
        names = some([".".join(other.parts) or "one at its top" for other in places], " and ")
        taken = ".".join(place.parts) or "the one at its top"
        tell(f"{label} holds {len(places)} models, {names}: using {taken}, {reason}.")
    return place


def _beside(
    keys: tuple[str, ...], group: Mapping[str, Tensor], chosen: tuple[str, ...]
) -> Iterable[str]:
    """Name arrays in another dict than the model's by the first key that isn't the model's."""
    shared = 0
    while shared < min(len(keys), len(chosen)) and keys[shared] == chosen[shared]:
        shared += 1
    if shared < len(keys):
        return [".".join(keys[: shared + 1])]
    return [".".join((*keys, name)) for name in group]


def _without_wrappers(group: Mapping[str, Tensor], label: str) -> dict[str, Tensor]:
    return _unique(((without_wrappers(name), name, group[name]) for name in group), label)


def _unique(named: Iterable[tuple[str, str, Tensor]], label: str) -> dict[str, Tensor]:
    """Gather tensors by short name; each may be there once."""
    originals: dict[str, str] = {}
    tensors: dict[str, Tensor] = {}
    for short, name, tensor in named:
        if short in originals:
            raise CheckpointError(
                f"{label} holds {short} twice, as {originals[short]} and {name}: save only the "
                "state_dict of the model, and give that file."
            )
        originals[short], tensors[short] = name, tensor
    return tensors
