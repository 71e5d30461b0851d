"""From what a dataset calls a class to the number of the model's class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from vitonnx.dataset import Label
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.models import Synset, imagenet_synsets

__all__ = ["Classes"]

LIKE_IMAGENET = 0.9
"""Share of a model's names that must be ImageNet's, in its order. By chance none is."""

SHOWN = 5  # of the labels that aren't classes, in a message
MOST_DIGITS = 9  # of a class's number in text

Spellings: TypeAlias = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Classes:
    """The classes that a model tells apart, by all names that a dataset may give them.

    Parameters
    ----------
    count : int
        Of classes.
    names : tuple of str
        The model's own, each of which may be several that commas separate; none if it has none.
    synsets : tuple of Synset
        ImageNet-1k's, if the model's classes are those.

    Examples
    --------
    >>> imagenet = Classes(1000, (), imagenet_synsets())
    >>> imagenet.find("n01440764"), imagenet.find("Tinca_tinca"), imagenet.find(999)
    (0, 0, 999)
    >>> imagenet.find("crane")
    Traceback (most recent call last):
        ...
    vitonnx.errors.UsageError: 'crane' is the name of two classes, n02012849 (crane) and \
n03126707 (crane): call each by its WordNet id.
    """

    count: int
    names: tuple[str, ...] = ()
    synsets: tuple[Synset, ...] = ()

    @classmethod
    def of(cls, layout: Layout) -> Classes:
        """Give the classes of a model.

        Raises
        ------
        UsageError
            If it has none.
        """
        names = layout.classes or ()
        count = layout.class_count or len(names)
        if not count:
            raise UsageError(
                f"{layout.name} has no head, so it predicts no classes: measure its embedding with "
                "`vitonnx evaluate knn`."
            )
        names = names[:count]
        return cls(count, names, _imagenet(count, names))

    @property
    def assumed(self) -> bool:
        """Whether only their number tells that these are ImageNet's."""
        return bool(self.synsets) and not self.names

    def find(self, label: Label) -> int:
        """Find the number of a class.

        Its name is looked up as it is written, then in any case and with underscores for spaces,
        and then among the other names that the class has; where a class is called so at one stage,
        the next isn't asked. A number in text is a name first.

        Raises
        ------
        UsageError
            If there is no such class, or two are called so.
        """
        if not isinstance(label, str):
            if not 0 <= label < self.count:
                raise UsageError(f"there is no class {label}: {self._range()}.")
            return int(label)
        for spellings, spelt in self._stages:
            numbers = spellings.get(spelt(label), ())
            if len(numbers) > 1:
                raise UsageError(self._of_several(label, numbers))
            if numbers:
                return numbers[0]
        if label.isdecimal() and len(label) <= MOST_DIGITS and int(label) < self.count:
            return int(label)
        raise UsageError(f"the model has no class {label!r}: it takes {self._taken()}.")

    def check(self, labels: Iterable[Label]) -> None:
        """Refuse labels that aren't classes, all in one sentence.

        Raises
        ------
        UsageError
            As in `find`.
        """
        every = sorted(set(labels), key=str)
        wrong: dict[Label, UsageError] = {}
        for label in every:
            try:
                self.find(label)
            except UsageError as error:
                wrong[label] = error
        if len(wrong) == 1:
            raise next(iter(wrong.values()))
        if wrong:
            several = [each for each in wrong if isinstance(each, str) and self._several(each)]
            if len(several) == len(wrong):
                raise wrong[several[0]]
            shown = ", ".join(repr(label) for label in list(wrong)[:SHOWN])
            more = f" and {len(wrong) - SHOWN} others" if len(wrong) > SHOWN else ""
            raise UsageError(
                f"{len(wrong)} of the {len(every)} classes of the pictures aren't the model's: "
                f"{shown}{more}. It takes {self._taken()}."
            )

    @cached_property
    def _stages(self) -> list[tuple[Spellings, Callable[[str], str]]]:
        called = self.names or tuple(synset.names[0] for synset in self.synsets)
        own = [[name, name.split(",")[0]] for name in called]
        others = [[part.strip() for part in name.split(",")] for name in self.names]
        if self.synsets:
            own = [[*some, each.id] for some, each in zip(own, self.synsets, strict=True)]
            more = others or [[] for _ in self.synsets]
            others = [[*some, *each.names] for some, each in zip(more, self.synsets, strict=True)]
        return [
            (_spellings(own, str), str),
            (_spellings(own, _plain), _plain),
            (_spellings(others, _plain), _plain),
        ]

    def _several(self, label: str) -> Sequence[int]:
        """Give the classes of a name that is not one alone's."""
        for spellings, spelt in self._stages:
            numbers = spellings.get(spelt(label), ())
            if numbers:
                return numbers if len(numbers) > 1 else ()
        return ()

    def _of_several(self, label: str, numbers: Sequence[int]) -> str:
        how_many = "two" if len(numbers) == 2 else f"{len(numbers)}"
        if self.synsets:
            named = [f"{self.synsets[each].id} ({self.synsets[each].names[0]})" for each in numbers]
            how = "call each by its WordNet id"
        else:
            named, how = [str(number) for number in numbers], "give their numbers instead"
        listed = f"{', '.join(named[:-1])} and {named[-1]}"
        return f"{label!r} is the name of {how_many} classes, {listed}: {how}."

    def _taken(self) -> str:
        ways = []
        if self.synsets:
            ways.append(f"WordNet ids such as {self.synsets[0].id}")
        names = self.names or tuple(synset.names[0] for synset in self.synsets)
        if names:
            ways.append(f"names such as {names[0]}")
        return f"{', '.join([*ways, ''])}{'and ' * bool(ways)}numbers from 0 to {self.count - 1}"

    def _range(self) -> str:
        return f"the model's are 0 to {self.count - 1}"


def _imagenet(count: int, names: tuple[str, ...]) -> tuple[Synset, ...]:
    """Give ImageNet's classes, if a model has so many, and calls them so where it names them."""
    synsets = imagenet_synsets()
    if count != len(synsets):
        return ()
    if not names:
        return synsets
    at_home = sum(
        not {_plain(part) for part in name.split(",")}.isdisjoint(
            map(_plain, (synset.id, *synset.names))
        )
        for name, synset in zip(names, synsets, strict=True)
    )
    return synsets if at_home >= LIKE_IMAGENET * count else ()


def _spellings(names: Iterable[Sequence[str]], spelt: Callable[[str], str]) -> Spellings:
    """Give the numbers of all that is called so."""
    found: dict[str, list[int]] = {}
    for number, some in enumerate(names):
        for spelling in dict.fromkeys(map(spelt, some)):
            found.setdefault(spelling, []).append(number)
    return found


def _plain(name: str) -> str:
    """Write a name as all that mean the same write it.

    Examples
    --------
    >>> _plain("Great_white  Shark")
    'great white shark'
    """
    return " ".join(name.replace("_", " ").casefold().split())
