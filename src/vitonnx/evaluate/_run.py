"""A run of the evaluation: which questions it puts to the pictures, one picture after the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING, LOGITS
from vitonnx.engine import (
    Engine,
    Pass,
    Survey,
    describe_probe,
    left_of_shards,
    run_settings,
)
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.evaluate._baselines import BASELINES, centre_map, random_map
from vitonnx.evaluate._curves import AREAS, Erasing, areas_of, check_steps
from vitonnx.evaluate._look import Look, fitted_maps, look, maps_of
from vitonnx.evaluate._masks import MaskFolder, Masks, mask_of
from vitonnx.evaluate._perturb import Fill, check_fill, pixel_order
from vitonnx.evaluate._rows import Question, Rows
from vitonnx.evaluate._sanity import randomised, rank_correlation, stages_of_model
from vitonnx.evaluate._segmentation import COUNTS, count_picture
from vitonnx.evaluate._window import Window
from vitonnx.probes import Probe, cells_within
from vitonnx.runs import Run

__all__ = ["FaithfulnessRun"]

USUAL = 2**16  # pictures, where their number is not known


@dataclass(frozen=True, eq=False, kw_only=True)
class FaithfulnessRun(Run):
    """An evaluation that can be stopped after every picture, and resumed.

    Parameters
    ----------
    engines : mapping of str to Engine
        The only one.
    dataset : Dataset
        Its pictures.
    steps, fill, sanity, seed
        See `evaluate_faithfulness`.
    maps : dict of str to Probe
        See `as_maps`.
    masks : Masks, optional
        See `as_masks`.

    Raises
    ------
    UsageError
        If the steps or the fill can't be, or the model doesn't have what is needed.
    """

    maps: dict[str, Probe[Any]]
    masks: Masks | None = None
    steps: int = 20
    fill: Fill = "mean"
    sanity: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_steps(self.steps)
        check_fill(self.fill)
        if not {LOGITS, EMBEDDING} & set(self.engine.outputs):
            raise UsageError(
                f"{self.engine.file} has neither logits nor an embedding, by which a map could be "
                "judged."
            )
        for probe in self.maps.values():
            self.engine.reads_of(probe)
        _ = self.stages

    @property
    def engine(self) -> Engine:
        """The model."""
        (engine,) = self.engines.values()
        return engine

    @property
    def has_head(self) -> bool:
        """Whether maps are judged by a class, and not by an embedding."""
        return LOGITS in self.engine.outputs

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all maps: those asked for, and the baselines."""
        return (*self.maps, *BASELINES)

    @cached_property
    def stages(self) -> list[str]:
        """Stages of the sanity check; none if it isn't asked for."""
        return stages_of_model(self.engine) if self.sanity else []

    def passes(self) -> list[Pass]:
        """List what is asked of all pictures: the curves, then every stage of the sanity check."""
        count, maps = self.dataset.count, len(self.names)
        every = USUAL if count is None else count
        numbers = maps, len(AREAS) + COUNTS * (self.masks is not None)
        curves = Question(every, numbers, (2, maps, 2, self.steps + 1))
        questions = [curves, *(Question(every, (len(self.maps),)) for _ in self.stages)]
        return [Pass(each, self.engine.layout, 1) for each in questions]

    def settings(self) -> dict[str, str | int]:
        """Describe the run so closely that one of the same description gives the same bits."""
        of_run = run_settings([self.engine], self.dataset)
        of_maps = {
            f"the map {name}{what}": value
            for name, probe in self.maps.items()
            for what, value in describe_probe(probe).items()
        }
        of_masks: str | int = 0
        if isinstance(self.masks, MaskFolder):
            of_masks = str(self.masks.folder.absolute())
        elif self.masks is not None:
            of_masks = len(self.masks)
        own = {
            "the steps": self.steps,
            "the fill": self.fill,
            "the masks": of_masks,
            "the sanity check": int(self.sanity),
            "the seed": self.seed,
        }
        return {"the maps": ", ".join(self.maps), **of_maps, **own, **of_run}

    @property
    def whole(self) -> str | None:
        """Say so: what is drawn at random for a picture depends on its place among all."""
        return "faithfulness is measured of all pictures together"

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Go through the pictures, from where the surveys are.

        Yields
        ------
        Survey
            The one at hand, after every picture.
        """
        curves, *checks = surveys
        yield from self._measure(curves)
        if not curves.summary.count:
            return
        for number, found in enumerate(checks):
            yield from self._check(self.stages[: number + 1], found)

    @cached_property
    def _fitted(self) -> dict[str, Probe[Any]]:
        return fitted_maps(self.engine, self.dataset, self.maps)

    def _looks(self, found: Survey) -> Iterator[list[Look]]:
        size = self.engine.batch_size
        for samples in left_of_shards(self.dataset, found, Rows, size):
            first = found.pictures
            begun = first - found.position % size
            for batch in look(self.engine, samples, self._fitted, begun):
                yield [each for each in batch if each.number >= first]

    def _measure(self, found: Survey) -> Iterator[Survey]:
        for each in itertools.chain.from_iterable(self._looks(found)):
            yield _counted(found, each, partial(self._scored, each))

    def _scored(self, each: Look) -> Rows:
        picture = each.picture
        assert picture is not None
        grid, window = self.engine.manifest.grid, Window.of(picture)
        own = (random_map(grid, self.seed, each.number), centre_map(grid))
        relevances = [window.enlarge(values) for values in (*each.maps, *own)]
        erasing = Erasing(self.engine, self.steps, self.fill)
        # Read first: without its mask a picture is left out, and needs no curve.
        outlined = self._outlined(each, relevances)
        scores, same = erasing.curves(picture, relevances, self.seed, each.number)
        if not np.isfinite(scores).all():
            raise PictureError(f"{each.name}: the model answers with what is no number.")
        numbers = np.concatenate([areas_of(scores, same), *outlined], axis=1)
        return Rows.of(numbers, np.stack([scores, same.astype(np.float64)]))

    def _outlined(
        self, each: Look, relevances: list[NDArray[np.float64]]
    ) -> list[NDArray[np.float64]]:
        if self.masks is None or each.picture is None:
            return []
        recipe = self.engine.manifest.preprocessing
        mask = mask_of(self.masks, each.number, each.source, each.picture, recipe)
        counts = [
            count_picture(relevance, mask, int(pixel_order(relevance, self.seed, each.number)[0]))
            for relevance in relevances
        ]
        return [np.stack(counts)]

    def _check(self, stages: Sequence[str], found: Survey) -> Iterator[Survey]:
        if found.pictures and found.pictures == self.dataset.count:
            return
        with randomised(self.engine, stages, self.seed) as other:
            for batch in self._looks(found):
                good = [each for each in batch if each.picture is not None]
                changed = iter(maps_of(other, good, self._fitted))
                for each in batch:
                    after = next(changed) if each.picture is not None else each
                    yield _counted(found, each, partial(_alike, each, after))


def _alike(before: Look, after: Look) -> Rows:
    """Correlate the maps of one picture by two models; padding doesn't count."""
    if after.error is not None:
        raise after.error
    assert before.picture is not None
    found = []
    for one, other in zip(before.maps, after.maps, strict=True):
        seen = cells_within(before.picture.inside, one.shape)
        found.append(rank_correlation(one[seen], other[seen]))
    return Rows.of(np.array(found))


def _counted(found: Survey, each: Look, answer: Callable[[], Rows]) -> Survey:
    """Add what is found in a picture to a survey, or the reason why there is nothing."""
    try:
        if each.error is not None:
            raise each.error
        found.own = found.own.merge(answer())
    except UsageError:
        raise
    except VitonnxError as error:
        found.skipped[each.name] = str(error)
    found.position += 1
    return found
