"""The errors that vitonnx raises on purpose.

::

    VitonnxError                 the work failed                         exit code 1
    ├── UsageError               the call was wrong                      exit code 2
    │   ├── UnknownModelError    no model of that name
    │   └── MissingExtraError    an optional dependency is not installed
    ├── PictureError             a picture can't be read or used
    ├── VideoError               a video can't be read or used
    ├── DataError                a dataset to train on can't be read or used
    ├── CheckpointError          a checkpoint can't be read, or is of another model
    ├── DownloadError            a checkpoint can't be downloaded
    ├── ExportError              an export breaks its promises
    ├── TrainingError            a training diverged
    ├── ModelFileError           an ONNX file can't be read, or isn't probe-ready
    ├── PrecisionError           fewer bits cost more than they may
    └── DeviceError              the asked-for device can't be used

Each message is one sentence or two for a person: what happened, why, and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitonnx.engine import Fidelity

__all__ = [
    "CheckpointError",
    "DataError",
    "DeviceError",
    "DownloadError",
    "ExportError",
    "MissingExtraError",
    "ModelFileError",
    "PictureError",
    "PrecisionError",
    "TrainingError",
    "UnknownModelError",
    "UsageError",
    "VideoError",
    "VitonnxError",
    "no_head",
]


class VitonnxError(Exception):
    """Base of all errors that vitonnx raises on purpose."""

    exit_code = 1


class UsageError(VitonnxError, ValueError):
    """The call itself is wrong: an option, a name, a combination."""

    exit_code = 2


class UnknownModelError(UsageError):
    """The registry has no model of that name."""


class MissingExtraError(UsageError):
    """An optional part of vitonnx is needed and not installed."""


class PictureError(VitonnxError):
    """A picture can't be read, or can't be used for the request."""


class VideoError(VitonnxError):
    """A video can't be read, or can't be used for the request."""


class DataError(VitonnxError):
    """A dataset to train on can't be read, or can't be used for training."""


class CheckpointError(VitonnxError):
    """A checkpoint can't be read, or belongs to another model."""


class DownloadError(VitonnxError):
    """A checkpoint can't be downloaded."""


class ExportError(VitonnxError):
    """An exported graph is not what the contract promises."""


class TrainingError(VitonnxError):
    """A training diverged."""


class ModelFileError(VitonnxError):
    """An ONNX file can't be read, or isn't probe-ready."""


class PrecisionError(VitonnxError):
    """Fewer bits cost more than they may.

    Attributes
    ----------
    precision : str
        The one that was asked for.
    fidelity : Fidelity
        What was measured.
    """

    def __init__(self, message: str, precision: str, fidelity: Fidelity) -> None:
        super().__init__(message)
        self.precision, self.fidelity = precision, fidelity


class DeviceError(VitonnxError):
    """The requested device can't be used."""


def no_head() -> UsageError:
    """Say that a model tells no classes, and what can be asked of it instead."""
    return UsageError(
        "the model has no head, and so no classes: ask what makes it like another picture, with "
        "the target embedding:PICTURE."
    )
