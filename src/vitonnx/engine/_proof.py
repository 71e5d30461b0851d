"""Proof that a device computes as exactly as was asked: measured against the CPU, and kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING, QUERIES
from vitonnx.engine._cache import is_ours, plan_digest, plans_folder
from vitonnx.engine._plan import Plan
from vitonnx.engine._session import Session
from vitonnx.engine.devices import Device
from vitonnx.errors import DeviceError, VitonnxError
from vitonnx.layout import Layout
from vitonnx.media import atomic_path
from vitonnx.probes import SumProbe, answering

__all__ = ["ASTRAY", "EXACT", "ROUGH", "WHOLE", "Prover", "witnesses"]

EXACT: Final = 2e-4
"""Largest error in single precision, of the largest value. Another order of summation costs 1e-6 to
1e-5; products of fewer bits cost 1e-3 and more."""

ROUGH: Final = 3e-2
"""Root of the mean square of errors where factors have 8 to 11 bits, of the largest value. It comes
to 1e-2 at most; a single weight of peaked attention may be off by more than 3e-2."""

WHOLE: Final = 1e-1
"""The same in whole numbers of 8 bits, where what lies between two of them may fall to either."""

SEEMS_SINGLE: Final = 2e-5
"""Below this, a device that was told to compute in 16 bits has not done so."""

ASTRAY: Final = 0.5
"""Largest error anywhere in what a probe gives, in any precision. Single numbers may fall to the
other side of a threshold; what is left out, or was never written, is off by all of it."""

AT_ONCE: Final = 5
"""Pictures that are shown together: the first may be right where later ones are not."""

Arrays: TypeAlias = dict[str, NDArray[Any]]

SQUARE = 16  # pixels of one colour, in the pictures that all devices are shown


class Errors(NamedTuple):
    """Errors of an output, of its largest true value, in the picture where they are largest."""

    usual: float  # the median
    rms: float  # root of the mean square
    largest: float


def witnesses(outputs: Sequence[str]) -> tuple[str, ...]:
    """Choose the outputs of a file that are compared: smooth ones that hang on the whole network.

    What is cut off by a threshold may differ wherever a value lies at it, on any device.

    Examples
    --------
    >>> witnesses(("block_00/attention", "block_01/attention", "block_01/tokens", "embedding"))
    ('block_01/attention', 'embedding')
    """
    attention = [name for name in outputs if name.endswith("/attention")]
    embedding = [name for name in outputs if name == EMBEDDING]
    return tuple(attention[-1:] + embedding) or tuple(outputs[-1:])


@dataclass
class Prover:
    """Opens the plans of a file on a device, once it has seen that their answers are right.

    Some pictures are run there and on the CPU. What was measured is kept beside the plans, for this
    file and plan, so many pictures, this hardware and driver, and this version of its provider.

    Parameters
    ----------
    file : Path
        The model.
    layout : Layout
        The model's, at the size in use.
    size : (height, width)
        Input size in pixels.
    device : Device
        Device to prove.
    precision : str
        Precision that was asked for.
    given : str
        Precision of the file itself.
    whole : Plan
        Of the `witnesses`.
    at_once : callable
        Gives the most pictures that the graph of a plan, or of the file as it is, is shown at once.
    start : callable
        Opens the session of a plan, or of the file as it is, on a device.
    """

    file: Path
    layout: Layout
    size: tuple[int, int]
    device: Device
    precision: str
    given: str
    whole: Plan
    at_once: Callable[[Plan | None], int]
    start: Callable[[Plan | None, Device], Session]
    is_proved: bool = field(default=False, init=False)  # of the network: the same in all plans

    def open(self, plan: Plan | None) -> Session:
        """Open a plan on the device, or the file as it is.

        Raises
        ------
        DeviceError
            If an error is not of the class that was asked for.
        """
        if not self.is_proved:
            errors, session = self._errors(self.whole)
            if session is not None:
                session.close()
            self._require_precision(errors)
            self.is_proved = True
        errors, session = self._errors(plan)
        with _closed_on_failure(session):
            self._require_answers(errors)
        return session or self.start(plan, self.device)

    @property
    def _limit(self) -> float:
        return {"fp32": EXACT, "int8": WHOLE}.get(self.precision, ROUGH)

    def _require_precision(self, errors: Mapping[str, Errors]) -> None:
        """Refuse a device whose smooth outputs are not of the class that was asked for."""
        largest = max(each.largest for each in errors.values())
        error = largest if self.precision == "fp32" else max(each.rms for each in errors.values())
        if not error <= self._limit:
            raise DeviceError(
                f"{self.device.name} computes {self.file} in {self.precision} with an error of "
                f"{error:.1e} of the largest value, and at most {self._limit:.0e} is accepted: use "
                "another precision, or --device cpu."
            )
        if self.given == "fp32" and self.precision in ("fp16", "bf16") and largest < SEEMS_SINGLE:
            raise DeviceError(
                f"{self.device.name} computes in fp32 here, though {self.precision} was asked: "
                f"{self.device.title or 'this hardware'} has no arithmetic for it. Use fp32."
            )

    def _require_answers(self, errors: Mapping[str, Errors]) -> None:
        """Refuse a plan half of whose numbers are less exact than was asked, or one is astray."""
        for name, (usual, _, largest) in errors.items():
            if not (usual <= self._limit and largest <= ASTRAY):
                off = f"it is off by {largest:.1e} of the largest value"
                how = off if math.isfinite(largest) else "it holds what is no number"
                raise DeviceError(
                    f"{self.device.name} computes {name} of {self.file} wrongly in "
                    f"{self.precision}: {how}. Use another precision, or --device cpu."
                )

    def _errors(self, plan: Plan | None) -> tuple[Mapping[str, Errors], Session | None]:
        """Measure a plan's errors, or find them kept; with its session, if one was opened."""
        count = min(AT_ONCE, self.at_once(plan))
        about = (self.precision, self.device.name, self.device.title, self.device.maker, str(count))
        kept = plans_folder() / f"{plan_digest(self.file, plan, *about)}.proof"
        keeps = plan is None or is_ours(plan)
        errors = _read(kept) if keeps else None
        if errors is not None:
            return errors, None
        # One after the other: two models at once need not fit into memory.
        as_given = None if plan is None else replace(plan, precision="fp32", provider="")
        true = self._answers(session := self.start(as_given, Device("cpu")), count)
        session.close()
        found = self._answers(session := self.start(plan, self.device), count)
        with _closed_on_failure(session):
            errors = dict(_compare(plan, found, true))
        if keeps:
            _write(kept, errors)
        return errors, session

    def _answers(self, session: Session, count: int) -> Arrays:
        """Run the pictures, with what else the graph takes; a session that fails is closed."""
        queries: NDArray[np.int64] | None = None
        constants: Arrays = {}
        for name, given in session.inputs.items():
            sides = [side if isinstance(side, int) else count for side in given.shape]
            if name == QUERIES:  # each picture's own: another patch
                queries = self.layout.prefix + np.arange(count) % self.layout.patches
            elif given.type == "tensor(int64)":  # classes
                constants[name] = np.zeros(sides, np.int64)
            else:
                constants[name] = np.random.default_rng(0).random(sides, np.float32)
        with _closed_on_failure(session):
            return session.run(_pictures(count, *self.size), session.outputs, queries, constants)


@contextmanager
def _closed_on_failure(session: Session | None) -> Iterator[None]:
    """Close a session if the block fails or is interrupted; the error goes on."""
    try:
        yield
    except BaseException:
        if session is not None:
            session.close()
        raise


def _compare(plan: Plan | None, found: Arrays, true: Arrays) -> Iterator[tuple[str, Errors]]:
    """Give each output's errors."""
    probes = {} if plan is None else {probe.name: probe for probe in plan.probes}
    for name, right in true.items():
        probe, pair = probes.get(name), (found[name], right)
        if probe is not None:
            with answering(probe):
                pair = probe.compared(pair[0]), probe.compared(pair[1])
        if pair[0].shape != pair[1].shape:
            yield name, Errors(math.inf, math.inf, math.inf)
        elif isinstance(probe, SumProbe):
            yield name, _errors_of(*pair, sums=True)
        else:
            errors = [_errors_of(*each) for each in zip(*pair, strict=True)]
            yield name, Errors(*map(max, zip(*errors, strict=True)))


def _errors_of(found: NDArray[Any], true: NDArray[Any], *, sums: bool = False) -> Errors:
    """Compare one picture; what is no number on one side alone is as wrong as can be.

    Sums differ by orders of magnitude: a usual error is then of the usual value.
    """
    found, true = np.atleast_1d(found), np.atleast_1d(true)  # a probe may give a single number
    with np.errstate(invalid="ignore"):  # of what is infinite twice
        off = np.abs(found.astype(np.float64) - true)
    off[np.isnan(found) & np.isnan(true) | (found == true)] = 0
    off[np.isnan(off)] = math.inf
    values = np.abs(true, where=np.isfinite(true), out=np.zeros(true.shape))
    largest = float(values.max()) or 1.0
    usual = (float(np.median(values)) if sums else 0.0) or largest
    return Errors(
        float(np.median(off) / usual),
        float(np.sqrt(np.mean(np.square(off / largest)))),
        float(off.max() / largest),
    )


def _pictures(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Make pictures of coloured squares: uint8 (count, height, width, 3)."""
    rows, columns = -(-height // SQUARE), -(-width // SQUARE)
    colours = np.random.default_rng(0).integers(0, 256, (count, rows, columns, 3), np.uint8)
    return colours.repeat(SQUARE, axis=1).repeat(SQUARE, axis=2)[:, :height, :width]


def _read(kept: Path) -> Mapping[str, Errors] | None:
    try:
        said = json.loads(kept.read_text(encoding="utf-8"))["errors"]
        errors = {str(name): Errors(*map(float, each)) for name, each in said.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    right = all(error >= 0 for each in errors.values() for error in each)  # nor what is no number
    return errors if errors and right else None


def _write(kept: Path, errors: Mapping[str, Errors]) -> None:
    """Keep what was measured; where the folder can't be written, it is measured every time."""
    with suppress(OSError, VitonnxError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(kept) as passing:
            passing.write_text(json.dumps({"errors": errors}), encoding="utf-8")
