"""``vitonnx train``: train a small model on your pictures, and export it."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from vitonnx.cli._console import Gauge, Stage, give, inform, list_skipped
from vitonnx.cli._dataset_options import Column, Label, Root
from vitonnx.cli._libraries import silence
from vitonnx.cli._options import MaxPixels, Quiet

DESCRIPTION, CURVES, MODEL = "config.json", "losses.png", "model.onnx"

EXAMPLE = "Example: vitonnx train scenes --objective dino --epochs 10 -o runs/dino"


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Folder with one subfolder of pictures per class, WebDataset tars or parquet "
            "with labels, here or at a URL, CIFAR-10 archive (binary version), or scenes: "
            "synthetic pictures drawn by vitonnx.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Write everything to this folder.")
    ],
    column: Column = "image",
    label: Label = None,
    root: Root = None,
    objective: Annotated[
        Literal["supervised", "dino"],
        typer.Option("--objective", help="Train with labels, or by self-distillation without."),
    ] = "supervised",
    classifier: Annotated[
        Literal["token", "gap"],
        typer.Option(
            "--classifier", help="Classify from a class token, or from the mean of the patches."
        ),
    ] = "token",
    position: Annotated[
        Literal["learned", "sincos"],
        typer.Option("--position", help="Learn the position embedding, or use a fixed table."),
    ] = "learned",
    width: Annotated[int, typer.Option("--width", min=1, help="Dimension of the tokens.")] = 128,
    depth: Annotated[int, typer.Option("--depth", min=1, help="Number of blocks.")] = 5,
    heads: Annotated[int, typer.Option("--heads", min=1, help="Number of heads per block.")] = 4,
    patch: Annotated[int, typer.Option("--patch", min=1, help="Patch size in pixels.")] = 8,
    image_size: Annotated[
        int, typer.Option("--image-size", min=1, help="Input size in pixels.")
    ] = 48,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Number of epochs.")] = 20,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Pictures per step.")
    ] = 128,
    pictures: Annotated[
        int | None,
        typer.Option(
            "--pictures", min=1, help="Pictures per epoch. By default, all, or 10000 scenes."
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate", help="Peak learning rate. By default, 0.001, or 0.0015 with dino."
        ),
    ] = None,
    hue: Annotated[
        float,
        typer.Option(
            "--hue",
            help="Shift the hue by up to this fraction of the colour wheel in augmentation; use "
            "0.5 where colour carries no information.",
        ),
    ] = 0.1,
    registers: Annotated[
        int, typer.Option("--registers", min=0, help="Number of register tokens.")
    ] = 0,
    targets: Annotated[
        Literal["sinkhorn", "centred"],
        typer.Option(
            "--targets",
            help="With dino: balance the teacher's scores over each batch, as DINOv2 does, or "
            "centre them by their running mean, as DINO does.",
        ),
    ] = "sinkhorn",
    prototypes: Annotated[
        int, typer.Option("--prototypes", min=1, help="With dino: number of prototypes.")
    ] = 128,
    batch_norm: Annotated[
        bool,
        typer.Option(
            "--batch-norm/--no-batch-norm", help="With dino: normalise the head over each batch."
        ),
    ] = True,
    koleo: Annotated[
        float,
        typer.Option("--koleo", help="With dino: weight of the loss that spreads embeddings."),
    ] = 0.1,
    momentum: Annotated[
        float,
        typer.Option(
            "--momentum", help="With dino: share that the teacher keeps in a step, at first."
        ),
    ] = 0.9,
    colour_ramp: Annotated[
        tuple[int, int],
        typer.Option(
            "--colour-ramp",
            metavar="FROM TO",
            help="With dino: let the changes of colour grow while the pictures FROM to TO are "
            "seen; use it with --hue 0.5.",
        ),
    ] = (0, 0),
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(
            "--precision",
            help="Precision of the matrix products; bfloat16 is faster on hardware that has it.",
        ),
    ] = "float32",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed for everything random.")] = 0,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the model. By default, that of the folder."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the training in DIR after its last epoch.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Train a small Vision Transformer on your pictures, and export its best epoch."""
    from vitonnx.data import open_data
    from vitonnx.extras import require_export
    from vitonnx.media import check_place
    from vitonnx.models.train import Settings

    settings = Settings(
        objective=objective,
        classifier=classifier,
        position=position,
        image_size=image_size,
        patch=patch,
        width=width,
        depth=depth,
        heads=heads,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        hue=hue,
        registers=registers,
        targets=targets,
        prototypes=prototypes,
        batch_norm=batch_norm,
        koleo=koleo,
        momentum=momentum,
        colour_ramp=colour_ramp,
        precision=precision,
        seed=seed,
    )
    require_export(training=True)
    with silence():  # its compiled part writes to stderr at every log level
        import_module("tensorflow")
    from vitonnx.models import write_config_file
    from vitonnx.models.train import BEST, describe_model
    from vitonnx.models.train import train as train_model
    from vitonnx.plots import plot_losses, save_figure

    check_place(output)
    with Gauge("Reading pictures", quiet=quiet) as show:
        opened = open_data(
            data,
            settings.image_size,
            settings.seed,
            column=column,
            label=label,
            root=root,
            pictures=pictures,
            max_pixels=max_pixels,
            progress=show,
            notice=partial(inform, quiet=quiet),
        )
    spec = describe_model(settings, name or output.resolve().name, opened.classes)

    def keep(rows: list[dict[str, float]]) -> None:
        write_config_file(spec, output / DESCRIPTION)
        save_figure(plot_losses(rows), output / CURVES)
        measures = ", ".join(f"{key} {value:.4g}" for key, value in list(rows[-1].items())[1:])
        inform(f"epoch {len(rows)} of {settings.epochs}: {measures}", quiet=quiet)

    with Gauge("Training", quiet=quiet) as show:
        train_model(
            opened,
            settings,
            output,
            resume=resume,
            on_step=lambda done, steps, loss: show(done, steps, f"loss {loss:.3f}"),
            on_epoch=keep,
        )
    with Stage(f"Exporting {spec.name}", quiet=quiet) as tell:
        from vitonnx.export import export_model

        export_model(spec, output / MODEL, weights=[output / BEST], progress=tell)
    give(output / MODEL)
    used = len(opened.train) + len(opened.validation)
    list_skipped(opened.skipped, used + len(opened.skipped))
