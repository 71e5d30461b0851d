"""State file of a run, from which a killed run is resumed, and the settings that it depends on."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
import PIL

from vitonnx.blame import why_unopened
from vitonnx.dataset import Dataset, as_dataset
from vitonnx.engine._cache import own_sources
from vitonnx.engine._engine import Engine
from vitonnx.engine._state_schema import Pass, StateContent, to_entry, to_surveys
from vitonnx.engine._survey import Survey
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.filenames import shown
from vitonnx.media import atomic_path
from vitonnx.modelfile import weight_files
from vitonnx.probes import Probe
from vitonnx.regular import refuse_special

__all__ = ["StateFile", "describe_probe", "difference", "run_settings"]

VERSIONS = {
    "onnxruntime": onnxruntime.__version__,
    "numpy": np.__version__,
    "Pillow": PIL.__version__,
}


def run_settings(
    engines: Sequence[Engine],
    dataset: Dataset | Iterable[Any],
    probe: Probe[Any] | None = None,
) -> dict[str, str | int]:
    """Describe a run so closely that one of the same description gives the same bits.

    Parameters
    ----------
    engines : sequence of Engine
        Engines of the models, in order.
    dataset : Dataset, or iterable of pictures
        All pictures.
    probe : Probe, optional
        Probe of the run, if it has one.

    Returns
    -------
    dict of str to str or int
        Settings by their names in words.
    """
    place = {True: "in the graph", None: "in the graph", False: "on the host"}
    of_probe: dict[str, str | int] = {"the code": own_sources()}
    if probe is not None:
        of_probe = {
            "the probe": _said(probe.graph_form),
            "the probe's code": _hash_code(type(probe)),
        }
    settings: dict[str, str | int] = {
        **of_probe,
        **as_dataset(dataset).described(),
        "the number of models": len(engines),
    }
    for number, engine in enumerate(engines, start=1):
        settings |= {
            f"model {number}'s hash": _hash_model(engine.file),
            f"model {number}'s input size": "x".join(map(str, engine.manifest.size)),
            f"model {number}'s batch size": engine.batch_size,
            f"model {number}'s precision": engine.precision,
            f"model {number}'s probes": place[engine.in_graph],
            f"model {number}'s device": engine.device,
            f"model {number}'s pictures": f"decoded {engine.decode}",
            f"model {number}'s threads": engine.threads or f"one per core of {os.cpu_count()}",
        }
    return settings | VERSIONS


def describe_probe(probe: Probe[Any]) -> dict[str, str | int]:
    """Describe a probe with all its options, for a run that asks several."""
    return {"": _said(probe), "'s code": _hash_code(type(probe))}


def _said(probe: Probe[Any]) -> str:
    """Name a probe, and what of it is not as usual."""
    entries: Sequence[Field[Any]] = fields(probe) if is_dataclass(probe) else ()
    own: dict[str, tuple[Any, Any]] = {
        each.name: (getattr(probe, each.name), each.default) for each in entries
    }
    words = [f"{name}={_in_words(value)}" for name, (value, usual) in own.items() if value != usual]
    return f"{probe.name} ({', '.join(words)})" if words else probe.name


def _in_words(value: Any) -> str:
    """Write the value of an option; of arrays a hash, as their text is rounded and cut short."""
    if isinstance(value, np.ndarray):
        return hashlib.sha256(
            f"{value.dtype} {value.shape} ".encode() + value.tobytes()
        ).hexdigest()
    if is_dataclass(value):
        parts = [_in_words(getattr(value, each.name)) for each in fields(value)]
        return hashlib.sha256(repr(parts).encode()).hexdigest()
    return str(value)


def _hash_code(probe: type) -> str:
    """Hash the file that a probe is in, and of those inside the package, which share others.

    What was typed into an interpreter has none.
    """
    if probe.__module__.startswith("vitonnx."):
        return own_sources()
    file = inspect.getsourcefile(probe)
    return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _hash_model(file: Path) -> str:
    """Hash the file, and its external weights."""
    digest = hashlib.sha256()
    for part in (file, *weight_files(file)):
        with part.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


# Bytes that a state may have for each picture, should it be skipped: its name, and what is wrong.
OF_A_PICTURE = 2**13
USUAL = 2**16  # pictures, where their number is not known
MOST_SHOWN = 80  # letters of another run's setting
HASH = re.compile(r"[0-9a-f]{64}")  # which tells a person nothing

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
        Settings of this run. A state with other settings is refused.
    dataset : Dataset, or iterable of pictures
        All pictures of the run.
    passes : sequence of Pass
        One pass per model. A state that they can't have left is refused.
    """

    path: Path
    settings: Settings
    dataset: Dataset | Iterable[Any]
    passes: Sequence[Pass]

    def load(self) -> list[Survey] | None:
        """Read the state; None if the file doesn't exist yet.

        Raises
        ------
        UsageError
            If it is the state of another run.
        VitonnxError
            If it is damaged, no state at all, or holds what no such run can have left.
        """
        refuse_special(self.path, VitonnxError)
        try:
            with self.path.open("rb") as file:
                text = file.read(self._most() + 1)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = why_unopened(error)
            raise VitonnxError(f"can't read {self.path}: {reason}.") from error
        try:
            if len(text) > self._most():
                raise ValueError("it is larger than any state")
            content = json.loads(text)
            found = StateContent.model_validate(content)
            if found.sha256 != _checksum(content["state"]):
                raise ValueError("its checksum is wrong")
        except (ValueError, RecursionError) as error:
            raise VitonnxError(
                f"{self.path} holds no state to resume from, or is damaged: remove it to start "
                "over, or give another file."
            ) from error
        self._compare(found.state.settings)
        try:
            return to_surveys(found.state, as_dataset(self.dataset), self.passes)
        except ValueError as error:
            raise VitonnxError(
                f"{self.path} holds a state that this run can't have written ({error}): remove it "
                "to start over, or give another file."
            ) from error

    def save(self, surveys: Sequence[Survey]) -> None:
        """Replace the file.

        Raises
        ------
        VitonnxError
            If it can't be written.
        """
        entries = [to_entry(found) for found in surveys]
        state = {"settings": dict(self.settings), "surveys": entries}
        with atomic_path(self.path) as passing:
            passing.write_text(json.dumps({"state": state, "sha256": _checksum(state)}, indent=1))

    def _most(self) -> int:
        count = as_dataset(self.dataset).count
        of_pictures = OF_A_PICTURE * (USUAL if count is None else count) * len(self.passes)
        return of_pictures + 2 * sum(each.most_bytes for each in self.passes)

    def _compare(self, settings: Settings) -> None:
        if (other := difference(settings, self.settings)) is not None:
            raise UsageError(
                f"{self.path} holds the state of another run: {other}. Repeat the command of that "
                "run, or give another file to start over."
            )


def difference(before: Settings, now: Settings) -> str | None:
    """Say in what two runs differ first; None where they are the same.

    Examples
    --------
    >>> difference({"the seed": 3}, {"the seed": 4})
    'the seed was 3 and is now 4'
    """
    for name in {**now, **before}:
        was, is_now = (str(each.get(name, "not set")) for each in (before, now))
        if was != is_now:
            if HASH.fullmatch(was) and HASH.fullmatch(is_now):
                return f"{_short(name)} is another"
            return f"{_short(name)} was {_short(was)} and is now {_short(is_now)}"
    return None


def _checksum(state: Any) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _short(text: str) -> str:
    text = shown(text)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
