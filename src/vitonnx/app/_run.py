"""Run the page with some models."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from vitonnx.app._answers import Answers, reopen
from vitonnx.app._catalogue import catalogue
from vitonnx.app._gate import Gate
from vitonnx.app._limits import Limits
from vitonnx.app._routes import Routes
from vitonnx.app._server import serve
from vitonnx.app._videos import Videos
from vitonnx.demo import draw_pictures
from vitonnx.engine import Engine
from vitonnx.heap import return_memory
from vitonnx.media import temporary_folder

__all__ = ["run_app"]


def run_app(
    engines: Mapping[str, Engine],
    at: socket.socket,
    *,
    limits: Limits | None = None,
    users: Sequence[tuple[str, str]] = (),
    public: Sequence[str] = (),
    ready: Callable[[str], None] = lambda address: None,
    closing: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Serve the page of some models until the process is asked to end.

    Parameters
    ----------
    engines : mapping of str to Engine
        Engines by the names that visitors choose from; the first two are shown at the start.
    at : socket
        See `open_socket`.
    limits : Limits, optional
        Limits of the page.
    users : sequence of (user, password)
        Users to admit; everyone, if empty.
    public : sequence of str
        Addresses by which the page is known outside, such as ``https://lab.example``. It answers
        to no other names than these, ``localhost``, and its own address.
    ready : callable
        Called with the address, once visitors can connect.
    closing : callable
        Called with a sentence when the page shuts down.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C, once what ran is done.
    UsageError
        If a public address is none.
    """
    return_memory(heaps=2)
    limits = limits or Limits()
    # One size for all pictures of a model, so that every question is one of the same graph.
    engines = {
        name: reopen(engine) if engine.manifest.preprocessing.multiple else engine
        for name, engine in engines.items()
    }
    answers, videos = Answers(engines, limits), Videos(limits)
    with temporary_folder() as folder:
        sent, examples = folder / "sent", folder / "examples"
        for each in (sent, examples):
            each.mkdir()
        shown = [
            {"name": path.name, "url": f"examples/{path.name}"} for path in draw_pictures(examples)
        ]
        told = catalogue(engines, served=True, limits=limits, examples=shown)
        routes = Routes(answers, videos, limits, sent, examples, told)
        gate = Gate(routes, list(engines), users, public)
        answers.warm()
        serve(routes, gate, videos, at, limits.idle, ready, closing)
