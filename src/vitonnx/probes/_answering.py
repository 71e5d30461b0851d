"""Errors of somebody else's probe: a sentence that names it, instead of a bug of vitonnx."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vitonnx.blame import reason_of
from vitonnx.errors import VitonnxError

__all__ = ["answering"]


@contextmanager
def answering(asked: object) -> Iterator[None]:
    """Name the probe, or its result, whose own code fails; those of vitonnx fail as they do.

    Raises
    ------
    VitonnxError
        Instead of any other error, where the class of what is asked is not vitonnx's.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> with answering(SimpleNamespace(name="near")):
    ...     [].pop()
    Traceback (most recent call last):
        ...
    vitonnx.errors.VitonnxError: the probe near (types) failed: IndexError: pop from empty list.
    """
    try:
        yield
    except (VitonnxError, MemoryError):
        raise
    except Exception as error:
        module = type(asked).__module__
        if module.partition(".")[0] == "vitonnx":
            raise
        name = getattr(asked, "name", type(asked).__name__)
        raise VitonnxError(
            f"the probe {name} ({module}) failed: {type(error).__name__}: {reason_of(error)}."
        ) from error
