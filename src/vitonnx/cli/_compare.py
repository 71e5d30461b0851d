"""Models side by side: names that tell them apart, and which are untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitonnx.cli._console import inform
from vitonnx.errors import UsageError
from vitonnx.names import is_hub_id
from vitonnx.probes import Probe

if TYPE_CHECKING:
    from vitonnx.manifest import Manifest

__all__ = ["check_stackable", "name_models", "note_untrained"]


def name_models(
    words: Sequence[str], files: Sequence[Path], manifests: Sequence[Manifest]
) -> list[str]:
    """Name models as their manifests do, or by their paths or ids where those names clash.

    Parameters
    ----------
    words : sequence of str
        Models, each as MODEL on the command line.
    files, manifests : sequence
        File and manifest of each.

    Raises
    ------
    UsageError
        If a model is given twice.
    """
    names = [manifest.name for manifest in manifests]
    if len(set(names)) < len(names):
        names = [
            word if is_hub_id(word) else str(file) for word, file in zip(words, files, strict=True)
        ]
    if len(set(files)) < len(files):
        raise UsageError(
            f"{', '.join(names)}: a model is given twice. Compare it with another one."
        )
    return names


def note_untrained(manifests: Mapping[str, Manifest], *, quiet: bool) -> str:
    """Print a note if weights are random, and return the line that says so in a figure."""
    untrained = [name for name, manifest in manifests.items() if manifest.untrained]
    if not untrained:
        return ""
    whose = f" of {', '.join(untrained)}" if len(manifests) > 1 else ""
    inform(
        f"the weights{whose} are random: the maps of an untrained model mean nothing.", quiet=quiet
    )
    return f"untrained: random weights{whose}"


def check_stackable(manifests: Mapping[str, Manifest], probe: Probe[Any]) -> None:
    """Refuse models whose maps can't stand in one array, before the work begins.

    Raises
    ------
    UsageError
        If their grids differ, or the parts that the probe's maps have.
    """
    shapes = {}
    for name, manifest in manifests.items():
        rows, columns = manifest.grid
        parts = len(probe.parts(manifest))
        shapes[name] = f"{parts} heads, " * bool(parts) + f"{rows}x{columns} patches"
    first, *_ = shapes
    for name, shape in shapes.items():
        if shape != shapes[first]:
            raise UsageError(
                f"can't stack the maps of {first} ({shapes[first]}) and {name} ({shape}) in one "
                ".npz: save each model on its own, or draw a figure."
            )
