"""The probe ``lens``: what the head would read after every block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar

import array_api_compat

from vitonnx.contract import logits_name, patch_logits_name
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._classes import class_name, find_class
from vitonnx.probes._finding import ClassMaps, Maps
from vitonnx.probes._option import is_open, option
from vitonnx.probes._probe import GraphProbe, Queries
from vitonnx.probes._result import PictureResult

__all__ = ["Lens", "LensResult", "best_of_logits", "probabilities"]

BEST = 5


def probabilities(logits: Array) -> Array:
    """Turn logits into probabilities, by a softmax over the last axis.

    Parameters
    ----------
    logits : (..., classes)
        Scores.

    Returns
    -------
    (..., classes), the input's dtype
        From 0 to 1; the last axis sums to 1.

    Examples
    --------
    >>> import numpy as np
    >>> probabilities(np.log(np.asarray([1.0, 3.0]))).round(6).tolist()
    [0.25, 0.75]
    """
    xp = array_api_compat.array_namespace(logits)
    odds = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    return odds / xp.sum(odds, axis=-1, keepdims=True)


def best_of_logits(logits: Array, count: int) -> tuple[Array, Array]:
    """Find the likeliest classes, the likeliest first.

    Parameters
    ----------
    logits : (..., classes)
        Scores.
    count : int
        How many are wanted; all if there are fewer.

    Returns
    -------
    indices : int64 (..., count)
        Of equal classes, the first comes first.
    probabilities : (..., count), the input's dtype

    Examples
    --------
    >>> import numpy as np
    >>> best_of_logits(np.asarray([0.0, 9.0, 1.0]), 2)[0].tolist()
    [1, 2]
    """
    xp = array_api_compat.array_namespace(logits)
    order = xp.argsort(logits, axis=-1, descending=True, stable=True)[..., :count]
    found = xp.sort(probabilities(logits), axis=-1, descending=True)[..., :count]
    return xp.astype(order, xp.int64), found


@dataclass(frozen=True, eq=False, kw_only=True)
class LensResult(PictureResult):
    """What the head reads after one block, in one picture.

    Parameters
    ----------
    lens : int64 (rows, columns)
        Likeliest class of each patch, if the head read that patch and nothing else.
    probability : float32 (rows, columns)
        Its probability; or that of the class that was asked for.
    top5 : int64 (5,)
        The likeliest classes of what the head does read: the class token, both tokens, or the
        pooled patches. There are fewer where the head tells fewer classes apart.
    top5_probability : float32 (5,)
        Their probabilities.
    block : int
        Counted from 0.
    asked : int or None
        The class that was asked for.
    classes : tuple of str or None
        Names of the classes, where known.
    """

    lens: Array
    probability: Array
    top5: Array
    top5_probability: Array
    block: int
    asked: int | None
    classes: tuple[str, ...] | None

    @property
    def drawn(self) -> dict[str, Array]:
        """The one map: of the classes, or of the probability of the one that was asked for."""
        return {"values": (self.lens if self.asked is None else self.probability)[None, ...]}

    @property
    def finding(self) -> ClassMaps | Maps:
        """The classes; or the probability of the one that was asked for."""
        names = [class_name(int(index), self.classes) for index in self.top5]
        shares = [float(share) for share in self.top5_probability]
        best = ", ".join(f"{name} ({share:.0%})" for name, share in zip(names, shares, strict=True))
        details = (f"the head after block {self.block}", f"best: {best}")
        if self.asked is None:
            return ClassMaps(
                **self.drawn,
                labels=("class of each patch",),
                classes=self.classes,
                details=details,
            )
        return Maps(
            **self.drawn,
            labels=(class_name(self.asked, self.classes),),
            unit=f"probability of {class_name(self.asked, self.classes)}",
            details=details,
        )


@dataclass(frozen=True)
class Lens(GraphProbe[LensResult]):
    """The head, read after any block: the class of each patch, and of what the head reads.

    The final norm and the head are applied to the tokens of the block as they are to those of the
    last. A patch's class is that of a picture whose every token is that patch's, so that a head
    that reads two things, such as class and distillation token, is given it for both.

    Parameters
    ----------
    block : int
        0 is the first block, -1 the last.
    class_ : int, str or None
        Show the probability of this class, a number or a name, instead of each patch's likeliest.

    Raises
    ------
    UsageError
        If the model has no such class, no head, or one that pools by attention.

    References
    ----------
    nostalgebraist 2020, "interpreting GPT: the logit lens"; for Vision Transformers, Vilas et al.
    2023, "Analyzing Vision Transformers for Image Classification in Class Embedding Space",
    arXiv:2310.18969.

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> Lens(block=7).reads(vit)
    ('block_07/patch_logits', 'block_07/logits')
    """

    name: ClassVar[str] = "lens"
    help: ClassVar[str] = "Show the class of each patch, as the head reads it after a block."
    purpose: ClassVar[str] = (
        "See what the head would call each patch if it read nothing else; after earlier blocks, "
        "whether the answer is there already."
    )
    example: ClassVar[str] = "--block 8"
    gives = ClassMaps

    block: int = option(-1, "Read the head after this block: 0 is the first, -1 the last.")
    class_: str | int | None = option(
        None,
        "Show the probability of this class, instead of the likeliest class of each patch.",
        metavar="NUMBER|NAME",
        read=str,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.class_ is None or is_open(self.class_)) and not isinstance(
            self.class_, str | Integral
        ):
            raise UsageError(f"class_ is {self.class_!r}; it must be a class's number or name.")

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the values that are read: what the head says of patches, and of what it reads.

        Raises
        ------
        UsageError
            If the model has no such block or class.
        """
        self._asked(layout)
        block = layout.block(self.block)
        return (patch_logits_name(block), logits_name(block))

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, patches + 5, 2): a class and its probability, in each row.

        The likeliest of each patch, and then the five likeliest of what the head reads. Where a
        class is asked for, a third number is its own probability.
        """
        patches, whole = (outputs[name] for name in self.reads(layout))
        xp = array_api_compat.array_namespace(patches, whole)
        asked = self._asked(replace(layout, class_count=int(patches.shape[-1])))
        count = min(BEST, whole.shape[-1])
        indices, shares = best_of_logits(whole, count)
        of_patches = probabilities(patches)
        numbers = [
            xp.concat(
                [
                    xp.astype(xp.argmax(patches, axis=-1), xp.float32),
                    xp.astype(indices, xp.float32),
                ],
                axis=1,
            ),
            xp.concat([xp.max(of_patches, axis=-1), shares], axis=1),
        ]
        if asked is not None:
            of_class = _of_class(probabilities(whole), asked)
            same = xp.concat([of_class] * count, axis=1)
            numbers.append(xp.concat([_of_class(of_patches, asked)[..., 0], same], axis=1))
        return xp.astype(xp.stack(numbers, axis=-1), xp.float32)

    def compared(self, condensed: Array) -> Array:
        """Give the probabilities: of two classes that are as likely, either may come first."""
        return condensed[..., 1:]

    def result(self, condensed: Array, layout: Layout, query: int | None) -> LensResult:
        """Make the result of one picture, of its (patches + 5, 2 or 3)."""
        xp = array_api_compat.array_namespace(condensed)
        patches, best = condensed[: layout.patches, :], condensed[layout.patches :, :]
        asked = self._asked(layout)
        return LensResult(
            lens=xp.reshape(xp.astype(patches[:, 0], xp.int64), layout.grid),
            probability=xp.reshape(patches[:, 1 if asked is None else 2], layout.grid),
            top5=xp.astype(best[:, 0], xp.int64),
            top5_probability=best[:, 1],
            block=layout.block(self.block),
            asked=asked,
            classes=layout.classes,
        )

    def _asked(self, layout: Layout) -> Any:
        """Find the class that is asked for."""
        if self.class_ is None or is_open(self.class_):
            return self.class_
        return find_class(self.class_, layout)


def _of_class(shares: Array, asked: Any) -> Array:
    """Take what one class has: (..., classes) becomes (..., 1)."""
    if not is_open(asked):
        return shares[..., asked : asked + 1]
    xp = array_api_compat.array_namespace(shares)
    return xp.take(shares, xp.reshape(asked, (1,)), axis=-1)
