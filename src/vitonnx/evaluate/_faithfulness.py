"""``evaluate_faithfulness``: whether maps show what the model's answer depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.dataset import Dataset, as_dataset
from vitonnx.engine import Engine, Picture, as_pictures
from vitonnx.errors import UsageError
from vitonnx.evaluate._look import as_maps
from vitonnx.evaluate._masks import as_masks
from vitonnx.evaluate._perturb import Fill
from vitonnx.evaluate._result import Faithfulness, result_of
from vitonnx.evaluate._run import FaithfulnessRun
from vitonnx.probes import Probe

__all__ = ["evaluate_faithfulness"]


def evaluate_faithfulness(
    engine: Engine,
    pictures: Picture | Sequence[Picture] | Dataset,
    maps: Probe[Any] | Sequence[Probe[Any]] | Mapping[str, Probe[Any]],
    *,
    masks: str | Path | Sequence[str | Path | NDArray[np.bool_]] | None = None,
    steps: int = 20,
    fill: Fill = "mean",
    sanity: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Faithfulness:
    """Measure how faithful maps are to a model, by inference alone.

    Every map is enlarged bilinearly to the pixels that the model sees. These are removed step by
    step, the most relevant first and the least relevant first, and the model is asked each time. A
    random map and one that points to the centre are measured with the others: what isn't better
    than they are says nothing.

    Parameters
    ----------
    engine : Engine
        The model.
    pictures : picture or sequence of pictures
        As in `Engine.probe`; read one after the other, in flat memory. Bad ones are skipped.
    maps : Probe, sequence of Probe, or mapping of str to Probe
        What gives maps, such as `Rollout`; with names for several of one kind. Of a probe that
        gives several maps of a picture, such as `Heads`, their mean is measured.
    masks : path or sequence, optional
        Where the object is in each picture: a folder that has a PNG of the picture's name, or one
        mask per picture, a PNG or a bool array (height, width). In a PNG all that isn't black is
        object.
    steps : int
        Number of steps from all pixels to none, a multiple of 10. A map takes 2 (steps - 1)
        inferences per picture.
    fill : "mean", "blur" or "black"
        What takes the place of removed pixels: the recipe's mean colour, the blurred picture, or
        black.
    sanity : bool
        Whether to draw the model's weights anew, the head first and then block by block, and to
        compare the maps with those of the untouched model.
    seed : int
        Of the random map, the order of equally relevant pixels, and the random weights.
    progress : callable, optional
        Called with the number of pictures done, and the total, which counts a picture once for
        every stage of the sanity check.

    Returns
    -------
    Faithfulness

    Raises
    ------
    UsageError
        If an option can't be, a probe gives no map, or the model doesn't have what it needs.
    PictureError
        If no picture can be used.

    References
    ----------
    Petsiuk et al. 2018, arXiv:1806.07421 (deletion, insertion); Chefer et al. 2021,
    arXiv:2012.09838 (positive and negative perturbation, scores against masks); Adebayo et al.
    2018, arXiv:1810.03292 (sanity check).

    Examples
    --------
    >>> import vitonnx as vx
    >>> from vitonnx.data.scenes import draw_scene
    >>> scenes = [draw_scene((0, 9, 0, number), size=(48, 48), objects=1) for number in range(3)]
    >>> found = vx.evaluate_faithfulness(
    ...     vx.Engine("scenes_vit", device="cpu"),
    ...     [scene.picture for scene in scenes],
    ...     vx.Rollout(),
    ...     masks=[scene.masks[0] for scene in scenes],
    ...     steps=10,
    ... )
    >>> list(found.measures)
    ['rollout', 'random', 'centre']
    >>> 0 <= found.measures["rollout"]["deletion"].value <= 1
    True
    """
    given = pictures if isinstance(pictures, Dataset) else as_pictures(pictures)
    if not isinstance(given, Dataset | Sequence):
        raise UsageError(
            "the pictures are an iterator, and they are read several times: give a list."
        )
    dataset = as_dataset(given)
    run = FaithfulnessRun(
        engines={engine.manifest.name: engine},
        dataset=dataset,
        maps=as_maps(maps),
        masks=as_masks(masks, dataset),
        steps=steps,
        fill=fill,
        sanity=sanity,
        seed=seed,
    )
    surveys = run.begin()
    total = dataset.counted() * len(surveys)
    for done, _ in enumerate(run.go(surveys), 1):
        progress(done, total)
    return result_of(run, surveys)
