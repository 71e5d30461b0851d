"""``vitonnx probe NAME`` of a probe that gives maps: draw or save what it finds in pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._cluster import as_in_worker, cluster_of
from vitonnx.cli._console import give, list_skipped, watch
from vitonnx.cli._dataset_options import DatasetOptions, Ray, Shard, parse_shard
from vitonnx.cli._engines import (
    EngineOptions,
    agreed,
    check_stackable,
    note_untrained,
    print_plans,
    say_advice,
)
from vitonnx.cli._options import Compare, Explain, Model, Quiet, Resume
from vitonnx.cli._output import (
    ARRAYS,
    FIGURE_OR_ARRAYS,
    FIGURES,
    check_output,
    files_of,
    name_figures,
)
from vitonnx.cli._rows import Force, check_rows, is_for_rows, write_rows
from vitonnx.cli._spread import spread
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitonnx.cli._engines import Answer
    from vitonnx.dataset import Dataset
    from vitonnx.engine import Engine, Result

__all__ = ["RowsToo", "check_sheet", "probe_pictures", "settle_figures", "show_pictures"]

RowsToo = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR",
        help="Write a figure (.png, .pdf, .svg) or raw arrays (.npz); or a row for each picture, "
        "to a folder or a .parquet file. By default, PICTURE.PROBE.png in the current folder for "
        "each picture.",
    ),
]


@spread
def probe_pictures(
    probe: Any,
    model: Model,
    dataset: DatasetOptions,
    output: RowsToo = None,
    shard: Shard = None,
    resume: Resume = None,
    force: Force = False,
    ray: Ray = None,
    compare: Compare = None,
    *,
    opened: EngineOptions,
    explain: Explain = False,
    quiet: Quiet = False,
) -> None:
    """Ask one probe; good pictures are done, bad ones are listed at the end."""
    from vitonnx.runs import ProbeRows

    models, part = (model, *(compare or [])), parse_shard(shard)
    in_rows = is_for_rows(output, force=force)
    # Of figures, each is named before the first is drawn.
    pictures = dataset.open(quiet=quiet, parts=part[1], several_times=not in_rows)
    read = dataset.read(pictures) | files_of(models)
    targets = []
    for_rows = {"--shard": shard, "--resume": resume, "--ray": ray}
    if not in_rows and any(for_rows.values()):
        given = next(name for name, value in for_rows.items() if value)
        raise UsageError(f"{given} is for rows: give a folder or a .parquet file with -o.")
    if output is not None and in_rows:
        check_rows(output, read, part, resume, models=models, holders=dataset.holders(pictures))
    elif output is not None:
        check_output(output, FIGURE_OR_ARRAYS, read)
        check_sheet(output, pictures, probe)
    elif not explain:
        targets = settle_figures(pictures, probe, models)
    engines = as_in_worker(opened, ray).open(models, quiet=quiet)
    if explain:
        print_plans(engines, probe)
        return
    probes = dict.fromkeys(engines, probe)
    say_advice(engines, probes, quiet=quiet)
    if output is None or not in_rows:
        show_pictures(engines, pictures, probes, output, targets, quiet=quiet)
        return
    ((name, engine),) = engines.items()
    note_untrained({name: engine.manifest}, quiet=quiet)
    rows = ProbeRows(engine=engine, probe=probe)
    with cluster_of(ray, models, engines, quiet=quiet) as cluster:
        write_rows(
            rows,
            pictures,
            output,
            part,
            resume=resume,
            force=force,
            cluster=cluster,
            label="Probing",
            quiet=quiet,
        )


def settle_figures(pictures: Dataset, probe: Any, models: Iterable[str]) -> list[Path]:
    """Name the figure of each picture by its file, or else by its id."""
    if pictures.is_listed:
        names = [Path(str(file)) for file in pictures.files]
    else:
        names = [Path(sample.id) for sample in pictures.samples()]
    return name_figures(names, f".{probe.name}.png", models)


def show_pictures(
    engines: Mapping[str, Engine],
    pictures: Dataset,
    probes: Mapping[str, Any],
    output: Path | None,
    targets: Sequence[Path],
    *,
    quiet: bool,
) -> None:
    """Ask each model its probe, and draw or save what it finds, a file a picture or in one file.

    Parameters
    ----------
    engines, probes : mapping
        By the models' names.
    pictures : Dataset
    output : path, optional
        The one file.
    targets : sequence of path
        Otherwise, one for each picture.
    quiet : bool
        Whether to suppress notes.
    """
    manifests = {name: engine.manifest for name, engine in engines.items()}
    (probe, *_) = probes.values()
    in_arrays = output is not None and output.suffix.lower() == ARRAYS
    if in_arrays:
        check_stackable(manifests, probe)
    look = _Look(probe.name, list(engines), note_untrained(manifests, quiet=quiet))
    own = {name: [each] for name, each in probes.items()}
    # A list says how many there are: of a few, some things are not worth while.
    given = pictures.files if pictures.is_listed else pictures
    answers = agreed(engines, given, [probe], own)
    answers = watch(answers, total=pictures.count, label="Probing", quiet=quiet)
    if output is None:
        firsts = _draw_each(answers, targets, look)
    else:
        # Pixels are the largest part of a result, and no part of its arrays.
        kept = [_slim(answer) if in_arrays else answer for answer in answers]
        firsts = [first for first, *_ in kept]
        if any(first.error is None for first in firsts):
            learned = probe.learned(next(iter(manifests.values()))) if len(engines) == 1 else {}
            _write(output, kept, look, learned)
            give(output)
    list_skipped([first.error for first in firsts if first.error], len(firsts))


def _slim(answer: Answer) -> Answer:
    """Leave the pixels out."""
    return tuple(
        replace(
            result,
            pixels=None,
            values={name: replace(value, pixels=None) for name, value in result.values.items()},
        )
        for result in answer
    )


def check_sheet(output: Path, pictures: Dataset, probe: Any) -> None:
    """Refuse a contact sheet that nobody could read, before the work begins."""
    if output.suffix.lower() not in FIGURES:
        return
    from vitonnx.plots import MOST_PICTURES
    from vitonnx.probes import ON_PICTURES

    count = pictures.counted()
    if count > 1 and probe.gives not in ON_PICTURES:
        raise UsageError(
            f"only maps are drawn on one sheet, and {probe.name} gives none: save arrays "
            f"(-o {probe.name}.npz), or omit -o for a file a picture."
        )
    if count > MOST_PICTURES:
        raise UsageError(
            f"A contact sheet holds at most {MOST_PICTURES} pictures, not {count}: save arrays "
            "(-o maps.npz), or leave -o out for a file a picture."
        )


def _draw_each(answers: Iterable[Answer], targets: Sequence[Path], look: _Look) -> list[Result]:
    """Draw one file a picture as soon as it is done; keep only what the end needs."""
    from vitonnx.engine import Result
    from vitonnx.plots import save_figure

    results: list[Result] = []
    for answer, target in zip(answers, targets, strict=True):
        result = answer[0]
        if result.error is None:
            save_figure(look.draw([answer]), target)
            give(target)
        results.append(Result(file=result.file, error=result.error))
    return results


def _write(
    output: Path, answers: Sequence[Answer], look: _Look, learned: Mapping[str, Any]
) -> None:
    """Write all pictures to one file."""
    from vitonnx.engine import save_comparison, save_results
    from vitonnx.plots import save_figure

    if output.suffix.lower() != ARRAYS:
        good = [answer for answer in answers if answer[0].error is None]
        save_figure(look.draw(good), output)
    elif len(look.names) > 1:
        save_comparison(output, look.by_model(answers), look.probe)
    else:
        save_results(output, [result for (result,) in answers], look.probe, learned)


@dataclass(frozen=True)
class _Look:
    """What all figures of a call have in common."""

    probe: str
    names: list[str]
    note: str

    def draw(self, answers: Sequence[Answer]) -> Figure:
        """Draw one picture, or several on one sheet."""
        from vitonnx.plots import plot_results

        return plot_results(self.by_model(answers), self.note)

    def by_model(self, answers: Sequence[Answer]) -> Mapping[str, list[Result]]:
        """Turn answers by picture into results by model."""
        return {
            name: [answer[model] for answer in answers] for model, name in enumerate(self.names)
        }
