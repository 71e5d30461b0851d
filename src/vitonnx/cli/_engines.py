"""The models of a call: found, named, opened before the first picture, and asked together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vitonnx.cli._console import Stage, give, inform
from vitonnx.cli._options import Decode, Device, MaxPixels, Precision, Size, Threads, parse_size
from vitonnx.errors import UsageError
from vitonnx.names import is_hub_id
from vitonnx.probes import Probe

if TYPE_CHECKING:
    from vitonnx.engine import Engine, Result
    from vitonnx.manifest import Manifest

    Answer: TypeAlias = tuple[Result, ...]
    """What each model says of one picture: either all have a result, or all the same error."""

__all__ = [
    "EngineOptions",
    "Runtime",
    "agreed",
    "check_stackable",
    "name_models",
    "note_untrained",
    "open_engines",
    "print_plans",
    "resolve_model",
    "say_advice",
]


@dataclass(frozen=True)
class Runtime:
    """Options passed on to every `Engine` of a call."""

    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments."""
        return asdict(self)

    def opener(
        self,
        size: tuple[int, int] | None,
        max_pixels: int | None,
        *,
        quiet: bool,
        decode: str = "exact",
    ) -> Callable[[Path], Engine]:
        """Give the function that opens a file for pictures, as `open_engines` takes it."""
        from vitonnx.engine import Engine

        notice = partial(inform, quiet=quiet)
        options = {**self.options(), "decode": decode, "notice": notice}
        return partial(Engine, size=size, max_pixels=max_pixels, **options)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How the models of a call are opened."""

    size: Size = None
    max_pixels: MaxPixels = None
    decode: Decode = "exact"
    device: Device = "auto"
    threads: Threads = None
    precision: Precision = "auto"

    def open(self, models: Sequence[str], *, quiet: bool) -> dict[str, Engine]:
        """Open models as `open_engines` does."""
        runtime = Runtime(self.device, self.threads, self.precision)
        size = parse_size(self.size)
        make = runtime.opener(size, self.max_pixels, quiet=quiet, decode=self.decode)
        return open_engines(models, make, quiet=quiet)


def resolve_model(model: str, *, quiet: bool) -> Path:
    """Find the file of a model; if it is a name or an id, download it and make it probe-ready.

    Raises
    ------
    VitonnxError
        As `vitonnx.names.resolve`.
    """
    from vitonnx.names import resolve

    with Stage(f"Finding {model}", quiet=quiet) as show:
        return resolve(model, say=partial(inform, quiet=quiet), progress=show)


def open_engines(
    models: Sequence[str], make: Callable[[Path], Engine], *, quiet: bool
) -> dict[str, Engine]:
    """Open models, and print notes on their devices to stderr.

    Parameters
    ----------
    models : sequence of str
        Models, each as MODEL on the command line.
    make : callable
        Function that opens a file.
    quiet : bool
        Whether to suppress notes.

    Returns
    -------
    dict of str to Engine
        Models in the order given, by their names from `name_models`.
    """
    engines = []
    for model in models:
        file = resolve_model(model, quiet=quiet)
        with Stage(f"Opening {file.name}", quiet=quiet):
            engines.append(make(file))
    for note in dict.fromkeys(engine.device_note for engine in engines):
        if note is not None:
            inform(note, quiet=quiet)
    names = name_models(
        models, [engine.file for engine in engines], [engine.manifest for engine in engines]
    )
    return dict(zip(names, engines, strict=True))


def print_plans(engines: Mapping[str, Engine], probe: Probe[Any]) -> None:
    """Print each model's plan for a probe."""
    for engine in engines.values():
        give(*engine.explain([probe]).splitlines())


def say_advice(
    engines: Mapping[str, Engine], probes: Mapping[str, Probe[Any]], *, quiet: bool
) -> None:
    """Print what each model's probe says before it begins, such as that it takes long."""
    for name, engine in engines.items():
        advice = probes[name].advice(engine.layout)
        if advice is not None:
            inform(f"{name}: {advice}" if len(engines) > 1 else advice, quiet=quiet)


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


def agreed(
    engines: Mapping[str, Engine],
    pictures: Iterable[Any],
    probes: Sequence[Any],
    own: Mapping[str, Sequence[Any]] | None = None,
) -> Iterator[Answer]:
    """Ask all models of a picture before any of the next; a bad picture is bad for all.

    Parameters
    ----------
    engines : mapping of str to Engine
        By the models' names.
    pictures : iterable of pictures
        Read once, whatever the number of models.
    probes : sequence of Probe
        What all are asked.
    own : mapping of str to sequence of Probe, optional
        What each model is asked instead, such as a probe that was fitted for it.

    Raises
    ------
    UsageError
        If a model doesn't have what a probe asks for; of several models it says which.
    """
    streams = []
    is_list = isinstance(pictures, Sequence)
    each = [pictures] * len(engines) if is_list else itertools.tee(pictures, len(engines))
    for (name, engine), given in zip(engines.items(), each, strict=True):
        try:
            streams.append(engine.stream(given, (own or {}).get(name, probes)))
        except UsageError as error:
            raise UsageError(f"{name}: {error}" if len(engines) > 1 else str(error)) from error
    return map(_agree, zip(*streams, strict=True))


def _agree(answer: Answer) -> Answer:
    """Give the first error to all models."""
    bad = next((result for result in answer if result.error is not None), None)
    return answer if bad is None else (bad,) * len(answer)
