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
from vitonnx.app._wire import answer_json, read_probe
from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.probes import GraphProbe, Probe

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
        self._answers, self._limits = answers, limits
        self._sent = folder / "sent"
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
        engines = self._choose(given.getlist("models"))
        self._drop(given.get("before", ""))
        name, path = plain_name(given.get("name", "")), await self._take(request)

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
        body = b"".join([part async for part in _parts(request, QUESTION)])
        asked = _object(body)
        ((model, engine),) = self._choose([asked.get("model")]).items()
        probe = read_probe(asked.get("probe"), asked.get("options", {}))
        if not isinstance(probe, Probe):
            found = await self._do(lambda: engine.probe_weights(probe), request)
            return Said(answer_json(found.finding, found.arrays()))
        visit = self._find(asked.get("picture"), model)
        first = visit if asked.get("first") is None else self._find(asked["first"], model)
        alone = None if isinstance(probe, GraphProbe) else self._slow
        answer = await self._do(
            lambda: answer_json(*self._answers.ask(visit, model, probe, first)), request, alone
        )
        return Said(answer)

    async def _film(self, request: Request) -> Response:
        given = request.query_params
        engines = self._choose(given.getlist("model"))
        probe = read_probe(given.get("probe"), _object(given.get("options", "{}")))
        self.videos.refuse(probe)
        path, name = await self._take(request), plain_name(given.get("name", ""))
        return Said({"job": self.videos.want(Job(path, name, engines, probe))})  # type: ignore[arg-type]

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
        path, unchecked = self._sent / secrets.token_urlsafe(16), 0
        try:
            with path.open("xb") as file:
                async for part in _parts(request, self._limits.upload):
                    file.write(part)
                    unchecked += len(part)
                    if unchecked > MEGABYTE:
                        unchecked = 0
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
    too_large = RefusedError(413, f"More than the {limit / MEGABYTE:.3g} MB that are allowed here.")
    come = int(request.headers.get("content-length", "0")[:18])
    if come > limit:
        raise too_large
    come = 0
    async for part in request.stream():
        come += len(part)
        if come > limit:
            raise too_large
        yield part


def _object(text: str | bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise RefusedError(400, "What was asked must be an object of JSON.")
    return said
