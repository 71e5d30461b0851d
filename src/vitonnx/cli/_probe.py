"""What the picture probes share: read pictures, probe them, draw or save what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitonnx.cli._agree import agreed
from vitonnx.cli._compare import check_stackable, note_untrained
from vitonnx.cli._console import give, inform, watch
from vitonnx.cli._engines import explain, open_engines
from vitonnx.cli._output import (
    ARRAYS,
    FIGURE_OR_ARRAYS,
    FIGURES,
    check_output,
    files_of,
    name_figures,
)
from vitonnx.cli._runtime import Runtime
from vitonnx.cli._skipped import list_skipped
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitonnx.cli._agree import Answer
    from vitonnx.engine import Engine, Result

__all__ = ["PictureProbe", "run"]


@dataclass(frozen=True)
class PictureProbe:
    """One call of a picture probe; the models are set side by side."""

    probe: Any
    models: tuple[str, ...]
    inputs: tuple[str, ...]
    size: tuple[int, int] | None
    max_pixels: int | None
    output: Path | None
    runtime: Runtime
    explain: bool = False


def run(call: PictureProbe, *, quiet: bool) -> None:
    """Do it: good pictures are done, bad ones are listed at the end.

    Raises
    ------
    typer.Exit
        With code 1 if a picture was skipped.
    """
    from vitonnx.engine import Engine
    from vitonnx.media import find_pictures

    notice = partial(inform, quiet=quiet)
    pictures = find_pictures(call.inputs, notice=notice)
    targets = []
    if call.output is not None:
        check_output(call.output, FIGURE_OR_ARRAYS, [*pictures, *files_of(call.models)])
        _check_sheet(call.output, len(pictures))
    elif not call.explain:
        targets = name_figures(pictures, f".{call.probe.name}.png", call.models)
    make = partial(
        Engine,
        size=call.size,
        max_pixels=call.max_pixels,
        notice=notice,
        **call.runtime.options(),
    )
    engines = open_engines(call.models, make, quiet=quiet)
    manifests = {name: engine.manifest for name, engine in engines.items()}
    if call.explain:
        explain(engines, call.probe)
        return
    if call.output is not None and call.output.suffix.lower() == ARRAYS:
        check_stackable(manifests, call.probe.name)
    note = note_untrained(manifests, quiet=quiet)
    look = _Look(call.probe.name, list(engines), note)
    asked = _ask(engines, pictures, call.probe)
    answers = watch(asked, total=len(pictures), label="Probing", quiet=quiet)
    if call.output is None:
        firsts = _draw_each(answers, targets, look)
    else:
        kept = list(answers)
        firsts = [first for first, *_ in kept]
        if any(first.error is None for first in firsts):
            _write(call.output, kept, look)
            give(call.output)
    list_skipped([first.error for first in firsts if first.error], len(firsts))


def _check_sheet(output: Path, pictures: int) -> None:
    """Refuse a contact sheet that nobody could read, before the work begins."""
    if output.suffix.lower() not in FIGURES:
        return
    from vitonnx.plots import MOST_PICTURES

    if pictures > MOST_PICTURES:
        raise UsageError(
            f"A contact sheet holds at most {MOST_PICTURES} pictures, not {pictures}: save arrays "
            "(-o maps.npz), or leave -o out for a file a picture."
        )


def _ask(engines: Mapping[str, Engine], pictures: list[Path], probe: Any) -> Iterator[Answer]:
    streams = []
    for name, engine in engines.items():
        try:
            streams.append(engine.stream(pictures, [probe]))
        except UsageError as error:
            raise UsageError(f"{name}: {error}" if len(engines) > 1 else str(error)) from error
    return agreed(streams)


def _draw_each(answers: Iterable[Answer], targets: list[Path], look: _Look) -> list[Result]:
    """Draw one file a picture as soon as it is done; keep only what the end needs."""
    from vitonnx.engine import Result
    from vitonnx.plots import save_figure

    results: list[Result] = []
    for answer, target in zip(answers, targets, strict=True):
        result = answer[0]
        if result.error is None:
            save_figure(look.draw([answer]), target)
            give(target)
        results.append(Result(file=result.file, error=result.error))
    return results


def _write(output: Path, answers: list[Answer], look: _Look) -> None:
    """Write all pictures to one file."""
    from vitonnx.engine import save_comparison, save_results
    from vitonnx.plots import save_figure

    if output.suffix.lower() != ARRAYS:
        good = [answer for answer in answers if answer[0].error is None]
        save_figure(look.draw(good), output)
    elif len(look.names) > 1:
        save_comparison(output, look.by_model(answers), look.probe)
    else:
        save_results(output, [result for (result,) in answers], look.probe)


@dataclass(frozen=True)
class _Look:
    """What all figures of a call have in common."""

    probe: str
    names: list[str]
    note: str

    def draw(self, answers: list[Answer]) -> Figure:
        """Draw one picture, or several on one sheet."""
        from vitonnx.plots import plot_results

        return plot_results(self.probe, self.by_model(answers), self.note)

    def by_model(self, answers: list[Answer]) -> dict[str, list[Result]]:
        """Turn answers by picture into results by model."""
        return {
            name: [answer[model] for answer in answers] for model, name in enumerate(self.names)
        }
