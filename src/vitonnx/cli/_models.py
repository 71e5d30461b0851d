"""``vitonnx models``: list the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from vitonnx.cli._console import give, results
from vitonnx.cli._options import Quiet

EXAMPLE = "Example: vitonnx models dino"


def models(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN", help="List only models whose name, alias or family contains this."
        ),
    ] = "",
    quiet: Quiet = False,
) -> None:
    """List the models known by name: those that can be exported, and those inside vitonnx."""
    from vitonnx.cli._console import Table
    from vitonnx.demo import demo_specs
    from vitonnx.errors import UnknownModelError
    from vitonnx.models import registry

    rows = [
        spec
        for spec in (*registry(), *demo_specs())
        if any(pattern.lower() in name for name in (spec.name, spec.family, *spec.aliases))
    ]
    if not rows:
        raise UnknownModelError(
            f"no model's name, alias or family contains {pattern!r}: `vitonnx models` lists all."
        )
    if quiet:
        for spec in rows:
            give(spec.name)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "aliases", "family"):
        table.add_column(heading, overflow="fold")
    for heading in ("parameters", "patch", "size", "top-1 %"):
        table.add_column(heading, justify="right")
    for heading in ("source", "licence"):
        table.add_column(heading, overflow="fold")
    for spec in rows:
        config = spec.config
        table.row(
            spec.name,
            ", ".join(spec.aliases),
            spec.family,
            f"{config.count_parameters() / 1e6:.1f} M",
            str(config.patch_size),
            "x".join(map(str, config.image_size)),
            spec.top1 or (f"{spec.knn} (k-NN)" if spec.knn else "-"),
            spec.repository
            or " ".join(url.rpartition("/")[2] for url in spec.urls)
            or "inside vitonnx",
            spec.licence or "-",
        )
    results().print(table)
