"""The page's addresses, and what is done at each."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from vitonnx.app._answers import Answers
from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.app._memory import Memory
from vitonnx.app._replies import RefusedError, Said
from vitonnx.app._videos import Job, Videos
from vitonnx.app._visit import Visit, plain_name, receive
from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.portable import answer_of
from vitonnx.probes import GraphProbe, Probe, read_probe
from vitonnx.video import require_maps

__all__ = ["Routes"]

Done = TypeVar("Done")

PAGE: Final = Path(__file__).parent / "page"
QUESTION: Final = 2**16  # bytes
AT_ONCE: Final = 4  # one of which may run a model, while others answer from what is kept
NO_STORE: Final = {"Cache-Control": "no-store"}


class Routes:
    """Serves the page and its files, and asks the models.

    What visitors send lies in a folder's ``sent`` while it is needed, and pictures to begin with in
    its ``examples``; `told` is the catalogue, which the page asks for first.
    """

    def __init__(self, answers: Answers, limits: Limits, folder: Path, told: object) -> None:
        self._answers, self._limits, self._sent = answers, limits, folder / "sent"
        self._visits: Memory[Visit] = Memory(limits.visitors)
        self.videos = Videos(limits, _in_thread)
        self._room, self._turns = AT_ONCE + limits.waiting, asyncio.Semaphore(AT_ONCE)
        # A photograph takes a hundred megabytes for a moment; and some probes take long.
        self._decoding, self._slow = asyncio.Semaphore(1), asyncio.Semaphore(1)
        self._router = Router(
            [
                Route("/catalogue.json", Said(told), methods=["GET"]),
                Route("/pictures", self._look, methods=["POST"]),
                Route("/pictures/{key}", self._picture, methods=["GET", "DELETE"]),
                Route("/ask", self._ask, methods=["POST"]),
                Route("/videos", self._film, methods=["POST"]),
                Route("/videos/{key}", self._video, methods=["GET", "DELETE"]),
                Route("/videos/{key}/file", self._deliver, methods=["GET"]),
                Mount("/examples", StaticFiles(directory=folder / "examples")),
                Mount("/", StaticFiles(directory=PAGE, html=True)),
            ],
            redirect_slashes=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what a request asks."""
        # With an app the router raises what there is to say, instead of saying it.
        await self._router({**scope, "app": self}, receive, send)

    def tidy(self, now: float) -> None:
        """Forget what is older than an hour."""
        for each in (self._visits, self._answers.kept, self.videos):
            each.tidy(now)

    async def _look(self, request: Request) -> Response:
        given = request.query_params
        engines, name = self._choose(given.getlist("models")), plain_name(given.get("name", ""))
        self._drop(given.get("before", ""))
        path = await self._take(request)

        def look() -> tuple[Visit, dict[str, Any]]:
            visit = receive(path, name, engines, self._limits)
            return visit, {model: self._answers.look(visit, model) for model in engines}

        try:
            visit, seen = await self._do(look, request, self._decoding)
        finally:
            path.unlink(missing_ok=True)
        self._visits.keep((visit.key,), visit)
        height, width = visit.size
        return Said(
            {"key": visit.key, "name": name, "width": width, "height": height, "models": seen}
        )

    async def _picture(self, request: Request) -> Response:
        key = request.path_params["key"]
        if request.method == "DELETE":
            self._drop(key)
            return Response(status_code=204)
        return Response(self._find(key).portrait, headers=NO_STORE, media_type="image/jpeg")

    async def _ask(self, request: Request) -> Response:
        asked = _object(b"".join([part async for part in _parts(request, QUESTION)]))
        ((model, engine),) = self._choose([asked.get("model")]).items()
        probe = read_probe(asked.get("probe"), asked.get("options", {}))
        if not isinstance(probe, Probe):
            found = await self._do(lambda: engine.probe_weights(probe), request)
            return Said(answer_of(found.finding, found.arrays()))
        visit = self._find(asked.get("picture"), model)
        first = visit if asked.get("first") is None else self._find(asked["first"], model)
        alone = None if isinstance(probe, GraphProbe) else self._slow

        def ask() -> dict[str, Any]:
            return answer_of(*self._answers.ask(visit, model, probe, first))

        return Said(await self._do(ask, request, alone))

    async def _film(self, request: Request) -> Response:
        given = request.query_params
        engines, name = self._choose(given.getlist("model")), plain_name(given.get("name", ""))
        probe = read_probe(given.get("probe"), _object(given.get("options", "{}")))
        if not isinstance(probe, Probe):
            raise UsageError(f"{probe.name} is of weights, the same in every frame: ask for maps.")
        require_maps(probe)
        return Said({"job": self.videos.want(Job(await self._take(request), name, engines, probe))})

    async def _video(self, request: Request) -> Response:
        key = request.path_params["key"]
        job = self.videos.find(key)
        if request.method == "DELETE":
            self.videos.jobs.pop(key).remove()
            return Response(status_code=204)
        return Said({"state": job.state, "share": job.share, "words": job.words})

    async def _deliver(self, request: Request) -> Response:
        job = self.videos.find(request.path_params["key"])
        if job.state != "done":
            raise RefusedError(409, "The video isn't done.")
        return FileResponse(job.output, headers=NO_STORE, media_type="video/mp4")

    def _choose(self, names: Sequence[Any]) -> dict[str, Engine]:
        engines, most = self._answers.engines, self._limits.models
        if not 0 < len(names) <= most or not all(name in [*engines] for name in names):
            raise UsageError(f"Choose from 1 to {most} of the models {', '.join(engines)}.")
        return {name: engines[name] for name in names}

    def _find(self, key: object, model: str = "") -> Visit:
        visit = self._visits.get((key,)) if isinstance(key, str) else None
        if visit is None:
            raise RefusedError(404, "There is no picture, or it has been removed: choose one.")
        if model and model not in visit.shown:
            raise UsageError(f"{model} has not looked at {visit.name}: send it once more.")
        return visit

    def _drop(self, key: str) -> None:
        self._visits.forget(key)
        self._answers.kept.forget(key)

    async def _take(self, request: Request) -> Path:
        """Write a body to a file as it comes."""
        path = self._sent / secrets.token_urlsafe(16)
        try:
            with path.open("xb") as file:
                async for part in _parts(request, self._limits.upload):
                    file.write(part)
                    self._refuse_full()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _refuse_full(self) -> None:
        size = 0
        for each in self._sent.iterdir():
            with suppress(FileNotFoundError):  # it was done with meanwhile
                size += each.stat().st_size
        if size > self._limits.disk:
            raise RefusedError(503, "Too much is being sent at once: try again soon.", retry=60)

    async def _do(
        self, work: Callable[[], Done], request: Request, alone: asyncio.Semaphore | None = None
    ) -> Done:
        """Do work in its turn, unless too much of it waits, or whoever asked has left."""
        if not self._room:
            raise RefusedError(503, "Too many are asking at once: try again in a moment.", retry=2)
        self._room -= 1
        try:
            async with alone or nullcontext(), self._turns:
                if await request.is_disconnected():
                    raise RefusedError(499, "You have left.")
                return await _in_thread(work)
        finally:
            self._room += 1


async def _in_thread(work: Callable[[], Done]) -> Done:
    """Do work in a thread of its own, which doesn't hold up the end of the process."""
    future: Future[Done] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)


async def _parts(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Give a body as it comes, and refuse it where it is, or says that it is, too large."""
    said, come = int(request.headers.get("content-length", "0")[:18]), 0
    if said <= limit:
        async for part in request.stream():
            come += len(part)
            if come > limit:
                break
            yield part
        else:
            return
    raise RefusedError(413, f"More than the {limit / MEGABYTE:.3g} MB that are allowed here.")


def _object(text: str | bytes) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        if isinstance(said := json.loads(text), dict):
            return said
    raise RefusedError(400, "What was asked must be an object of JSON.")
