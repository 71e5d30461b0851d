"""``vitonnx evaluate accuracy``: how often a model is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._accuracy_table import print_accuracy
from vitonnx.cli._console import give, inform
from vitonnx.cli._counting import count, list_bad, refuse_one, write_part
from vitonnx.cli._dataset_options import DatasetOptions, Shard, parse_shard
from vitonnx.cli._engines import EngineOptions, note_untrained
from vitonnx.cli._numbers import Numbers, check_numbers
from vitonnx.cli._options import Device, MaxPixels, Model, Quiet, Resume, Size, Threads
from vitonnx.cli._output import files_of
from vitonnx.cli._spread import spread

if TYPE_CHECKING:
    from vitonnx.dataset import Dataset
    from vitonnx.engine import Engine
    from vitonnx.evaluate import Labels

__all__ = ["EXAMPLE", "Truth", "accuracy", "find_labels"]

EXAMPLE = "Example: vitonnx evaluate accuracy deit_s16 imagenet/val -o accuracy.json"

Truth = Annotated[
    Path | None,
    typer.Option(
        "--truth",
        metavar="FILE",
        help="Labels of the pictures of DATA: ImageNet's val.txt (a name and a number a line), a "
        "WordNet id a line, Kaggle's LOC_val_solution.csv, or the devkit's ground truth with its "
        "meta.mat beside it. By default, the dataset says them: class folders, tars' .cls, --label.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Precisions:
    """How the model is opened, in one precision or several."""

    size: Size = None
    max_pixels: MaxPixels = None
    device: Device = "auto"
    threads: Threads = None
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            metavar="auto|fp32|fp16|bf16|int8",
            help="Precision of the matrix products; auto is fp16 on CUDA and fp32 elsewhere. "
            "Repeat for several, which are compared with the first.",
        ),
    ] = None

    def open(self, model: str, *, quiet: bool) -> dict[str, Engine]:
        """Open the model once for each precision; give the engines by precision."""
        from vitonnx.evaluate import by_precision

        first, *others = self.precision or ["auto"]
        options = EngineOptions(
            size=self.size,
            max_pixels=self.max_pixels,
            device=self.device,
            threads=self.threads,
            precision=first,
        )
        (engine,) = options.open([model], quiet=quiet).values()
        siblings = [engine.sibling(precision=precision) for precision in others]
        return by_precision([engine, *siblings])


@spread
def accuracy(
    model: Model,
    dataset: DatasetOptions,
    truth: Truth = None,
    output: Numbers = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad picture instead of skipping it.")
    ] = False,
    shard: Shard = None,
    resume: Resume = None,
    *,
    opened: Precisions,
    quiet: Quiet = False,
) -> None:
    """Count how often a model is right: top-1 and top-5, beside what was published."""
    from vitonnx.evaluate import AccuracyRun, accuracy_of

    part = parse_shard(shard)
    if shard is not None:
        output = output or Path(f"accuracy-{part[0]}-of-{part[1]}.part")
    else:
        check_numbers(output)
    pictures = dataset.open(quiet=quiet, parts=part[1])
    labels = find_labels(truth, dataset, pictures, quiet=quiet)
    read = dataset.read(pictures) | files_of([model]) | ({truth} if truth else set())
    check_outputs([output, resume], read)
    engines = opened.open(model, quiet=quiet)
    manifests = {precision: engine.manifest for precision, engine in engines.items()}
    first = next(iter(engines.values()))
    check_outputs([output, resume], files_of([first.file]))
    run = AccuracyRun(
        engines=engines, dataset=pictures.part(*part), labels=labels, strict=strict
    )
    note_untrained({first.manifest.name: first.manifest}, quiet=quiet)
    if run.classes.assumed:
        inform(
            f"{first.manifest.name} doesn't name its {run.classes.count} classes: they are taken "
            "for ImageNet-1k's, in the order of their WordNet ids.",
            quiet=quiet,
        )
    surveys = count(run, resume, label="Measuring", quiet=quiet)
    if shard is not None and output is not None:
        write_part(run, pictures, part, surveys, output, run.question)
    elif surveys[0].summary.count:
        found = accuracy_of(run.question, manifests, surveys[0], run.settings())
        print_accuracy(found)
        if output is not None:
            found.save(output)
            give(output)
    list_bad(surveys)
