"""Show errors as sentences, to the visitor concerned only."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import gradio as gr

from vitonnx.errors import PictureError, UsageError, VideoError

__all__ = ["kindly"]

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

UNEXPECTED = "The page failed at this and has logged why. Try again, or with another picture."


def kindly(work: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Let a handler's errors reach its visitor as a sentence, and no traceback or path with it."""

    @functools.wraps(work)
    def asked(*given: Given.args, **named: Given.kwargs) -> Answer:
        try:
            return work(*given, **named)
        # Of these all words are for the visitor; others name files of this machine.
        except (UsageError, PictureError, VideoError) as error:
            raise gr.Error(f"{error}", duration=None, print_exception=False) from error
        except gr.Error:
            raise
        except Exception as error:
            log.exception("a visitor's request failed")
            raise gr.Error(UNEXPECTED, duration=None, print_exception=False) from error

    return asked
