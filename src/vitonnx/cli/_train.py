"""``vitonnx train``: from labelled pictures to a probe-ready file of one's own."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from vitonnx.cli._options import MaxPixels, Quiet
from vitonnx.cli._silence import silence

EXAMPLE = "Example: vitonnx train scenes --objective dino --epochs 10 -o runs/dino"


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder of class folders, the archive of CIFAR-10 (binary version), "
            "or the word scenes: pictures that vitonnx draws.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for all that comes out.")
    ],
    objective: Annotated[
        Literal["supervised", "dino"],
        typer.Option("--objective", help="With labels, or by self-distillation without."),
    ] = "supervised",
    classifier: Annotated[
        Literal["token", "gap"],
        typer.Option("--classifier", help="What is read: a class token, or the patches' mean."),
    ] = "token",
    position: Annotated[
        Literal["learned", "sincos"],
        typer.Option("--position", help="The position embedding: learned, or a fixed table."),
    ] = "learned",
    width: Annotated[int, typer.Option("--width", min=1, help="Of the tokens.")] = 128,
    depth: Annotated[int, typer.Option("--depth", min=1, help="Blocks.")] = 5,
    heads: Annotated[int, typer.Option("--heads", min=1, help="Attention heads a block.")] = 4,
    patch: Annotated[int, typer.Option("--patch", min=1, help="Side of a patch, in pixels.")] = 8,
    image_size: Annotated[
        int, typer.Option("--image-size", min=1, help="Side of the pictures, in pixels.")
    ] = 48,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Rounds through the data.")] = 20,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Pictures a step.")] = 128,
    pictures: Annotated[
        int | None,
        typer.Option(
            "--pictures", min=1, help="Pictures an epoch: all, or 10000 scenes, by default."
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", help="At its highest; 0.001 by default, DINO 0.0005."),
    ] = None,
    hue: Annotated[
        float,
        typer.Option(
            "--hue",
            help="How far augmentation turns the hue, in circles; 0.5 where colour says nothing.",
        ),
    ] = 0.1,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(
            "--precision",
            help="Of products: bfloat16 is faster on processors and GPUs that have it.",
        ),
    ] = "float32",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all that is drawn.")] = 0,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the model; the folder's by default.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in DIR after its last epoch.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Train a small Vision Transformer, and export the best of it."""
    from vitonnx.cli._train_run import TrainCall, run
    from vitonnx.extras import require_export
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
        precision=precision,
        seed=seed,
    )
    require_export(training=True)
    with silence():  # its compiled part talks to stderr whatever it is told
        import_module("tensorflow")
    call = TrainCall(data, output, name or output.resolve().name, pictures, max_pixels, resume)
    run(call, settings, quiet=quiet)
