"""The probe ``attribution``: which patches make a class, or another picture's likeness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import array_api_compat
import numpy as np

from vitonnx.contract import (
    ANCHORS,
    EMBEDDING,
    LOGITS,
    NOISE,
    NOISY,
    NORMALISED,
    TARGETS,
    attention_input_name,
    attention_name,
    gradient_name,
)
from vitonnx.errors import UsageError, no_head
from vitonnx.layout import Layout
from vitonnx.probes._adding import AddingProbe
from vitonnx.probes._anchor import Anchor, FirstOutput
from vitonnx.probes._arrays import Array
from vitonnx.probes._attribution_maps import (
    generic_attribution,
    grad_cam,
    gradient_lengths,
    gradient_rollout,
    legrad,
)
from vitonnx.probes._classes import class_name, find_class
from vitonnx.probes._finding import Maps
from vitonnx.probes._lens import probabilities
from vitonnx.probes._option import Option, option
from vitonnx.probes._patches import fold_patches, patch_tokens
from vitonnx.probes._probe import GraphProbe, Queries
from vitonnx.probes._result import PictureResult
from vitonnx.probes._similarity import cosine_similarity
from vitonnx.probes._total import Total

__all__ = ["Attribution", "AttributionResult", "Method"]

Method = Literal["legrad", "generic", "gradient-rollout", "grad-cam", "gradient"]
Target: TypeAlias = int | str

PREDICTED, OF_PICTURE = "predicted", "embedding:"
INPUT = "input"  # in baked files: an input says which class
MOST_SAMPLES, SPREAD = 1000, 0.15  # deviation of the noise, in shares of the pixels' range
UNSAID = -1  # in a graph's targets: the likeliest class
UNITS: dict[str, str] = {
    "legrad": "positive gradient",
    "generic": "relevance",
    "gradient-rollout": "rollout weight",
    "grad-cam": "class activation",
    "gradient": "length of the gradient",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class AttributionResult(PictureResult):
    """What makes a class, or a likeness, in one picture.

    Parameters
    ----------
    attribution : float32 (rows, columns), or (targets, rows, columns) where several are asked
        Raw; in the method's own unit.
    method : str
        The probe's.
    asked : tuple of int or str
        Numbers of the classes, `UNSAID` for the likeliest, or the name of the picture that this
        one is like.
    anchor : float32 (dim,) or None
        That picture's embedding.
    classes : tuple of str or None
        Names of the classes, where known.
    several : bool
        Whether the targets have an axis of their own.
    """

    attribution: Array
    method: str
    asked: tuple[Target, ...]
    anchor: Array | None = field(repr=False)
    classes: tuple[str, ...] | None = field(repr=False)
    several: bool = False

    @property
    def target(self) -> Array:
        """The classes, int64 () or (targets,); -1 for a likeness."""
        return self._of_each([self._class(asked) for asked in self.asked], np.int64)

    @property
    def score(self) -> Array:
        """The logit, or the cosine, float32 () or (targets,)."""
        if self.anchor is not None:
            cosine = cosine_similarity(np.asarray(self.embedding), np.asarray(self.anchor))
            return self._of_each([float(cosine)] * len(self.asked), np.float32)
        logits = np.asarray(self.logits)
        return self._of_each([logits[self._class(asked)] for asked in self.asked], np.float32)

    @property
    def probability(self) -> Array:
        """Of the classes, by a softmax over all, float32 () or (targets,); NaN for a likeness."""
        if self.anchor is not None:
            return self._of_each([math.nan] * len(self.asked), np.float32)
        shares = probabilities(np.asarray(self.logits))
        return self._of_each([shares[self._class(asked)] for asked in self.asked], np.float32)

    @property
    def drawn(self) -> dict[str, Array]:
        """A map a target."""
        return {"values": self.attribution if self.several else self.attribution[None, ...]}

    @property
    def finding(self) -> Maps:
        """A map a target."""
        labels = tuple(map(self._label, range(len(self.asked))))
        return Maps(
            **self.drawn,
            labels=labels,
            unit=UNITS[self.method],
            details=(f"method: {self.method}",),
            alike=True,
        )

    def arrays(self) -> dict[str, Array]:
        """Give the map, and the target with its score and probability."""
        return {
            "attribution": self.attribution,
            "target": self.target,
            "score": self.score,
            "probability": self.probability,
        }

    def _class(self, asked: Target) -> int:
        if isinstance(asked, str):
            return UNSAID
        return asked if asked != UNSAID else int(np.argmax(np.asarray(self.logits)))

    def _of_each(self, values: Sequence[float], dtype: Any) -> Array:
        return np.asarray(values if self.several else values[0], dtype)

    def _label(self, place: int) -> str:
        asked = self.asked[place]
        score = np.atleast_1d(self.score)[place]
        if isinstance(asked, str):
            return f"like {asked} ({score:.2f})"
        name = class_name(self._class(asked), self.classes).split(",")[0]
        return f"{name} ({np.atleast_1d(self.probability)[place]:.0%})"


@dataclass(frozen=True)
class Attribution(GraphProbe[AttributionResult]):
    """Which patches a class depends on, by gradients that the graph itself computes.

    Parameters
    ----------
    method : str
        ``legrad``, ``generic``, ``gradient-rollout``, ``grad-cam`` or ``gradient``.
    target : int, str, tuple of these, or None
        A class, by its number or name; ``"predicted"``, as None, for the likeliest of each picture;
        or ``"embedding:PICTURE"``, the cosine of the embedding with that of another picture. Of
        several, each has a map.
    samples : int or None
        For ``gradient``: copies of the picture with noise, whose gradients are averaged; the
        noise's deviation is 0.15 of the range of the picture's values.
    anchor : Anchor or None
        What the probe learns of that picture.
    of_first : bool
        Whether the likeliest class of the first picture is asked about in all.

    Raises
    ------
    UsageError
        If the model has no such class, or no head; or if an operator has no known gradient.

    References
    ----------
    Bousselham et al. 2024, arXiv:2404.03214 (``legrad``); Chefer et al. 2021, arXiv:2103.15679
    (``generic``); Gildenblat 2020 (``gradient-rollout``); Selvaraju et al. 2017, arXiv:1610.02391
    (``grad-cam``); Simonyan et al. 2013, arXiv:1312.6034 (``gradient``); Smilkov et al. 2017,
    arXiv:1706.03825 (``samples``).

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=2, heads=6)
    >>> Attribution().reads(vit)
    ('gradients/mean_logit_0/block_00/attention', 'gradients/mean_logit_0/block_01/attention')
    """

    name: ClassVar[str] = "attribution"
    help: ClassVar[str] = "Show which patches make a class."
    purpose: ClassVar[str] = (
        "See which patches speak for a class: attention shows what a model reads, and gradients "
        "what its answer depends on."
    )
    example: ClassVar[str] = "--target predicted"
    gives = Maps

    method: Method = option("legrad", "Find it in this way.")
    target: Target | tuple[Target, ...] | None = option(
        None,
        "Ask about this class, by its number or name; about the likeliest of each picture "
        "(predicted); or about what makes the picture like another (embedding:PICTURE). Repeat for "
        "a map of each. By default, predicted.",
        metavar="predicted|NUMBER|NAME|embedding:PICTURE",
        read=str,
        constant=True,
        several=True,
        other_name="class",
    )
    samples: int | None = option(
        None,
        "Average the gradient over this many copies of the picture with noise (SmoothGrad; method "
        "gradient).",
        least=1,
        most=MOST_SAMPLES,
    )
    anchor: Anchor | int | None = None
    of_first: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples is not None and self.method != "gradient":
            raise UsageError(
                f"samples are for the method gradient, not {self.method}: leave them out."
            )
        targets = self._targets
        known = all(isinstance(target, str | Integral) for target in targets)
        if not targets or not known or any(isinstance(target, bool) for target in targets):
            raise UsageError(
                f"target is {self.target!r}; it must be a class's number or name, predicted, or "
                "embedding:PICTURE, or a tuple of these."
            )
        if self._picture == "":
            raise UsageError(f"target {OF_PICTURE!r} names no picture: write {OF_PICTURE}PICTURE.")
        if len(targets) > 1 and (self._picture is not None or INPUT in targets):
            raise UsageError(
                "target embedding:PICTURE, or input, is asked alone: ask about others in a pass of "
                "their own."
            )

    @property
    def _targets(self) -> tuple[Target, ...]:
        given = PREDICTED if self.target is None else self.target
        return given if isinstance(given, tuple) else (given,)

    @property
    def _picture(self) -> str | None:
        """The picture whose embedding is meant."""
        for target in self._targets:
            if isinstance(target, str) and target.startswith(OF_PICTURE):
                return target.removeprefix(OF_PICTURE)
        return None

    @property
    def fit_source(self) -> str | None:
        """The picture whose embedding is meant."""
        return self._picture

    def fit_stage(self, layout: Layout) -> AddingProbe[Any, Any] | None:
        """Ask that picture for its embedding; or the first of all for its likeliest class."""
        if self.of_first:
            if layout.class_count is None:
                raise no_head()
            return FirstOutput(LOGITS)
        return FirstOutput(EMBEDDING) if self._picture is not None and self.anchor is None else None

    def learn(self, total: Total, layout: Layout) -> Attribution:
        """Take the embedding, or the class."""
        assert isinstance(total, Anchor)
        if not self.of_first:
            return replace(self, anchor=total)
        best = int(np.argmax(np.asarray(total.vector)))
        return replace(self, target=best, of_first=False)

    def in_video(self) -> Attribution:
        """Ask about the first frame's likeliest class all through a video, where that is asked."""
        if self._several:
            raise UsageError("a video has room for one target of attribution: give one.")
        return replace(self, of_first=True) if self._targets == (PREDICTED,) else self

    def advice(self, layout: Layout) -> str | None:
        """Say that one class is asked about in all pictures, where nobody said which."""
        if not self.of_first:
            return None
        return "attribution shows the likeliest class of the first frame, all through."

    def carries(self, option: Option) -> bool:
        """Tell whether the constants carry it."""
        return option.name == "target"

    @property
    def graph_form(self) -> Attribution:
        """The probe with as many targets, whichever they are."""
        if self.target == INPUT:
            return self
        target: Target | tuple[Target, ...] = (0,) * len(self._targets) if self._several else 0
        anchor = self.anchor
        if self._picture is not None:
            target = f"{OF_PICTURE}any"
        if isinstance(anchor, Anchor):
            anchor = int(anchor.vector.shape[0])
        return replace(self, target=target, anchor=anchor, samples=self.samples and 1)

    @property
    def beside(self) -> tuple[str, ...]:
        """Name the output whose numbers results hold too."""
        return () if self._picture is None else (EMBEDDING,)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the values that are read: attention, tokens, and gradients of each target.

        Raises
        ------
        UsageError
            If the model has no such class.
        """
        self._asked(layout)
        values = list(self._values(layout))
        targets = range(len(self._targets))
        return (*values, *(name for target in targets for name in self._gradients(layout, target)))

    def _values(self, layout: Layout) -> tuple[str, ...]:
        if self.method in ("generic", "gradient-rollout"):
            return tuple(attention_name(block) for block in range(layout.blocks))
        if self.method == "grad-cam":
            return (attention_input_name(layout.blocks - 1),)
        return ()

    def _gradients(self, layout: Layout, target: int) -> tuple[str, ...]:
        scalar = "logit" if self._picture is None else "cosine"
        if self.method == "gradient":
            pixels = NORMALISED if self.samples is None else NOISY
            return (gradient_name(scalar, target, pixels),)
        if self.method == "legrad":
            attentions = [attention_name(block) for block in range(layout.blocks)]
            return tuple(gradient_name(f"mean_{scalar}", target, each) for each in attentions)
        return tuple(gradient_name(scalar, target, each) for each in self._values(layout))

    def constants(self, layout: Layout) -> Mapping[str, Array]:
        """Give the classes, or the other picture's embedding."""
        if self.target == INPUT:
            return {}
        if self._picture is None:
            return {TARGETS: np.asarray([self._asked(layout)], np.int64)}
        if isinstance(self.anchor, Anchor):
            return {ANCHORS: np.asarray(self.anchor.vector, np.float32)[None, :]}
        return {ANCHORS: np.zeros((1, self.anchor or 1), np.float32)}

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, rows, columns), or (batch, targets, rows, columns) of several.

        With samples, the gradient: (batch, height, width, 3), or (batch, targets, …) of several.
        """
        maps = [
            self._map(
                [outputs[name] for name in self._values(layout)],
                [outputs[name] for name in self._gradients(layout, target)],
                layout,
            )
            for target in range(len(self._targets))
        ]
        xp = array_api_compat.array_namespace(maps[0])
        maps = [xp.astype(each, xp.float32) for each in maps]
        return xp.stack(maps, axis=1) if self._several else maps[0]

    def _map(self, values: Sequence[Array], gradients: Sequence[Array], layout: Layout) -> Array:
        if self.method == "gradient":
            # The mean is taken of gradients, and not of their lengths.
            return gradients[0] if self.samples is not None else self._lengths(gradients[0], layout)
        if self.method == "grad-cam":
            tokens, gradient = (patch_tokens(each, layout) for each in (values[0], gradients[0]))
            xp = array_api_compat.array_namespace(tokens)
            flat = [
                xp.reshape(each, (-1, layout.patches, each.shape[-1]))
                for each in (tokens, gradient)
            ]
            return xp.reshape(grad_cam(*flat), (-1, *layout.grid))
        if self.method == "legrad":
            found = legrad(gradients)
        else:
            follow = generic_attribution if self.method == "generic" else gradient_rollout
            found = follow(values, gradients, rows=layout.readout)
        return fold_patches(found, grid=layout.grid, prefix=layout.prefix, suffix=layout.suffix)

    @staticmethod
    def _lengths(gradient: Array, layout: Layout) -> Array:
        return gradient_lengths(gradient, patch=layout.patch_size, grid=layout.grid)

    @property
    def draws(self) -> int:
        """Number of copies with noise."""
        return self.samples or 0

    def drawn(
        self,
        number: int | None,
        sides: tuple[int, int],
        logits: Array | None,
        constants: Mapping[str, Array],
    ) -> Mapping[str, Array]:
        """Give the noise of one copy, and the classes of the picture without noise."""
        if number is None:
            return {NOISE: np.zeros((*sides, 3), np.float32)}
        generator = np.random.default_rng(number)
        drawn = {NOISE: generator.standard_normal((*sides, 3), np.float32) * np.float32(SPREAD)}
        if logits is not None and TARGETS in constants:
            asked, best = constants[TARGETS], np.argmax(logits, axis=-1)[:, None]
            drawn[TARGETS] = np.where(asked == UNSAID, best, asked)
        return drawn

    def result(self, condensed: Array, layout: Layout, query: int | None) -> AttributionResult:
        """Make the result of one picture, of its map or maps; or of its gradient, with samples."""
        anchor = self.anchor.vector if isinstance(self.anchor, Anchor) else None
        picture = self._picture
        if self.samples is not None:
            each = condensed if self._several else condensed[None, ...]
            lengths = self._lengths(each, layout)
            condensed = lengths if self._several else lengths[0, ...]
        return AttributionResult(
            attribution=condensed,
            method=self.method,
            asked=self._asked(layout) if picture is None else (Path(picture).name,),
            anchor=anchor,
            classes=layout.classes,
            several=self._several,
        )

    @property
    def _several(self) -> bool:
        return isinstance(self.target, tuple)

    @property
    def _names_class(self) -> bool:
        words = (PREDICTED, INPUT)
        return any(isinstance(target, str) and target not in words for target in self._targets)

    def _asked(self, layout: Layout) -> tuple[int, ...]:
        """Find the numbers of the classes."""
        if self._picture is not None:
            return ()
        if layout.classes is None and layout.class_count is None and self._names_class:
            raise no_head()
        return tuple(
            UNSAID if target in (PREDICTED, INPUT) else find_class(target, layout)
            for target in self._targets
        )
