"""Turn any error that a library raises on a bad file into a sentence about that file."""

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
    """Replace errors raised while a file is read by a sentence about the file.

    Libraries aren't made for malicious files and raise anything, so the file is blamed. There are
    four exceptions: vitonnx's own errors and those of a broken installation pass through; errors of
    the system and lack of memory are reported as such.

    Parameters
    ----------
    name : object
        Name of the file.
    kind : type of VitonnxError
        Type of the error to raise instead.
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
        raise kind(f"{name} needs more memory than there is: use a smaller file.") from error
    except BaseException as error:  # those of libraries in Rust are none of Exception
        if isinstance(error, OSError) and error.errno in OF_THE_SYSTEM:
            raise kind(f"can't read {name}: {error.strerror}.") from error
        raise kind(damage(reason_of(error))) from error


def why_unopened(error: OSError | ValueError) -> str:
    """Explain why a name can't be opened: the system's reason, or Python's, as for a NUL.

    Examples
    --------
    >>> import os
    >>> why_unopened(OSError(errno.EIO, os.strerror(errno.EIO), "a.png"))
    'Input/output error'
    """
    return str(getattr(error, "strerror", None) or error)


def reason_of(error: BaseException) -> str:
    """Return the message of an error, in one line of limited length."""
    return " ".join(str(error).split())[:LONGEST_REASON].rstrip(" .:") or type(error).__name__
