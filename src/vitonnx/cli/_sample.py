"""The pictures of a dataset, and a pass over them that can be stopped and resumed."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitonnx.cli._console import inform, watch
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.engine import Engine, StateFile, Survey
    from vitonnx.probes import AddingProbe

__all__ = ["find_sample", "go_through", "load_surveys", "refuse_one", "sum_up"]

SAVE_EVERY_SECONDS = 3.0
SAVING_SHARE = 0.05  # of the time that may go into saving, where sums are large


def find_sample(
    inputs: Sequence[str], limit: int | None, seed: int | None, *, quiet: bool
) -> list[str]:
    """Find the pictures of a dataset, and take a sample of them where one is asked for."""
    from vitonnx.media import find_picture_names, read_lists

    if seed is not None and limit is None:
        raise UsageError("--seed chooses a sample: say how large with --limit.")
    notice = partial(inform, quiet=quiet)
    return _choose(find_picture_names(list(read_lists(inputs)), notice=notice), limit, seed)


def _choose(files: list[str], limit: int | None, seed: int | None) -> list[str]:
    """Take the first pictures, or, with a seed, a sample of them, in their order.

    Examples
    --------
    >>> _choose(["a.png", "b.png", "c.png"], 2, None)
    ['a.png', 'b.png']
    """
    if limit is None or limit >= len(files):
        return files
    if seed is None:
        return files[:limit]
    return [files[index] for index in sorted(random.Random(seed).sample(range(len(files)), limit))]


def refuse_one(
    output: Path, other: Path, both: str = "the output and the state of the run"
) -> None:
    """Refuse an output that is, or will be, another file of the call by another name."""
    from vitonnx.media import same_file

    if same_file(output, other):
        raise UsageError(
            f"{output} and {other} are one file, which can't be both {both}: give another."
        )


def load_surveys(state: StateFile | None, count: int) -> list[Survey]:
    """Give the surveys of a run, as an earlier one left them."""
    from vitonnx.engine import Survey

    if state is None:
        return [Survey() for _ in range(count)]
    surveys = state.load() or state.begin()
    state.save(surveys)  # A file that can't be written shall fail now.
    return surveys


def sum_up(
    engines: Sequence[Engine],
    files: Sequence[str],
    probe: AddingProbe[Any, Any],
    state: StateFile | None = None,
    *,
    strict: bool = False,
    quiet: bool,
) -> list[Survey]:
    """Go through the pictures with one model after the other, from where an earlier run was."""
    from vitonnx.engine import survey

    surveys = load_surveys(state, len(engines))
    steps = itertools.chain.from_iterable(
        survey(engine, files, probe, found, strict=strict)
        for engine, found in zip(engines, surveys, strict=True)
    )
    go_through(steps, surveys, engines, files, state, label="Measuring", quiet=quiet)
    return surveys


def go_through(
    steps: Iterator[Survey],
    surveys: Sequence[Survey],
    engines: Sequence[Engine],
    files: Sequence[str],
    state: StateFile | None,
    *,
    label: str,
    quiet: bool,
    step: int | None = None,
) -> None:
    """Take the steps of surveys, batch by batch, and save how far they are now and then.

    Parameters
    ----------
    steps : iterator of Survey
        Their batches, one survey after the other.
    surveys, engines : sequence
        As many surveys for each engine.
    files : sequence of str
        All pictures.
    state : StateFile, optional
        Where to save.
    label, quiet
        Of the progress bar.
    step : int, optional
        Pictures of a step; by default, a batch of the engine.
    """
    if done := sum(found.position for found in surveys):
        inform(f"going on after {done} of {len(files) * len(surveys)}.", quiet=quiet)
    each = len(surveys) // max(1, len(engines))
    sizes = [step or engine.batch_size for engine in engines for _ in range(each)]
    batches = sum(
        math.ceil((len(files) - found.position) / size)
        for size, found in zip(sizes, surveys, strict=True)
    )
    saved, took = time.monotonic(), 0.0
    for _ in watch(steps, total=batches, label=label, quiet=quiet):
        since = time.monotonic() - saved
        if state is not None and since >= max(SAVE_EVERY_SECONDS, took / SAVING_SHARE):
            begun = time.monotonic()
            state.save(surveys)
            saved = time.monotonic()
            took = saved - begun
    if state is not None:
        state.save(surveys)
