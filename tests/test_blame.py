"""What a library raises over a file is the file's fault, but for what isn't."""

from __future__ import annotations

import errno
import os

import pytest

from vitonnx.blame import blamed_on
from vitonnx.errors import PictureError, UsageError


class PanicException(BaseException):
    """As libraries in Rust have it."""


def raised_over_a_file(error: BaseException) -> BaseException:
    with (
        pytest.raises(BaseException) as caught,  # noqa: PT011 - all of them
        blamed_on("a.png", PictureError, lambda reason: f"a.png is damaged ({reason})."),
    ):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no\nsuch\tchunk."), "a.png is damaged (no such chunk)."),
        (AssertionError(), "a.png is damaged (AssertionError)."),
        (PanicException("index out of range"), "a.png is damaged (index out of range)."),
        (RecursionError("too deep"), "a.png is damaged (too deep)."),
        (OSError("image file is truncated"), "a.png is damaged (image file is truncated)."),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "can't read a.png: Input/output error."),
        (MemoryError(), "a.png needs more memory than there is: use a smaller file."),
    ],
)
def test_a_sentence_on_the_file(error: BaseException, sentence: str) -> None:
    found = raised_over_a_file(error)
    assert isinstance(found, PictureError)
    assert str(found) == sentence
    assert found.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [UsageError("no"), ImportError("lost"), NameError("x"), KeyboardInterrupt(), SystemExit(3)],
)
def test_what_is_nobodys_fault_passes(error: BaseException) -> None:
    assert raised_over_a_file(error) is error


def test_a_library_that_quotes_a_whole_file() -> None:
    assert len(str(raised_over_a_file(ValueError("x" * 10**6)))) < 400
