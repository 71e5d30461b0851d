"""What the picture probes share: read pictures, probe them, draw or save what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vitonnx.cli._console import complain, inform, stage, watch
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitonnx.engine import Engine, Result

__all__ = ["PictureProbe", "run"]

PICTURES = (".png", ".pdf", ".svg")
ARRAYS = ".npz"


@dataclass(frozen=True)
class PictureProbe:
    """One call of a picture probe."""

    probe: Any
    model: str
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
    from vitonnx.cli._resolve import resolve_model
    from vitonnx.engine import Engine
    from vitonnx.media import find_pictures

    _check_output(call.output)
    pictures = find_pictures(call.inputs)
    _check_sheet(call.output, len(pictures))
    file = resolve_model(call.model, quiet=quiet)
    with stage(f"Opening {file.name}", quiet=quiet):
        engine = Engine(file, device=call.device, threads=call.threads, size=call.size)
    if engine.device_note is not None:
        inform(engine.device_note, quiet=quiet)
    if engine.manifest.untrained:
        inform("the weights are random: the maps of an untrained model mean nothing.", quiet=quiet)
    stream = engine.stream(pictures, [call.probe])
    answers = watch(stream, total=len(pictures), label="Probing", quiet=quiet)
    if call.output is None:
        results = _draw_each(answers, call.probe.name, engine)
    else:
        results = list(answers)
        if any(result.error is None for result in results):
            _write(call.output, results, call.probe.name, engine)
            print(call.output)
    _list_skipped(results)


def _check_output(output: Path | None) -> None:
    """Refuse an impossible output before the work begins."""
    if output is None:
        return
    if output.suffix not in (*PICTURES, ARRAYS):
        raise UsageError(
            f"{output} has no suffix that says what to write: use "
            f"{', '.join(PICTURES)} for a picture, or {ARRAYS} for raw arrays."
        )
    if not output.absolute().parent.is_dir():
        raise UsageError(f"The folder {output.absolute().parent} does not exist: make it first.")


def _check_sheet(output: Path | None, pictures: int) -> None:
    """Refuse a contact sheet that nobody could read, before the work begins."""
    from vitonnx.plots import MOST_PICTURES

    if output is not None and output.suffix in PICTURES and pictures > MOST_PICTURES:
        raise UsageError(
            f"A contact sheet holds at most {MOST_PICTURES} pictures, not {pictures}: save arrays "
            "(-o maps.npz), or leave -o out for a file a picture."
        )


def _draw_each(answers: Any, probe: str, engine: Engine) -> list[Result]:
    """Draw one file a picture as soon as it is done; keep only what the end needs."""
    from vitonnx.plots import save_figure

    results, names = [], Counter[str]()
    for result in answers:
        if result.error is None:
            stem = Path(result.file).stem
            names[stem] += 1
            # Two pictures of one name from two folders must not overwrite each other.
            number = f"-{names[stem]}" if names[stem] > 1 else ""
            target = Path(f"{stem}{number}.{probe}.png")
            save_figure(_figure([result], probe, engine), target)
            print(target)
        results.append(result)
    return results


def _write(output: Path, results: list[Result], probe: str, engine: Engine) -> None:
    from vitonnx.engine import save_results
    from vitonnx.plots import save_figure

    if output.suffix == ARRAYS:
        save_results(output, results, probe)
    else:
        good = [result for result in results if result.error is None]
        save_figure(_figure(good, probe, engine), output)


def _figure(results: list[Result], probe: str, engine: Engine) -> Figure:
    """Draw one picture at full size, or several on a contact sheet."""
    from vitonnx.plots import SheetEntry, contact_sheet, plot_heads, plot_rollout

    manifest = engine.manifest
    note = "untrained: random weights" if manifest.untrained else ""
    if len(results) > 1:
        entries = [
            SheetEntry(result.pixels, result[probe], Path(result.file).name, _predicted(result))
            for result in results
            if result.pixels is not None
        ]
        return contact_sheet(entries, model=manifest.name, note=note)
    (result,) = results
    draw: Callable[..., Figure] = plot_heads if probe == "heads" else plot_rollout
    return draw(
        result.pixels,
        result[probe],
        model=manifest.name,
        file=Path(result.file).name,
        prediction=_predicted(result),
        note=note,
    )


def _predicted(result: Result) -> str:
    """Say the predicted class, where there is a head."""
    if result.prediction is None:
        return ""
    found = result.prediction
    return f"{found.label or f'class {found.index}'} ({found.probability:.0%})"


def _list_skipped(results: list[Result]) -> None:
    """List the pictures without a result, at the end, where nobody overlooks them."""
    skipped = [result for result in results if result.error is not None]
    if not skipped:
        return
    for result in skipped:
        complain(result.error)
    if len(results) > 1:
        complain(f"{len(skipped)} of {len(results)} pictures skipped; the others are done.")
    raise typer.Exit(1)
