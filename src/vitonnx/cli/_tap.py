"""``vitonnx tap``: a Vision Transformer in ONNX that somebody else exported, made probe-ready."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import give, inform, results, stage
from vitonnx.cli._options import Quiet, parse_size

if TYPE_CHECKING:
    from vitonnx.tap import Tapped

EXAMPLE = "Example: vitonnx tap model.onnx --preprocess imagenet -o probe-ready.onnx"
SAVED_MODEL = "saved_model.pb"


def tap(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An ONNX file, a model of the hub (hf://ORG/REPO), or the folder of a TensorFlow "
            "SavedModel.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")],
    preprocess: Annotated[
        str | None,
        typer.Option(
            "--preprocess",
            metavar="imagenet|half|MEAN,STD|timm:NAME|hf:FILE|hf://ORG/REPO[,pad...]",
            help="How pictures become its input. Read from preprocessor_config.json or config.json "
            "beside the model, if left out. Behind it: ,pad (all of a picture, padded in the mean "
            "colour), ,pad=114 or ,pad=#727272 (in another), ,end (at the right and the bottom), "
            ",squash (all of it, squashed), ,bgr (the network takes blue first).",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="N|HxW",
            help="Input size in pixels. By default the model's own, or its description's.",
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="NAME,...",
            help="Names of the tokens in front of the patches, such as cls,dist.",
        ),
    ] = None,
    interpolation: Annotated[
        str | None,
        typer.Option(
            "--interpolation",
            metavar="timm|dino|huggingface|jax",
            help="How positions become those of other sizes, where neither the graph nor its "
            "description says it.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What the model is called, if not as its file or folder is."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make any Vision Transformer in ONNX probe-ready."""
    from vitonnx.media import check_writable, temporary_folder
    from vitonnx.names import open_foreign
    from vitonnx.tap import tap as tap_file

    names = None if prefix is None else tuple(prefix.split(","))
    check_writable(output, [model])
    with (
        temporary_folder() as folder,
        stage(f"Tapping {Path(model).name}", quiet=quiet) as show,
        open_foreign(model, preprocess, say=partial(inform, quiet=quiet), progress=show) as foreign,
    ):
        source = foreign.file
        tapped = tap_file(
            _from_tensorflow(source, folder) if source.is_dir() else source,
            output,
            preprocess=foreign.preprocess,
            size=parse_size(size),
            prefix_tokens=names,
            interpolation=interpolation,
            name=foreign.name if name is None else name,
        )
    if not quiet:
        _print_findings(tapped)
    give(output)
    for warning in tapped.warnings:
        inform(f"{warning}.", quiet=quiet)


def _from_tensorflow(model: Path, folder: Path) -> Path:
    """Convert a SavedModel; its file has the folder's name."""
    if not (model / SAVED_MODEL).is_file():
        return model  # is refused as any other folder
    from vitonnx.extras import require_export

    require_export()
    from vitonnx.export import convert_saved_model

    return convert_saved_model(model, folder / f"{model.resolve().name}.onnx")


def _print_findings(tapped: Tapped) -> None:
    """Print what was found, and block by block how well it agrees."""
    from vitonnx.cli._table import Table

    console, agreement = results(), tapped.agreement
    parts = Table(show_header=False, box=None, pad_edge=False)
    for part, words in tapped.findings:
        parts.row(part, words)
    console.print(parts)
    table = Table(title="Attention, checked by running it", title_justify="left")
    for heading in ("block", "softmax", "rows from 1", "times values"):
        table.add_column(heading, justify="left" if heading == "softmax" else "right")
    checked = zip(tapped.blocks, agreement.rows, agreement.products, strict=True)
    for block, (name, rows, product) in enumerate(checked):
        table.row(str(block), name, f"{rows:.0e}", f"{product:.0e}")
    console.print(table)
    give(f"outputs against the original's, relative: {agreement.outputs:.0e}")
