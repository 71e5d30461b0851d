"""The loop: epochs of steps, a state to go on from after each, the best network kept."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import tensorflow as tf

from vitonnx.errors import TrainingError, UsageError
from vitonnx.media import atomic_path
from vitonnx.models.train._batches import steps_per_epoch
from vitonnx.models.train._dino import Dino
from vitonnx.models.train._network import computing_in
from vitonnx.models.train._supervised import Supervised
from vitonnx.models.train._training_settings import Settings
from vitonnx.models.train._training_state import (
    Progress,
    impossible,
    load_state,
    save_parameters,
    save_state,
)

if TYPE_CHECKING:
    from vitonnx.data import LabelledPictures

__all__ = ["BEST", "train"]

# The loop asks both for a `network`, `batches`, `step`, `measure` and `state`, for the names of
# `measures`, and for the one whose `highest` value marks the best epoch (None: the last is best).
Objective: TypeAlias = Supervised | Dino

STATE, BEST, LOSSES = "state.safetensors", "best.safetensors", "losses.csv"


def train(
    data: LabelledPictures,
    settings: Settings,
    folder: Path,
    *,
    resume: bool = False,
    on_step: Callable[[int, int, float], None] = lambda done, steps, loss: None,
    on_epoch: Callable[[list[dict[str, float]]], None] = lambda rows: None,
) -> list[dict[str, float]]:
    """Train a network, and keep the best of it.

    Parameters
    ----------
    data : LabelledPictures
        Pictures from `vitonnx.data.open_data`, at the settings' image size.
    settings : Settings
        Network and training. The same settings and data give the same losses on one machine.
    folder : Path
        Folder, made if it doesn't exist. After every epoch it holds ``state.safetensors``, from
        which `resume` continues; ``best.safetensors``, the weights of the best epoch so far (with
        DINO, the last); and ``losses.csv``, one row per epoch.
    resume : bool
        Go on after the last whole epoch, with the same optimiser state, as if the training had
        never been broken off; begin where there is nothing to go on from.
    on_step : callable
        Called with steps done, total steps, and the loss of the step.
    on_epoch : callable
        Called with the measures of all epochs so far.

    Returns
    -------
    list of dict of str to float
        The measures of each epoch: ``epoch``, from 1; ``loss``, the mean over its steps, in
        nats; ``validation_loss`` and ``accuracy``, or DINO's ``neighbour_accuracy``.

    Raises
    ------
    TrainingError
        If the loss or a weight is no longer finite; files saved so far remain.
    UsageError
        If the folder holds a training and `resume` is not set.
    CheckpointError
        If the state to go on from is broken, or is another run's.
    """
    state_file = folder / STATE
    if state_file.exists() and not resume:
        raise UsageError(
            f"{folder} already holds a training: resume it with --resume, or use another folder."
        )
    _make(folder)
    each = steps_per_epoch(data.train, settings.batch_size)
    steps = each * settings.epochs
    progress = Progress(_run(data, settings))
    with computing_in(settings.precision):
        objective = _begin(settings, len(data.classes), each, steps)
        if state_file.exists():
            measures = {"loss", *objective.measures}
            progress = load_state(
                state_file,
                objective.state(),
                progress.run,
                measures=measures,
                epochs=settings.epochs,
            )
            if (name := _infinite(objective)) is not None:
                raise impossible(state_file, f"values in {name} that aren't numbers")
            on_epoch(progress.rows)
        for epoch in range(len(progress.rows), settings.epochs):
            loss = _epoch(objective, data, settings, epoch, on_step)
            row = {"epoch": epoch + 1.0, "loss": loss, **objective.measure(data)}
            _require_finite(objective, row, epoch)
            progress.rows.append(row)
            _keep(objective, progress, folder)
            on_epoch(progress.rows)
    return progress.rows


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"can't make the folder {folder}: {error.strerror}. Use another one."
        ) from error


def _run(data: LabelledPictures, settings: Settings) -> dict[str, Any]:
    """Describe the run by all that changes its numbers."""
    return {
        **asdict(settings),
        "colour_ramp": list(settings.colour_ramp),  # as JSON has it
        "data": data.name,
        "classes": list(data.classes),
        "pictures": [len(data.train), len(data.validation)],
    }


def _begin(settings: Settings, classes: int, each: int, steps: int) -> Objective:
    if settings.objective == "supervised":
        return Supervised(settings, classes, steps)
    return Dino(settings, each, steps)


def _epoch(
    objective: Objective,
    data: LabelledPictures,
    settings: Settings,
    epoch: int,
    on_step: Callable[[int, int, float], None],
) -> float:
    """Go through the data once, and give the mean loss."""
    each = steps_per_epoch(data.train, settings.batch_size)
    losses: list[float] = []
    for batch in objective.batches(data.train, epoch):
        number = epoch * each + len(losses)
        loss = float(objective.step(*batch, tf.constant(number)))
        if not math.isfinite(loss):
            raise _diverged(f"the loss became {loss} in step {number + 1}", epoch)
        losses.append(loss)
        on_step(number + 1, each * settings.epochs, loss)
    return sum(losses) / len(losses)


def _require_finite(objective: Objective, row: dict[str, float], epoch: int) -> None:
    """Refuse to keep what the last step of an epoch has broken."""
    if broken := [name for name, value in row.items() if not math.isfinite(value)]:
        raise _diverged(f"{broken[0]} became {row[broken[0]]}", epoch)
    if (name := _infinite(objective)) is not None:
        raise _diverged(f"{name} is no longer finite", epoch)


def _infinite(objective: Objective) -> str | None:
    """Name a variable that isn't finite; None if all are."""
    for name, variable in objective.state().items():
        if not np.isfinite(np.asarray(variable, np.float64)).all():
            return name
    return None


def _diverged(what: str, epoch: int) -> TrainingError:
    kept = f"epoch {epoch} is kept" if epoch else "nothing is kept"
    return TrainingError(
        f"training diverged: {what} of epoch {epoch + 1}; {kept}. Try a lower --learning-rate."
    )


def _keep(objective: Objective, progress: Progress, folder: Path) -> None:
    """Write the epoch's files; the state comes last, so that it never runs ahead of them."""
    rows, name = progress.rows, objective.highest
    if name is None or rows[-1][name] >= max(row[name] for row in rows):
        weights = objective.network.named_weights()
        wanted = objective.network.config.parameters()
        save_parameters(folder / BEST, {name: np.asarray(weights[name]) for name in wanted})
    with atomic_path(folder / LOSSES) as draft, draft.open("w", newline="") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
    save_state(folder / STATE, objective.state(), progress)
