"""Pictures that each have an input size of their own: neighbours of one size share an engine."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from vitonnx.engine._decoding import Decoding
from vitonnx.engine._map_ahead import map_ahead
from vitonnx.engine._pass import Picture, hold
from vitonnx.engine._preprocess import Prepared, prepare, scaling_errors
from vitonnx.engine._result_stream import Result
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.manifest import Manifest
from vitonnx.media import Decoded, Encoded
from vitonnx.probes import Probe

if TYPE_CHECKING:
    from vitonnx.engine._engine import Engine

__all__ = ["OwnSizes"]

# Times as many patches as the model has at its own size: more is a stripe, whose attention takes
# gigabytes.
LONGEST = 8
KEPT = 4  # engines: each has a plan and a session of its own
AHEAD = 8  # pictures that are decoded before their turn


class _Opened(NamedTuple):
    """A picture, ready, and the input size that it has; or why it can't be read, or has none."""

    name: str
    picture: Prepared | None
    size: tuple[int, int] | None
    error: VitonnxError | None = None


class OwnSizes:
    """The engines of one file at several sizes, of which a few are kept.

    The manifest's recipe gives every picture its own size.
    """

    def __init__(
        self,
        manifest: Manifest,
        open_at: Callable[[tuple[int, int]], Engine],
        refuse_closed: Callable[[], None],
        decoding: Decoding,
    ) -> None:
        self.manifest, self._open_at, self._refuse_closed = manifest, open_at, refuse_closed
        self._decoding = decoding
        self._lock = Lock()
        self._engines: dict[tuple[int, int], Engine] = {}

    def at(self, size: tuple[int, int]) -> Engine:
        """Give the engine of a size."""
        with self._lock:
            self._refuse_closed()
            engine = self._engines.pop(size, None) or self._open_at(size)
            self._engines[size] = engine  # the last that was used is the last to go
            while len(self._engines) > KEPT:  # not closed: another thread may be using it
                del self._engines[next(iter(self._engines))]
            return engine

    def close(self) -> None:
        """Close the engines of all sizes."""
        with self._lock:
            for engine in self._engines.values():
                engine.close()
            self._engines.clear()

    def size_of(self, sides: tuple[int, int]) -> tuple[int, int]:
        """Return the input size of a picture of some height and width, if the file can take it."""
        height, width = own = self.manifest.size
        remedy = (
            f"give --size {height}x{width} (size={own} in Python), and pictures are squashed to it."
        )
        try:
            size = self.manifest.preprocessing.for_picture(sides).size
        except UsageError:  # its sides are none that any input has
            size = (0, 0)
        if not 0 < size[0] * size[1] <= LONGEST * height * width:
            raise PictureError(
                f"its recipe gives a picture of {sides[0]}x{sides[1]} pixels an input of more "
                f"than {LONGEST} times the pixels of {self.manifest.name}'s own: {remedy}"
            )
        if size != own and not self.manifest.resizable:
            raise PictureError(
                f"by its recipe, a picture of {sides[0]}x{sides[1]} pixels has an input of "
                f"{size[0]}x{size[1]}, but {self.manifest.name} takes only {height}x{width}: "
                f"{remedy}"
            )
        return size

    def results(
        self, images: Iterable[Picture | Prepared], probes: Sequence[Probe[Any]]
    ) -> Iterator[Result]:
        """Yield one result per picture, in order; that of a bad picture has an error."""
        held = (
            (
                number,
                image if isinstance(image, Prepared) else hold(image, partial(self._open, number)),
            )
            for number, image in enumerate(images)
        )
        opened = map_ahead(
            lambda each: self._open(*each), held, threads=self._decoding.threads, ahead=AHEAD
        )
        for size, group in itertools.groupby(opened, key=lambda each: each.size):
            if size is None:
                yield from (Result(file=each.name, error=each.error) for each in group)
                continue
            names: deque[str] = deque()
            for result in self.at(size).stream(_pictures(group, names), probes):
                self._refuse_closed()
                error, name = result.error, names.popleft()
                if error is not None:
                    error = type(error)(str(error).replace(result.file, name))
                values = {key: replace(each, file=name) for key, each in result.values.items()}
                yield replace(result, file=name, error=error, values=values)

    def _open(self, number: int, image: Picture | Prepared | _Opened | VitonnxError) -> _Opened:
        if isinstance(image, _Opened):
            return image
        name = str(image) if isinstance(image, str | Path | Encoded) else f"picture {number}"
        if isinstance(image, VitonnxError):
            return _Opened(name, None, None, image)
        if isinstance(image, Prepared):
            height, width, _ = image.pixels.shape
            return _Opened(name, image, (height, width))
        try:
            with self._decoding.open(image, self.manifest.preprocessing) as opened:
                return self._ready(name, opened)
        except VitonnxError as error:
            return _Opened(name, None, None, error)

    def _ready(self, name: str, opened: Decoded) -> _Opened:
        picture, sides = opened
        try:
            size = self.size_of(sides)
            manifest = self.manifest.at(size)
            with scaling_errors("it", sides):
                prepared = prepare(picture, manifest.preprocessing, manifest.covered, sides=sides)
        except VitonnxError as error:
            return _Opened(name, None, None, PictureError(f"{name}: {error}"))
        return _Opened(name, prepared, size)


def _pictures(group: Iterable[_Opened], names: deque[str]) -> Iterator[Prepared]:
    """Hand pictures on, and note their names for the results that come later."""
    for each in group:
        if each.picture is not None:
            names.append(each.name)
            yield each.picture
