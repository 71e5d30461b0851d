"""The forms of a probe: what a graph of its own is traced for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.portable._roles import role_of
from vitonnx.probes import GraphProbe, Option, SumProbe, options_of

__all__ = ["Form", "forms_of"]

# What stands for a number where one is needed, as in an example: of a share, or of a norm.
EXAMPLE = 0.5


@dataclass(frozen=True)
class Form:
    """One graph of a probe: its choices are made, its numbers are inputs.

    Parameters
    ----------
    kind : type
        The probe's class.
    choices : dict of str to value
        Options that are fixed in the graph.
    numbers : tuple of str
        Options that are given as numbers; the others are at their defaults.
    query : "token", "mean" or None
        Whether a token is an input, or the mean over the patches is asked; None without a query.
    target : str or None
        Name of the option that is a class, where one is asked for.
    """

    kind: type[GraphProbe[Any]]
    choices: dict[str, Any]
    numbers: tuple[str, ...]
    query: str | None
    target: str | None = None

    def probe(self, block: int | None, **told: Any) -> GraphProbe[Any]:
        """Make the probe; `told` are its numbers."""
        given = {**self.choices, **told}
        if block is not None and self.has_block:
            given["block"] = block
        if self.query is not None:
            given["query"] = "mean" if self.query == "mean" else (0, 0)
        return self.kind(**given)

    def example(self, block: int | None) -> GraphProbe[Any]:
        """Make the probe with numbers that it takes."""
        told = dict.fromkeys(self.numbers, EXAMPLE)
        return self.probe(block, **told, **({self.target: 0} if self.target else {}))

    @property
    def has_block(self) -> bool:
        """Whether a block is asked for."""
        return any(role_of(each) == "block" for each in options_of(self.kind))

    @property
    def name(self) -> str:
        """What files of it are called."""
        words = [str(value) for value in self.choices.values() if value is not False]
        target = "class" if self.target else None
        return "-".join(filter(None, [self.kind.name, *words, self.query, *self.numbers, target]))


def forms_of(kind: type[Any], layout: Layout) -> list[Form]:
    """List the forms of a probe; none where no graph of its own can be made.

    A choice that must be learned from the picture in several stages has none.

    Examples
    --------
    >>> from vitonnx.probes import Rollout
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=2, heads=6)
    >>> [form.name for form in forms_of(Rollout, vit)][:3]
    ['rollout-mean', 'rollout-mean-discard', 'rollout-max']
    """
    if not issubclass(kind, GraphProbe) or issubclass(kind, SumProbe):
        return []
    return [form for form in _combined(kind) if _works(form, layout)]


def _combined(kind: type[GraphProbe[Any]]) -> Iterator[Form]:
    """Go through all that can be chosen."""
    options = options_of(kind)
    fixed = [each for each in options if role_of(each) in ("choice", "switch")]
    numbers = [each.name for each in options if role_of(each) == "number"]
    targets = [each.name for each in options if role_of(each) == "class" and not each.several]
    queries = ["token", "mean"] if any(role_of(each) == "query" for each in options) else [None]
    for values in itertools.product(*map(_values, fixed)):
        choices = {each.name: value for each, value in zip(fixed, values, strict=True)}
        for query in queries:
            for count in range(len(numbers) + 1):
                for given in itertools.combinations(numbers, count):
                    yield Form(kind, choices, given, query)
                    for target in targets:
                        yield Form(kind, choices, given, query, target)


def _values(option: Option) -> tuple[Any, ...]:
    return option.choices or (False, True)


def _works(form: Form, layout: Layout) -> bool:
    """Tell whether the model can be asked; and in one stage."""
    try:
        probe = form.example(0)
        probe.reads(layout)
    except UsageError:
        return False
    return len(probe.fit_stages(layout)) <= 1
