"""``vitonnx embed``: the embedding of every picture of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitonnx.cli._cluster import as_in_worker, cluster_of
from vitonnx.cli._dataset_options import DatasetOptions, Ray, Shard, parse_shard
from vitonnx.cli._engines import EngineOptions, note_untrained
from vitonnx.cli._options import Model, Quiet, Resume
from vitonnx.cli._output import files_of
from vitonnx.cli._rows import Force, check_rows, is_for_rows, write_rows
from vitonnx.cli._spread import spread
from vitonnx.errors import UsageError

EXAMPLE = "Example: vitonnx embed dino_vits16.onnx 'train-{000..146}.tar' -o embeddings/"
FILES = (".parquet", ".npz")


@spread
def embed(
    model: Model,
    dataset: DatasetOptions,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|FILE",
            help="Write a parquet file for each shard to this folder, or all to one file "
            "(.parquet, .npz).",
        ),
    ],
    half: Annotated[
        bool, typer.Option("--half", help="Write embeddings in half precision.")
    ] = False,
    logits: Annotated[
        bool,
        typer.Option("--logits", help="Also write the logits, and the five likeliest classes."),
    ] = False,
    shard: Shard = None,
    resume: Resume = None,
    force: Force = False,
    ray: Ray = None,
    *,
    opened: EngineOptions,
    quiet: Quiet = False,
) -> None:
    """Embed pictures: one row each, with its id, embedding and label."""
    from vitonnx.runs import EmbeddingRows

    if output.suffix and not output.is_dir() and output.suffix.lower() not in FILES:
        raise UsageError(
            f"can't write {output}: its suffix must be {' or '.join(FILES)}, or give a folder, "
            "whose name has none."
        )
    part = parse_shard(shard)
    pictures = dataset.open(quiet=quiet, parts=part[1])
    read = dataset.read(pictures) | files_of([model])
    is_for_rows(output, force=force)
    check_rows(output, read, part, resume, models=[model], holders=dataset.holders(pictures))
    engines = as_in_worker(opened, ray).open([model], quiet=quiet)
    ((name, engine),) = engines.items()
    note_untrained({name: engine.manifest}, quiet=quiet)
    question = EmbeddingRows(engine=engine, half=half, logits=logits)
    with cluster_of(ray, [model], engines, quiet=quiet) as cluster:
        write_rows(
            question,
            pictures,
            output,
            part,
            resume=resume,
            force=force,
            cluster=cluster,
            label="Embedding",
            quiet=quiet,
        )
