"""Whose fault it is when a library raises something over a file that somebody gave."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vitonnx.errors import VitonnxError

__all__ = ["blamed_on", "reason_of", "why_unopened"]

LONGEST_REASON = 300
"""Letters: libraries quote what they stumble over, and that may be all of a file."""

# What the system says of a file that is as it should be.
OF_THE_SYSTEM = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC}


@contextmanager
def blamed_on(
    name: object, kind: type[VitonnxError], damage: Callable[[str], str]
) -> Iterator[None]:
    """Say in a sentence on a file what is raised while it is read.

    It is the file's fault, whatever it is: libraries are not made for files that lie, and each
    raises what it likes. But for four kinds: vitonnx's own errors and those of a broken
    installation or of our own names pass; and of the system's, and of memory, it is said so.

    Parameters
    ----------
    name : object
        What the file is called.
    kind : type of VitonnxError
        Of the error that is raised instead.
    damage : callable
        Makes the sentence, from what the library says in one line.

    Examples
    --------
    >>> with blamed_on("a.png", VitonnxError, lambda reason: f"a.png is damaged ({reason})."):
    ...     raise SyntaxError("broken chunk")
    Traceback (most recent call last):
        ...
    vitonnx.errors.VitonnxError: a.png is damaged (broken chunk).
    """
    try:
        yield
    except (VitonnxError, ImportError, NameError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError as error:
        raise kind(f"{name} needs more memory than there is.") from error
    except BaseException as error:  # those of libraries in Rust are none of Exception
        if isinstance(error, OSError) and error.errno in OF_THE_SYSTEM:
            raise kind(f"{name} can't be read: {error.strerror}.") from error
        raise kind(damage(reason_of(error))) from error


def why_unopened(error: OSError | ValueError) -> str:
    """Say why a name can't be opened: the system's reason, or Python's, as of one with a NUL in it.

    Examples
    --------
    >>> import os
    >>> why_unopened(OSError(errno.EIO, os.strerror(errno.EIO), "a.png"))
    'Input/output error'
    """
    return str(getattr(error, "strerror", None) or error)


def reason_of(error: BaseException) -> str:
    """Give what an error says, in one line that isn't endless."""
    return " ".join(str(error).split())[:LONGEST_REASON].rstrip(" .:") or type(error).__name__
