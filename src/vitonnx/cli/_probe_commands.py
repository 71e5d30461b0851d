"""``vitonnx probe``: a command for every probe, inside or installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer

from vitonnx.cli._bake import bake
from vitonnx.cli._probe_dataset import probe_dataset
from vitonnx.cli._probe_fitted import probe_fitted
from vitonnx.cli._probe_options import Given, make_probe, shared_options, with_options
from vitonnx.cli._probe_pictures import probe_pictures
from vitonnx.cli._probe_weights import probe_weights_of
from vitonnx.cli._video import video
from vitonnx.probes import (
    ON_PICTURES,
    AddingProbe,
    GraphProbe,
    Option,
    ProbeClass,
    SumProbe,
    TableProbe,
    WeightProbe,
    load_probes,
    options_of,
)

__all__ = ["add_probes", "options_in_bake", "options_in_videos"]


def takes(probe: ProbeClass) -> Callable[..., None]:
    """Give what the command of a probe does."""
    if issubclass(probe, WeightProbe):
        return probe_weights_of
    if issubclass(probe, TableProbe | SumProbe):
        return probe_dataset
    return probe_fitted if probe.learns else probe_pictures


def add_probes(tree: typer.Typer) -> None:
    """Add a command for each probe; one whose names are taken is left out, and named."""
    found = load_probes()
    kinds: dict[str, type] = {}
    for name, probe in list(found.classes.items()):
        own, options = _own_names(probe), options_of(probe)
        taken = ["its name"] if name == "video" else []
        taken += [option.flag for option in options if option.name in own]
        # Commands that ask several probes give an option to all that have it.
        taken += [each.flag for each in options if kinds.get(each.name, each.kind) is not each.kind]
        if taken:
            found.complaints.append(
                f"the probe {name!r} can't be used: {', '.join(taken)} is taken by the command "
                "itself, or by another probe for values of another kind. Rename it."
            )
            del found.classes[name]
        else:
            kinds |= {option.name: option.kind for option in options}
            tree.command(name, epilog=_example(probe))(_command(probe))


def options_in_bake() -> list[Option]:
    """List the options of all probes that are compiled into a graph."""
    return shared_options(
        probe for probe in load_probes().classes.values() if issubclass(probe, GraphProbe)
    )


def options_in_videos() -> list[Option]:
    """List the options of all probes that videos show."""
    return shared_options(probe for probe in load_probes().classes.values() if _moves(probe))


def _moves(probe: ProbeClass) -> bool:
    """Tell whether a probe may be asked of a video."""
    return probe.gives in ON_PICTURES and getattr(probe, "in_videos", True)


def _own_names(probe: ProbeClass) -> set[str]:
    """Give the names that options have in the commands that ask a probe, but its own."""
    commands = [takes(probe)]
    if issubclass(probe, GraphProbe):
        commands.append(bake)
    if _moves(probe):
        commands.append(video)
    own = {name for command in commands for name in inspect.signature(command).parameters}
    return own | {"debug", "help"}


def _command(probe: ProbeClass) -> Callable[..., None]:
    run = takes(probe)

    def command(given: Given, **values: Any) -> None:
        run(make_probe(probe, given), **values)

    # The command's own parameters are those of what it runs.
    signature = inspect.signature(run, eval_str=True)
    if run is probe_fitted and not issubclass(probe, AddingProbe):
        own = [each for name, each in signature.parameters.items() if name != "histogram"]
        signature = signature.replace(parameters=own)
    # mypy doesn't know that a function may have one; inspect, and so Typer, reads it.
    command.__signature__ = signature  # type: ignore[attr-defined]
    return with_options(command, options_of(probe), help=probe.help)


def _example(probe: ProbeClass) -> str:
    pictures = {probe_weights_of: "", probe_pictures: " bird.png"}.get(takes(probe), " pictures/")
    words = f"vitonnx probe {probe.name} dino.onnx{pictures} {probe.example}".rstrip()
    return f"Example: {words} -o {probe.name}.png"
