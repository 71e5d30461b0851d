"""What the picture probes share: read pictures, probe them, draw or save what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from vitonnx.cli._compare import check_stackable, name_models, note_untrained
from vitonnx.cli._console import complain, inform, stage, watch
from vitonnx.cli._output import ARRAYS, FIGURES, check_output, free_stem
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitonnx.engine import Engine, Result

    Answer: TypeAlias = tuple[Result, ...]
    """What each model says of one picture: either all have a result, or all the same error."""

__all__ = ["PictureProbe", "run"]


@dataclass(frozen=True)
class PictureProbe:
    """One call of a picture probe; the models are set side by side."""

    probe: Any
    models: tuple[str, ...]
    inputs: tuple[str, ...]
    size: tuple[int, int] | None
    output: Path | None
    device: str
    threads: int | None


def run(call: PictureProbe, *, quiet: bool) -> None:
    """Do it: good pictures are done, bad ones are listed at the end.

    Raises
    ------
    typer.Exit
        With code 1 if a picture was skipped.
    """
    from vitonnx.media import find_pictures

    pictures = find_pictures(call.inputs)
    check_output(call.output, pictures)
    _check_sheet(call.output, len(pictures))
    engines = _open(call, quiet=quiet)
    manifests = [engine.manifest for engine in engines]
    names = name_models([engine.file for engine in engines], manifests)
    if call.output is not None and call.output.suffix.lower() == ARRAYS:
        check_stackable(names, manifests, call.probe.name)
    note = note_untrained(names, manifests, quiet=quiet)
    look = _Look(call.probe.name, names, note)
    asked = _ask(engines, names, pictures, call.probe)
    answers = watch(asked, total=len(pictures), label="Probing", quiet=quiet)
    if call.output is None:
        firsts = _draw_each(answers, look)
    else:
        kept = list(answers)
        firsts = [first for first, *_ in kept]
        if any(first.error is None for first in firsts):
            _write(call.output, kept, look)
            print(call.output)
    _list_skipped(firsts)


def _check_sheet(output: Path | None, pictures: int) -> None:
    """Refuse a contact sheet that nobody could read, before the work begins."""
    if output is None or output.suffix.lower() not in FIGURES:
        return
    from vitonnx.plots import MOST_PICTURES

    if pictures > MOST_PICTURES:
        raise UsageError(
            f"A contact sheet holds at most {MOST_PICTURES} pictures, not {pictures}: save arrays "
            "(-o maps.npz), or leave -o out for a file a picture."
        )


def _open(call: PictureProbe, *, quiet: bool) -> list[Engine]:
    """Open all models before the first picture."""
    from vitonnx.cli._resolve import resolve_model
    from vitonnx.engine import Engine

    engines = []
    for model in call.models:
        file = resolve_model(model, quiet=quiet)
        with stage(f"Opening {file.name}", quiet=quiet):
            engines.append(Engine(file, device=call.device, threads=call.threads, size=call.size))
    for note in dict.fromkeys(engine.device_note for engine in engines):
        if note is not None:
            inform(note, quiet=quiet)
    return engines


def _ask(
    engines: list[Engine], names: list[str], pictures: list[Path], probe: Any
) -> Iterator[Answer]:
    """Ask all models of a picture before any of the next; a bad picture is bad for all."""
    streams = []
    for engine, name in zip(engines, names, strict=True):
        try:
            streams.append(engine.stream(pictures, [probe]))
        except UsageError as error:
            raise UsageError(f"{name}: {error}" if len(engines) > 1 else str(error)) from error
    return map(_agree, zip(*streams, strict=True))


def _agree(answer: Answer) -> Answer:
    """Give the first error to all models."""
    bad = next((result for result in answer if result.error is not None), None)
    return answer if bad is None else (bad,) * len(answer)


def _draw_each(answers: Iterable[Answer], look: _Look) -> list[Result]:
    """Draw one file a picture as soon as it is done; keep only what the end needs."""
    from vitonnx.engine import Result
    from vitonnx.plots import save_figure

    results: list[Result] = []
    taken: set[str] = set()
    for answer in answers:
        result = answer[0]
        if result.error is None:
            stem = free_stem(Path(result.file).stem, taken)
            taken.add(stem)
            target = Path(f"{stem}.{look.probe}.png")
            save_figure(look.draw([answer]), target)
            print(target)
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
        from vitonnx.cli._draw import draw

        return draw(self.probe, self.by_model(answers), self.note)

    def by_model(self, answers: list[Answer]) -> dict[str, list[Result]]:
        """Turn answers by picture into results by model."""
        return {
            name: [answer[model] for answer in answers] for model, name in enumerate(self.names)
        }


def _list_skipped(results: list[Result]) -> None:
    """List the pictures without a result, at the end, where nobody overlooks them."""
    skipped = [result for result in results if result.error is not None]
    if not skipped:
        return
    for result in skipped:
        complain(result.error)
    if len(results) > 1:
        others = "; the others are done" if len(skipped) < len(results) else ""
        complain(f"{len(skipped)} of {len(results)} pictures skipped{others}.")
    raise typer.Exit(1)
