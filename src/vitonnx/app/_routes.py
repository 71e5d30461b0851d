"""The page's addresses, and what is done at each."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from vitonnx.app._answers import Answers
from vitonnx.app._asked import choose, read_probe
from vitonnx.app._desk import Desk
from vitonnx.app._findings import answer_json
from vitonnx.app._limits import Limits
from vitonnx.app._memory import Memory
from vitonnx.app._replies import RefusedError, Said
from vitonnx.app._videos import Videos
from vitonnx.app._visit import Visit, plain_name, receive
from vitonnx.errors import UsageError
from vitonnx.probes import Probe

__all__ = ["Routes"]

PAGE: Final = Path(__file__).parent / "page"
QUESTION: Final = 2**16  # bytes
STEP: Final = 2**20  # bytes after which it is seen to that the disk isn't full
NO_STORE: Final = {"Cache-Control": "no-store"}


class Routes:
    """Serves the page and its files, and asks the models.

    Parameters
    ----------
    answers, videos : Answers, Videos
        What is asked.
    limits : Limits
        The page's.
    folder : Path
        Of what visitors send, while it is needed.
    examples : Path
        Folder of pictures to begin with.
    catalogue : mapping
        What the page is told first.
    """

    def __init__(
        self,
        answers: Answers,
        videos: Videos,
        limits: Limits,
        folder: Path,
        examples: Path,
        catalogue: Mapping[str, Any],
    ) -> None:
        self._answers, self._videos, self._limits = answers, videos, limits
        self._folder, self._catalogue = folder, catalogue
        self._visits: Memory[Visit] = Memory(limits.visitors)
        self._desk = Desk(limits.waiting)
        self._router = Router(
            [
                Route("/catalogue.json", self._tell, methods=["GET"]),
                Route("/pictures", self._look, methods=["POST"]),
                Route("/pictures/{key}", self._show, methods=["GET"]),
                Route("/pictures/{key}", self._forget, methods=["DELETE"]),
                Route("/ask", self._ask, methods=["POST"]),
                Route("/videos", self._film, methods=["POST"]),
                Route("/videos/{key}", self._progress, methods=["GET"]),
                Route("/videos/{key}", self._stop, methods=["DELETE"]),
                Route("/videos/{key}/file", self._deliver, methods=["GET"]),
                Mount("/examples", StaticFiles(directory=examples)),
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
        for each in (self._visits, self._answers, self._videos):
            each.tidy(now)

    async def _tell(self, request: Request) -> Response:
        return Said(self._catalogue)

    async def _look(self, request: Request) -> Response:
        given = request.query_params
        chosen = choose(self._answers.engines, given.getlist("models"), self._limits.models)
        if (before := given.get("before")) is not None:
            self._drop(before)
        name = plain_name(given.get("name", ""))
        path = await self._take(request)

        def look() -> tuple[Visit, dict[str, Any]]:
            visit = receive(path, name, chosen, self._limits)
            return visit, self._answers.look(visit)

        try:
            visit, seen = await self._desk.do(look, request.is_disconnected)
        finally:
            path.unlink(missing_ok=True)
        self._visits.keep((visit.key,), visit)
        height, width = visit.size
        told = {"key": visit.key, "name": name, "width": width, "height": height, "models": seen}
        return Said(told, headers=NO_STORE)

    async def _show(self, request: Request) -> Response:
        visit = self._find(request.path_params["key"])
        return Response(visit.portrait, media_type="image/jpeg", headers=NO_STORE)

    async def _forget(self, request: Request) -> Response:
        self._drop(request.path_params["key"])
        return Response(status_code=204)

    async def _ask(self, request: Request) -> Response:
        body = b"".join([part async for part in _parts(request, QUESTION)])
        asked = _json(body, "the question")
        model = asked.get("model")
        (engine,) = choose(self._answers.engines, [model], 1).values()  # type: ignore[list-item]
        probe = read_probe(asked.get("probe"), asked.get("options", {}))
        if isinstance(probe, Probe):
            visit = self._find(asked.get("picture"))
            first = visit if asked.get("first") is None else self._find(asked["first"])
            for each in (visit, first):
                if model not in each.shown:
                    raise UsageError(f"{model} has not looked at {each.name}: send it once more.")
            work = partial(self._answers.ask, visit, str(model), probe, first)
        else:
            work = partial(self._answers.ask_weights, engine, probe)  # type: ignore[arg-type]
        said = await self._desk.do(lambda: answer_json(*work()), request.is_disconnected)
        return Said(said, headers=NO_STORE)

    async def _film(self, request: Request) -> Response:
        given = request.query_params
        chosen = choose(self._answers.engines, given.getlist("model"), self._limits.models)
        options = _json(given.get("options", "{}").encode(errors="replace"), "the options")
        probe = read_probe(given.get("probe"), options)
        self._videos.refuse(probe)
        path = await self._take(request)
        key = self._videos.want(path, plain_name(given.get("name", "")), chosen, probe)
        return Said({"job": key}, headers=NO_STORE)

    async def _progress(self, request: Request) -> Response:
        return Said(self._videos.progress(request.path_params["key"]), headers=NO_STORE)

    async def _deliver(self, request: Request) -> Response:
        file = self._videos.deliver(request.path_params["key"])
        return FileResponse(file, media_type="video/mp4", headers=NO_STORE)

    async def _stop(self, request: Request) -> Response:
        self._videos.stop(request.path_params["key"])
        return Response(status_code=204)

    def _find(self, key: object) -> Visit:
        visit = self._visits.get((key,)) if isinstance(key, str) else None
        if visit is None:
            raise RefusedError(404, "There is no picture, or it has been removed: choose one.")
        return visit

    def _drop(self, key: str) -> None:
        self._visits.forget(key)
        self._answers.forget(key)

    async def _take(self, request: Request) -> Path:
        """Write a body to a file as it comes."""
        path, come = self._folder / secrets.token_hex(16), 0
        try:
            with path.open("xb") as file:
                async for part in _parts(request, self._limits.upload):
                    file.write(part)
                    if come // STEP != (come := come + len(part)) // STEP:
                        self._refuse_full()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _refuse_full(self) -> None:
        if sum(each.stat().st_size for each in self._folder.iterdir()) > self._limits.disk:
            raise RefusedError(503, "Too much is being sent at once: try again soon.", retry=60)


async def _parts(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Give a body as it comes, and refuse it where it is, or says that it is, too large."""
    too_large = RefusedError(
        413, f"What was sent is larger than the {limit / 2**20:.3g} MB that are allowed here."
    )
    length = request.headers.get("content-length", "0")
    if len(length) > 18 or int(length) > limit:
        raise too_large
    come = 0
    async for part in request.stream():
        come += len(part)
        if come > limit:
            raise too_large
        yield part


def _json(text: bytes, what: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"{what} is no JSON.".capitalize()) from error
    if not isinstance(said, dict):
        raise RefusedError(400, f"{what} must be an object of JSON.".capitalize())
    return said
