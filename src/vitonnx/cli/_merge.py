"""``vitonnx merge``: join what several processes counted, each of a part of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._accuracy import ACCURACY, accuracy_question, merge_accuracy
from vitonnx.cli._engines import note_untrained
from vitonnx.cli._options import Quiet
from vitonnx.cli._output import FIGURE_OR_ARRAYS, settle_output
from vitonnx.cli._probe_dataset import FORMS, TotalsFound, deliver_totals
from vitonnx.cli._probe_fitted import deliver_fit
from vitonnx.errors import UsageError
from vitonnx.probes import Probe, SumProbe, TableProbe, find_probe

if TYPE_CHECKING:
    from vitonnx.engine import Counting
    from vitonnx.manifest import Manifest

EXAMPLE = "Example: vitonnx merge distance-0.part distance-1.part -o distance.npz"


def merge(
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PART...", help="All files that a command wrote with --shard I/N."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write what the command would have written without --shard. By default, "
            "MODEL.PROBE.png in the current folder, and a table on stdout.",
        ),
    ] = None,
    block: Annotated[
        list[int] | None,
        typer.Option("--block", help="Show this block head by head (repeat for several)."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Merge the parts of a run into what one process would have written."""
    from vitonnx.media import Files
    from vitonnx.runs import Part, merge_parts

    read = {str(path): Part.load(path, _questions) for path in parts}
    if len(read) < len(parts):
        raise UsageError("a part is given twice: leave one out.")
    whole = merge_parts(read)
    if whole.question == ACCURACY:
        merge_accuracy(whole, output, Files(parts), quiet=quiet)
        return
    probe = _probe(whole.question, whole.options)
    is_total = isinstance(probe, TableProbe | SumProbe)
    target = settle_output(
        output,
        list(whole.models),
        ending=f".{probe.name}.{'png' if is_total else 'npz'}",
        forms=FORMS if is_total else FIGURE_OR_ARRAYS,
        inputs=Files(parts),
    )
    note = note_untrained(whole.models, quiet=quiet)
    found = TotalsFound(probe, whole.models, whole.surveys, whole.files, note, block)
    if is_total:
        deliver_totals(found, target, shown=output is None)
    else:
        deliver_fit(found, target, quiet=quiet)


def _probe(name: str, options: Mapping[str, Any]) -> Any:
    from vitonnx.runs import probe_of_options

    kind = find_probe(name)
    if not issubclass(kind, Probe):
        raise UsageError(f"{name} is asked of weights, and has no parts.")
    return probe_of_options(kind, options)


def _questions(
    name: str, options: Mapping[str, Any], models: Mapping[str, Manifest]
) -> Sequence[tuple[Counting, Manifest]]:
    """Give what each total of a part counts, and of which model."""
    from vitonnx.engine import stages_of

    if name == ACCURACY:
        return [accuracy_question(options, models)]
    probe = _probe(name, options)
    if isinstance(probe, SumProbe) and len(models) > 1:
        pair = probe.between(*models.values())
        return [(pair, next(iter(models.values())))]
    return [(stage, layout) for layout in models.values() for stage in stages_of(probe, layout)]
