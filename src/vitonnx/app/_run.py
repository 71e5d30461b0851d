"""Run the page with some models."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from vitonnx.app._answers import Answers
from vitonnx.app._folder import own_folder
from vitonnx.app._limits import Limits
from vitonnx.app._page import build_page
from vitonnx.app._server import serve
from vitonnx.app._videos import Videos
from vitonnx.demo import draw_pictures, draw_video_file
from vitonnx.engine import Engine
from vitonnx.heap import return_memory

__all__ = ["run_app"]


def run_app(
    engines: Mapping[str, Engine],
    at: socket.socket,
    *,
    limits: Limits | None = None,
    users: Sequence[tuple[str, str]] = (),
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
    users, ready, closing
        See `serve`.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C, once what ran is done.
    """
    return_memory(heaps=2)
    limits = limits or Limits()
    # One size for all pictures of a model, so that every question is one of the same graph.
    engines = {
        name: _reopen(engine) if engine.manifest.preprocessing.multiple else engine
        for name, engine in engines.items()
    }
    answers = Answers(engines, memory=limits.memory, reopen=lambda name: _reopen(engines[name]))
    answers.warm()
    with own_folder() as folder:
        examples = folder.path / "examples"
        examples.mkdir()
        pictures = draw_pictures(examples)
        video = examples / "scenes.mp4"
        draw_video_file(video)
        videos = Videos(engines, limits)
        page = build_page(answers, videos, limits, folder, pictures=pictures, video_files=[video])
        serve(
            page,
            at,
            limits,
            folder,
            models=list(engines),
            users=users,
            ready=ready,
            closing=closing,
            left=videos.stop,
            cut=videos.stop_all,
        )


def _reopen(engine: Engine) -> Engine:
    """Open the same file in the same way, with no session yet."""
    return Engine(
        engine.file,
        size=engine.manifest.size,
        device=engine.device,
        threads=engine.threads,
        precision=engine.precision,
        in_graph=True,
    )
