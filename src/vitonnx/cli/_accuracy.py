"""``vitonnx evaluate accuracy``: how often a model is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._accuracy_table import print_accuracy
from vitonnx.cli._cluster import as_in_worker, cluster_of
from vitonnx.cli._console import give, inform
from vitonnx.cli._counting import count, list_bad, write_part
from vitonnx.cli._dataset_options import DatasetOptions, Ray, Shard, parse_shard
from vitonnx.cli._engines import EngineOptions, note_untrained
from vitonnx.cli._options import Decode, Device, MaxPixels, Model, Quiet, Resume, Size, Threads
from vitonnx.cli._output import files_of
from vitonnx.cli._spread import spread
from vitonnx.cli._truth import Numbers, Truth, check_written, find_labels
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.engine import Engine, Survey
    from vitonnx.evaluate import AccuracyQuestion
    from vitonnx.manifest import Manifest
    from vitonnx.media import Files
    from vitonnx.runs import Part

__all__ = ["ACCURACY", "EXAMPLE", "accuracy", "accuracy_question", "merge_accuracy"]

ACCURACY = "accuracy"
"""What a part of a run calls its question."""

EXAMPLE = "Example: vitonnx evaluate accuracy deit_s16 imagenet/val -o accuracy.json"


@dataclass(frozen=True, kw_only=True)
class Precisions:
    """How the model is opened, in one precision or several."""

    size: Size = None
    max_pixels: MaxPixels = None
    decode: Decode = "exact"
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
            decode=self.decode,
            device=self.device,
            threads=self.threads,
            precision=first,
        )
        (engine,) = options.open([model], quiet=quiet).values()
        return by_precision([engine, *(engine.sibling(precision=each) for each in others)])


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
    ray: Ray = None,
    *,
    opened: Precisions,
    quiet: Quiet = False,
) -> None:
    """Count how often a model is right: top-1 and top-5, beside what was published."""
    from vitonnx.evaluate import AccuracyRun

    part = parse_shard(shard)
    numbers, own = (output, None) if shard is None else (None, output)
    if shard is not None:
        own = own or Path(f"accuracy-{part[0]}-of-{part[1]}.part")
    # A file of labels may be about pictures by their order, which is looked up first.
    several = truth is not None
    pictures = dataset.open(quiet=quiet, parts=part[1], several_times=several)
    labels = find_labels(truth, dataset, pictures, quiet=quiet)
    read = dataset.read(pictures)
    check_written(numbers, [own, resume], read | files_of([model]), truth)
    engines = as_in_worker(opened, ray).open(model, quiet=quiet)
    first = next(iter(engines.values()))
    check_written(numbers, [own, resume], read | files_of([first.file]), truth)
    run = AccuracyRun(engines=engines, dataset=pictures.part(*part), labels=labels, strict=strict)
    note_untrained({first.manifest.name: first.manifest}, quiet=quiet)
    if run.classes.assumed:
        inform(
            f"{first.manifest.name} doesn't name its {run.classes.count} classes: they are taken "
            "for ImageNet-1k's, in the order of their WordNet ids.",
            quiet=quiet,
        )
    with cluster_of(ray, [model] * len(engines), engines, quiet=quiet) as cluster:
        surveys = count(run, resume, cluster=cluster, label="Measuring", quiet=quiet)
    if own is not None:
        write_part(run, pictures, part, surveys, own, run.question, quiet=quiet)
        list_bad(surveys)
        return
    manifests = {precision: engine.manifest for precision, engine in engines.items()}
    _deliver(run.question, manifests, surveys[0], run.settings(), numbers)


def accuracy_question(
    options: Mapping[str, Any], models: Mapping[str, Manifest]
) -> tuple[AccuracyQuestion, Manifest]:
    """Give what a part of a run counts, as it says itself, and a model that it asked."""
    from vitonnx.evaluate import AccuracyQuestion
    from vitonnx.evaluate.labels import Classes

    manifest = next(iter(models.values()))
    question = AccuracyQuestion(len(models), Classes.of(manifest).count)
    if AccuracyQuestion(**options) != question:
        raise ValueError("options of another model")
    return question, manifest


def merge_accuracy(whole: Part, output: Path | None, parts: Files, *, quiet: bool) -> None:
    """Print what the parts of a run come to, and write it."""
    check_written(output, [], parts, None)
    question, manifest = accuracy_question(whole.options, whole.models)
    note_untrained({manifest.name: manifest}, quiet=quiet)
    _deliver(question, whole.models, whole.surveys[0], whole.settings, output)


def _deliver(
    question: AccuracyQuestion,
    models: Mapping[str, Manifest],
    survey: Survey,
    settings: Mapping[str, str | int],
    output: Path | None,
) -> None:
    """Print a table, write all numbers where that is asked for, and list bad pictures."""
    from vitonnx.evaluate import accuracy_of

    if survey.summary.count:
        found = accuracy_of(question, models, survey, settings)
        print_accuracy(found)
        if output is not None:
            found.save(output)
            give(output)
    elif not survey.pictures:
        raise UsageError("there is no picture to measure.")
    list_bad([survey])
