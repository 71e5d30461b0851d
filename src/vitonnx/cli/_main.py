"""Turn arguments into an exit code.

0 done, 1 the work failed, 2 the call was wrong; 128 plus the number of a signal that ended the
process: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence

from vitonnx.cli._signals import Ending

__all__ = ["call", "run"]

# Commands that take datasets, and URLs that these may be at.
DATASETS = [["bake"], ["embed"], ["evaluate"], ["probe"], ["train"]]
AT_A_URL = re.compile(r"(s3|gs|gcs|hf|https?)://", re.IGNORECASE)

INTERRUPTED = 130


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command: see `vitonnx.cli.main`."""
    with Ending(last=arguments is None) as ending:
        # Everything else is imported inside, so that Ctrl-C is handled from the start.
        try:
            code = _run(sys.argv[1:] if arguments is None else list(arguments), ending)
            ending.close()
        except KeyboardInterrupt:
            ending.close()
            # CPython remembers a Ctrl-C that passed through exec(), which builds dataclasses, and
            # would exit by the signal instead of with our code; another exec() clears that.
            exec("")
            return ending.code()
        return ending.code() if ending.asked else code


def _run(words: list[str], ending: Ending) -> int:
    """Run a command, and turn errors into a sentence and an exit code, except with --debug."""
    from vitonnx.cli._streams import drop_output, open_streams

    if "--debug" in words:
        open_streams()
        import logging

        logging.basicConfig()  # log lines of libraries go to stderr, whatever handlers they have
        return _call([word for word in words if word != "--debug"])
    from vitonnx.cli._libraries import unheard_libraries

    try:
        open_streams()
        with unheard_libraries():
            return _call(words)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # panics of Rust libraries aren't an Exception
        # Interrupted work may fail with an error of its own.
        if ending.asked:
            raise KeyboardInterrupt from error
        from vitonnx.cli._failure import explain

        return explain(error)
    finally:
        drop_output()


def _takes_datasets(words: Sequence[str]) -> bool:
    """Tell whether a command's pictures may be elsewhere; all else that it reads is here."""
    return words[:1] in DATASETS and words[:2] != ["probe", "video"]


def _call(words: list[str]) -> int:
    from vitonnx.cli._app import app

    return call(app, words)


def call(command: Callable[..., object], words: Sequence[str]) -> int:
    """Run a command, and return its exit code.

    Parameters
    ----------
    command : callable
        Typer's root command.
    words : sequence of str
        Words typed after ``vitonnx``.

    Raises
    ------
    UsageError
        If a word holds a NUL character, or is a URL where a command takes none.
    KeyboardInterrupt
        On Ctrl-C.
    Exception
        Any error of the command.
    """
    from vitonnx.errors import UsageError
    from vitonnx.filenames import refuse_address

    for before, word in zip(["", *words], words, strict=False):
        if "\0" in word:
            raise UsageError(f"{word} holds a NUL character, which no name may: remove it.")
        name = word.partition("=")[2] if word.startswith("--") else word
        of_page = "--public" in (before, word.partition("=")[0])  # where others find it
        if not (_takes_datasets(words) or of_page) or not AT_A_URL.match(name):
            refuse_address(name)
    code = command(list(words), prog_name="vitonnx", standalone_mode=False)
    if code == INTERRUPTED:
        raise KeyboardInterrupt  # Typer has turned it into an exit code
    # Results that don't fit on the disk must fail here, and not after main has returned 0.
    sys.stdout.flush()
    return code if isinstance(code, int) else 0
