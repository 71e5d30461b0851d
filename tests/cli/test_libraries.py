"""Libraries say nothing on the command line; `--debug` shows it all, and imports change nothing."""

from __future__ import annotations

import sys

import pytest

from terminal import finished

# A library that logs and warns as libraries do: by a logger of its own, by the root's functions,
# which make a handler where there is none, and by a handler of its own.
NOISY = """
import logging, os, sys, warnings
import vitonnx.cli._app as tree
import vitonnx.modelfile
from vitonnx.cli import main

def app(words, **more):
    try:
        raise KeyError("half a model")
    except KeyError:
        logging.getLogger("onnx_ir.serde").exception("Error calling serde")
    logging.warning("Please consider pre-processing")
    logging.getLogger("tf2onnx").error("went on")
    logging.getLogger("vitonnx").warning("fewer at a time:\\x1b[2J")
    warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    os.write(2, b"ZIPDecode: Decoding error\\n")
    import huggingface_hub
    from huggingface_hub.utils import logging as theirs
    theirs.get_logger("huggingface_hub.x").warning("no token")
    return 0

tree.app = app
code = main(sys.argv[1:])
assert not logging.getLogger().handlers or "--debug" in sys.argv
sys.exit(code)
"""


def test_they_say_nothing() -> None:
    outcome = finished([sys.executable, "-W", "default", "-c", NOISY, "models"])
    assert outcome.code == 0
    assert outcome.err == "note: fewer at a time:\\x1b[2J\n"


def test_debug_shows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_VERBOSITY", raising=False)  # which other tests may have set
    outcome = finished([sys.executable, "-W", "default", "-c", NOISY, "models", "--debug"])
    assert outcome.code == 0
    for said in (
        "Error calling serde",
        "Traceback",
        "pre-processing",
        "went on",
        "soon gone",
        "no token",
    ):
        assert said in outcome.err


def test_who_imports_us_directs_them_as_any_others() -> None:
    script = """
import logging, warnings
before = (logging.getLogger().level, logging.getLogger().handlers[:], warnings.showwarning)
import vitonnx.engine, vitonnx.plots, vitonnx.tap
import vitonnx.cli
assert before == (logging.getLogger().level, logging.getLogger().handlers, warnings.showwarning)
for name in ("onnx_ir", "onnxscript", "tf2onnx", "matplotlib", "PIL", "vitonnx"):
    assert logging.getLogger(name).level == logging.NOTSET, name
"""
    outcome = finished([sys.executable, "-c", script])
    assert (outcome.code, outcome.err) == (0, "")
