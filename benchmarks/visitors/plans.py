"""What a visitor does with a picture: a list of steps, the same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

__all__ = ["Asked", "Kind", "Step", "plan"]

Kind: TypeAlias = Literal["receive", "look", "ask", "release", "choose", "save"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where the page's controls stand."""

    models: tuple[str, ...]
    block: int
    who: str = "default"
    pixel: tuple[int, int] | None = None
    mass: float = 0
    fusion: str = "mean"
    discard: float = 0

    @property
    def values(self) -> list[Any]:
        """As the page sends them; the pixel is kept by the page itself."""
        return [list(self.models), self.who, self.block, self.mass, self.fusion, self.discard]


@dataclass(frozen=True)
class Step:
    """One thing that a visitor does, with the controls as they stand then."""

    kind: Kind
    asked: Asked
    probe: str = ""
    """What is saved."""


def plan(number: int, size: tuple[int, int], blocks: Mapping[str, int]) -> list[Step]:
    """Plan a visit.

    Parameters
    ----------
    number : int
        Of the picture.
    size : (height, width)
        Of the picture.
    blocks : mapping of str to int
        How many blocks each model of the page has.
    """
    return list(_steps(random.Random(number), size, blocks))


def _steps(draw: random.Random, size: tuple[int, int], blocks: Mapping[str, int]) -> Iterator[Step]:
    names = list(blocks)
    now = Asked(models=tuple(names[:2]), block=max(blocks.values()) - 1)
    now = _moved(draw, now, blocks)
    yield Step("receive", now)
    for _ in range(3):
        now = _moved(draw, now, blocks)
        yield Step("look", now)
    for _ in range(2):
        now = replace(now, who="patch", pixel=_pixel(draw, size))
        yield Step("ask", now)
    now = _moved(draw, now, blocks)
    yield Step("look", now)
    if draw.random() < 0.3:
        now = replace(now, who="default", pixel=None)
        yield Step("release", now)
    if draw.random() < 0.3:
        now = _chosen(draw, now, names, blocks)
        yield Step("choose", now)
    if draw.random() < 0.2:
        yield Step("save", now, draw.choice(("heads", "rollout")))


def _moved(draw: random.Random, now: Asked, blocks: Mapping[str, int]) -> Asked:
    """Move one of the controls."""
    deepest = max(blocks[name] for name in now.models)
    moves: tuple[dict[str, Any], ...] = (
        {"block": draw.randrange(deepest)},
        {"mass": round(0.05 * draw.randrange(21), 2)},
        {"discard": round(0.05 * draw.randrange(20), 2)},
        {"fusion": draw.choice(("mean", "max", "min"))},
    )
    return replace(now, **draw.choice(moves))


def _pixel(draw: random.Random, size: tuple[int, int]) -> tuple[int, int]:
    """Choose a pixel that every model sees: a crop leaves an eighth of the short side away."""
    height, width = size
    reach = 0.4 * min(size)
    return (
        int(height / 2 + draw.uniform(-reach, reach)),
        int(width / 2 + draw.uniform(-reach, reach)),
    )


def _chosen(
    draw: random.Random, now: Asked, names: Sequence[str], blocks: Mapping[str, int]
) -> Asked:
    """Choose other models, in the page's order; the slider goes as far as the deepest of them."""
    wanted = draw.sample(names, draw.randint(1, min(2, len(names))))
    models = tuple(name for name in names if name in wanted)
    deepest = max(blocks[name] for name in models)
    return replace(now, models=models, block=min(now.block, deepest - 1))
