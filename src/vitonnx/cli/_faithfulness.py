"""``vitonnx evaluate faithfulness``: whether maps show what an answer depends on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._console import give, inform
from vitonnx.cli._counting import count, list_bad, refuse_one
from vitonnx.cli._dataset_options import DatasetOptions
from vitonnx.cli._engines import EngineOptions, note_untrained
from vitonnx.cli._faithfulness_table import print_faithfulness
from vitonnx.cli._options import Model, Quiet, Resume
from vitonnx.cli._output import FIGURES, files_of, settle_output
from vitonnx.cli._probe_options import make_named
from vitonnx.cli._spread import spread

if TYPE_CHECKING:
    from vitonnx.evaluate import Faithfulness

__all__ = ["EXAMPLE", "faithfulness"]

EXAMPLE = (
    "Example: vitonnx evaluate faithfulness scenes_vit pictures/ --map rollout --map heads:block=3 "
    "-o faithful.json"
)
NUMBERS = (".json",)
FORMS = {"a figure": FIGURES, "all numbers": NUMBERS}
MAPS = ("heads", "rollout")
"""Maps that are evaluated where none is named."""


@spread
def faithfulness(
    model: Model,
    dataset: DatasetOptions,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="PROBE[:OPTION=VALUE,...]",
            help="Evaluate the map of this probe (repeat for several; the same probe may come "
            f"again with other options). By default, {' and '.join(MAPS)}.",
        ),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a figure of the curves (.png, .pdf, .svg) or all numbers (.json); repeat "
            "for both. By default, MODEL.faithfulness.png in the current folder.",
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            "--steps", help="Remove the pixels in this many steps, a multiple of 10.", min=10
        ),
    ] = 20,
    fill: Annotated[
        str,
        typer.Option(
            "--fill",
            metavar="mean|blur|black",
            help="Put this in the place of removed pixels: the recipe's mean colour, the blurred "
            "picture, or black.",
        ),
    ] = "mean",
    masks: Annotated[
        Path | None,
        typer.Option(
            "--masks",
            metavar="DIR",
            help="Also compare the maps with the objects' masks: a PNG for each picture, under "
            "its path in INPUT; all that isn't black is object.",
        ),
    ] = None,
    sanity: Annotated[
        bool,
        typer.Option(
            "--sanity",
            help="Also draw the model's weights anew, stage by stage from the head to the patch "
            "embedding, and see whether the maps change.",
        ),
    ] = False,
    resume: Resume = None,
    *,
    opened: EngineOptions,
    quiet: Quiet = False,
) -> None:
    """Measure how faithful maps are, beside a random map and one that points to the centre."""
    from vitonnx.evaluate import (
        FaithfulnessRun,
        MaskFolder,
        as_maps,
        as_masks,
        check_fill,
        check_steps,
        result_of,
    )
    from vitonnx.media import check_writable

    check_steps(steps)
    fills = check_fill(fill)
    maps = as_maps(make_named(map_ or MAPS, flag="--map"))
    sampled = dataset if dataset.limit is not None else replace(dataset, seed=None)
    pictures = sampled.open(quiet=quiet, several_times=True)
    objects = as_masks(masks and MaskFolder(masks), pictures)
    read = dataset.read(pictures)
    written = [*(output or []), *([] if resume is None else [resume])]
    for one, other in itertools.combinations(written, 2):
        refuse_one(one, other, "two files of this call")
    _settled(output, [model], read)
    if resume is not None:
        check_writable(resume, read | files_of([model]))
    engines = opened.open([model], quiet=quiet)
    ((name, engine),) = engines.items()
    targets = _settled(output, [engine.file], read)
    run = FaithfulnessRun(
        engines=engines,
        dataset=pictures,
        maps=maps,
        masks=objects,
        steps=steps,
        fill=fills,
        sanity=sanity,
        seed=dataset.seed or 0,
    )
    note_untrained({name: engine.manifest}, quiet=quiet)
    if not run.has_head:
        inform(
            f"{name} has no head: maps are judged by the cosine of its embedding with that of the "
            "whole picture.",
            quiet=quiet,
        )
    surveys = count(run, resume, label="Measuring", quiet=quiet)
    if surveys[0].summary.count:
        found = result_of(run, surveys)
        print_faithfulness(found)
        _deliver(found, targets)
    list_bad(surveys)


def _settled(output: Sequence[Path] | None, models: Iterable[str | Path], read: Any) -> list[Path]:
    """Choose a name where none is given, and refuse what can't be written."""
    models = list(models)
    given: Sequence[Path | None] = output or [None]
    return [
        settle_output(each, models, ending=".faithfulness.png", forms=FORMS, inputs=read)
        for each in given
    ]


def _deliver(found: Faithfulness, targets: Sequence[Path]) -> None:
    """Write what was asked for, and print its names."""
    for target in targets:
        if target.suffix.lower() in NUMBERS:
            found.save(target)
        else:
            found.plot(target)
        give(target)
