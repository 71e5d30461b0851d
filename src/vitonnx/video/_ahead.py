"""A stage of a pipeline: it works in a thread of its own, a few items ahead and no further."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from threading import Condition, Thread
from typing import Generic, Self, TypeVar

__all__ = ["Ahead", "frames_ahead"]

Item = TypeVar("Item")

MOST_FRAMES = 4
MOST_BYTES = 2**27  # of frames that wait: four of 4K, one of what is larger


def frames_ahead(size: tuple[int, int]) -> int:
    """Give how many frames of a height and width may wait for the next stage.

    Examples
    --------
    >>> frames_ahead((1080, 1920)), frames_ahead((4320, 7680))
    (4, 1)
    """
    return max(1, min(MOST_FRAMES, MOST_BYTES // max(1, 3 * size[0] * size[1])))


class Ahead(Generic[Item]):
    """Take items from a source in a thread, and hand them on in order, at most `depth` waiting.

    Use it as a context manager: leaving the block stops the thread after the item that it is at,
    and closes the source if that is a generator. The engine's `map_ahead` is for functions that can
    run in any thread and be left behind; a decoder or an encoder stays in one, and must be at rest
    before its file is closed, also at a second Ctrl-C.

    Examples
    --------
    >>> with Ahead(range(3), depth=2) as items:
    ...     list(items)
    [0, 1, 2]
    """

    def __init__(self, source: Iterable[Item], *, depth: int) -> None:
        self._source, self._depth = source, depth
        self._items: deque[Item] = deque()
        self._changed = Condition()
        self._ended = self._left = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="vitonnx-video", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        again: KeyboardInterrupt | None = None
        while not self._ended:
            try:
                with self._changed:
                    self._left = True
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._ended)
            except KeyboardInterrupt as interrupt:
                again = interrupt  # whoever cleans up behind us must find the thread at rest
        if again is not None:
            raise again

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended)
            if self._items:
                self._changed.notify_all()
                return self._items.popleft()
        if self._error is not None:
            raise self._error
        raise StopIteration

    def _work(self) -> None:
        iterator = iter(self._source)
        try:
            for item in iterator:
                if not self._hand_on(item):
                    break
        except BaseException as error:
            self._error = error  # raised where the items are taken
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _hand_on(self, item: Item) -> bool:
        """Wait for room; say whether anybody still wants more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._left)
            self._items.append(item)
            self._changed.notify_all()
            return not self._left
