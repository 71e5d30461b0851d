"""``vitonnx inspect``: print the manifest of a file as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import give, inform, results
from vitonnx.cli._options import Model, Quiet
from vitonnx.filenames import shown_json

if TYPE_CHECKING:
    from vitonnx.manifest import Manifest, Preprocessing

SHOWN = 8  # token names listed in full

EXAMPLE = "Example: vitonnx inspect dino.onnx"
UNKNOWN = "how to resample its positions to another grid is not known"


def inspect(
    model: Model,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show the manifest of a probe-ready file: model, preprocessing, source and versions."""
    from vitonnx.cli._console import Table
    from vitonnx.cli._engines import resolve_model
    from vitonnx.modelfile import load_manifest

    manifest = load_manifest(resolve_model(model, quiet=quiet))
    if json:
        give(shown_json(manifest.to_json()))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in describe(manifest).items():
        table.row(key, value)
    results().print(table)
    if manifest.untrained:
        inform("the weights are random: the model is untrained.", quiet=quiet)


def describe(manifest: Manifest) -> dict[str, str]:
    """Describe every field in words."""
    recipe, source = manifest.preprocessing, manifest.source
    return {
        "name": manifest.name,
        "family": manifest.family,
        "weights": "random (untrained)" if manifest.untrained else "from a checkpoint",
        "input": f"{_by(manifest.size)} pixels",
        "other sizes": "yes" if manifest.resizable else f"no: {manifest.size_fixed_by or UNKNOWN}",
        "patch size": str(manifest.patch_size),
        "grid": f"{_by(manifest.grid)} patches{_covered(manifest)}",
        "prefix tokens": ", ".join(manifest.prefix_tokens) or "none",
        "suffix tokens": _few(manifest.suffix_tokens),
        "blocks": str(manifest.blocks),
        "heads": str(manifest.heads),
        "dim": str(manifest.dim),
        "positions": _positions(manifest),
        "position prefix": ", ".join(manifest.position_prefix) or "none",
        "preprocessing": f"{_placed(recipe)}, {recipe.interpolation}",
        "channel order": recipe.channel_order,
        "mean": ", ".join(f"{value:g}" for value in recipe.mean),
        "std": ", ".join(f"{value:g}" for value in recipe.std),
        "classes": f"{len(manifest.classes)} names" if manifest.classes else "no names",
        "source": source.file,
        "sha256": source.sha256 or "-",
        "url": source.url or "-",
        "licence": source.licence or "-",
        "precision": manifest.precision,
        "fidelity": ", ".join(
            f"{what} {number:g}"
            for what, number in (manifest.fidelity or {}).items()
            if number is not None
        )
        or "-",
        "parity": ", ".join(f"{kind} {error:.0e}" for kind, error in manifest.parity.items()),
        "versions": ", ".join(f"{name} {number}" for name, number in manifest.versions.items()),
        "contract version": str(manifest.contract_version),
    }


def _covered(manifest: Manifest) -> str:
    if manifest.covered == manifest.size:
        return ""
    return f", covering {_by(manifest.covered)} pixels"


def _placed(recipe: Preprocessing) -> str:
    """Describe how a picture becomes the input."""
    to = f"to {_by(recipe.size)}"
    margin = "" if recipe.crop == 1 else f", margin cropped ({recipe.crop:g} kept)"
    if recipe.multiple is not None:
        return f"aspect kept, about {_by(recipe.size)}, sides multiples of {recipe.multiple}"
    if recipe.padding is not None:
        where = (
            "on all sides" if recipe.padding.place == "centre" else "at the right and the bottom"
        )
        colour = "#{:02x}{:02x}{:02x}".format(*recipe.padding.colour)
        return f"padded {to} {where} in {colour}{margin}"
    if recipe.resize is None:
        return f"stretched {to}{margin}"
    return f"shorter side to {recipe.resize}, centre crop {to}"


def _few(names: tuple[str, ...]) -> str:
    """List names; where there are many, the first and the last."""
    if len(names) > SHOWN:
        return f"{names[0]} … {names[-1]}, {len(names)} of them"
    return ", ".join(names) or "none"


def _positions(manifest: Manifest) -> str:
    way = manifest.position_interpolation
    grid = manifest.position_grid or manifest.relative_grid
    if grid is None:
        return way or "none"
    kind = "" if manifest.position_grid else " (relative)"
    return _by(grid) + kind + (f", resampled as in {way}" if way else "")


def _by(sides: tuple[int, int]) -> str:
    return f"{sides[0]} x {sides[1]}"
