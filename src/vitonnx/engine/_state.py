"""The state of a run in a file, from which a run that was killed goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from vitonnx.engine._survey import Survey
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import atomic_path
from vitonnx.probes import Summary

__all__ = ["Settings", "StateFile"]

Settings: TypeAlias = Mapping[str, str | int]
"""All that the numbers of a run depend on, in a person's words."""


@dataclass(frozen=True)
class StateFile:
    """A file that holds how far a run has come.

    It is JSON, in which numbers come back to the last bit, and is replaced whole: a run that is
    killed at any moment leaves the last state or the one before it.

    Parameters
    ----------
    path : Path
        The file; it need not be there yet.
    settings : mapping of str to str or int
        Those of the run at hand. A state that was made with others is refused.
    """

    path: Path
    settings: Settings

    def load(self) -> list[Survey] | None:
        """Read the state; None if there is no file yet.

        Raises
        ------
        UsageError
            If it is the state of another run.
        VitonnxError
            If it is damaged, or no state at all.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VitonnxError(f"{self.path} can't be read: {error.strerror}.") from error
        try:
            content = json.loads(text)
            state = content["state"]
            if content["sha256"] != _checksum(state):
                raise ValueError("the checksum is another")
            settings, surveys = state["settings"], [_survey(entry) for entry in state["surveys"]]
        except (ValueError, KeyError, TypeError) as error:
            raise VitonnxError(
                f"{self.path} holds no state to resume from, or is damaged: remove it to begin "
                "anew, or give another file."
            ) from error
        self._compare(settings)
        return surveys

    def save(self, surveys: Sequence[Survey]) -> None:
        """Replace the file.

        Raises
        ------
        VitonnxError
            If it can't be written.
        """
        state = {"settings": dict(self.settings), "surveys": [_entry(found) for found in surveys]}
        with atomic_path(self.path) as passing:
            passing.write_text(json.dumps({"state": state, "sha256": _checksum(state)}, indent=1))

    def _compare(self, settings: Settings) -> None:
        for name in {**self.settings, **settings}:
            was, now = settings.get(name, "not set"), self.settings.get(name, "not set")
            if was != now:
                raise UsageError(
                    f"{self.path} holds the state of another run: {name} was {was} and is now "
                    f"{now}. Repeat that run's command, or give another file to begin anew."
                )


def _checksum(state: Any) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _entry(found: Survey) -> dict[str, Any]:
    total = found.summary
    return {
        "position": found.position,
        "count": total.count,
        "mean": np.asarray(total.mean).tolist(),
        "squares": np.asarray(total.squares).tolist(),
        "skipped": found.skipped,
    }


def _survey(entry: Mapping[str, Any]) -> Survey:
    mean, squares = (np.array(entry[name], np.float64) for name in ("mean", "squares"))
    return Survey(
        position=entry["position"],
        summary=Summary(entry["count"], mean, squares),
        skipped=dict(entry["skipped"]),
    )
