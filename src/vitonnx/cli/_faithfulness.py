"""``vitonnx evaluate faithfulness``: whether maps show what an answer depends on."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._console import give, inform, list_skipped
from vitonnx.cli._engines import Runtime, note_untrained, open_engines
from vitonnx.cli._faithfulness_table import print_faithfulness
from vitonnx.cli._options import (
    Device,
    Limit,
    MaxPixels,
    Model,
    Precision,
    Quiet,
    Resume,
    Sample,
    Size,
    Threads,
    parse_size,
)
from vitonnx.cli._output import FIGURES, files_of, settle_output
from vitonnx.cli._probe_options import make_named
from vitonnx.cli._sample import find_sample, go_through, refuse_one

if TYPE_CHECKING:
    from vitonnx.engine import Survey
    from vitonnx.evaluate import Faithfulness, FaithfulnessRun

__all__ = ["EXAMPLE", "faithfulness"]

EXAMPLE = (
    "Example: vitonnx evaluate faithfulness scenes_vit pictures/ --map rollout --map heads:block=3 "
    "-o faithful.json"
)
NUMBERS = (".json",)
FORMS = {"a figure": FIGURES, "all numbers": NUMBERS}
MAPS = ("heads", "rollout")
"""Maps that are evaluated where none is named."""
WILD = re.compile(r"[*?\[]")


def faithfulness(
    model: Model,
    inputs: Sample,
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
    limit: Limit = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            help="Seed of the random map and of random weights; with --limit, also draw a random "
            "sample instead of the first pictures. By default, 0.",
        ),
    ] = None,
    resume: Resume = None,
    size: Size = None,
    max_pixels: MaxPixels = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
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
    from vitonnx.media import Files, check_writable

    check_steps(steps)
    fills = check_fill(fill)
    maps = as_maps(make_named(map_ or MAPS, flag="--map"))
    files = find_sample(inputs, limit, seed if limit is not None else None, quiet=quiet)
    objects = as_masks(masks and MaskFolder(masks, _roots(inputs)), files)
    read = Files({*files, *(name.removeprefix("@") for name in inputs)})
    written = [*(output or []), *([] if resume is None else [resume])]
    for one, other in itertools.combinations(written, 2):
        refuse_one(one, other, "two files of this call")
    _settled(output, [model], read)
    if resume is not None:
        check_writable(resume, read | files_of([model]))
    runtime = Runtime(device, threads, precision)
    make = runtime.opener(parse_size(size), max_pixels, quiet=quiet)
    ((name, engine),) = open_engines([model], make, quiet=quiet).items()
    targets = _settled(output, [engine.file], read)
    run = FaithfulnessRun(
        engine=engine,
        pictures=files,
        maps=maps,
        masks=objects,
        steps=steps,
        fill=fills,
        sanity=sanity,
        seed=seed or 0,
    )
    note_untrained({name: engine.manifest}, quiet=quiet)
    if not run.has_head:
        inform(
            f"{name} has no head: maps are judged by the cosine of its embedding with that of the "
            "whole picture.",
            quiet=quiet,
        )
    surveys = _go(run, files, resume, quiet=quiet)
    if surveys[0].summary.count:
        found = result_of(run, surveys)
        print_faithfulness(found)
        _deliver(found, targets)
    skipped = {file: reason for each in surveys for file, reason in each.skipped.items()}
    list_skipped(list(skipped.values()), len(files))


def _settled(output: Sequence[Path] | None, models: Iterable[str | Path], read: Any) -> list[Path]:
    """Choose a name where none is given, and refuse what can't be written."""
    models = list(models)
    given: Sequence[Path | None] = output or [None]
    return [
        settle_output(each, models, ending=".faithfulness.png", forms=FORMS, inputs=read)
        for each in given
    ]


def _roots(inputs: Sequence[str]) -> tuple[Path, ...]:
    """List the folders that the paths of masks are relative to: folders, and those of globs.

    Examples
    --------
    >>> [root.as_posix() for root in _roots(["bird.png", "holiday/**/*.jpg"])]
    ['holiday']
    """
    roots = []
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            roots.append(path)
        elif WILD.search(name) and not path.exists():
            fixed = itertools.takewhile(lambda part: not WILD.search(part), path.parts)
            roots.append(Path(*fixed))
    return tuple(roots)


def _go(
    run: FaithfulnessRun, files: Sequence[str], resume: Path | None, *, quiet: bool
) -> list[Survey]:
    """Go through the pictures, from where an earlier run was."""
    state = None if resume is None else run.state(resume)
    surveys = (None if state is None else state.load()) or run.begin()
    if state is not None:
        state.save(surveys)  # A file that can't be written shall fail now.
    go_through(
        run.go(surveys),
        surveys,
        [run.engine],
        files,
        state,
        label="Measuring",
        quiet=quiet,
        step=1,
    )
    return surveys


def _deliver(found: Faithfulness, targets: Sequence[Path]) -> None:
    """Write what was asked for, and print its names."""
    for target in targets:
        if target.suffix.lower() in NUMBERS:
            found.save(target)
        else:
            found.plot(target)
        give(target)
