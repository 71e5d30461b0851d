"""Visitors, each in a thread: they come at once, and everyone looks at pictures of one's own."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from benchmarks.visitor import RefusedError, Visitor
from benchmarks.visitors.checks import MixedError, check_numbers, check_portraits, check_view
from benchmarks.visitors.plans import Step
from benchmarks.visitors.tally import Tally
from benchmarks.visitors.truth import Errand, Seen

__all__ = ["Crowd"]

Answer = TypeVar("Answer")

POLITE = (429, 503)
COME_AGAIN = (0.5, 2.0)  # seconds after a refusal
PATIENCE = 120.0  # seconds of refusals after which it is none
BUSY = 0.9  # of a visitor's time for one picture; in the rest nothing is asked


@dataclass
class Crowd:
    """Visitors who come at the same moment.

    Parameters
    ----------
    address : str
        Of the page.
    visitors : int
        How many there are at any time.
    seconds : float
        In which all errands are to be done.
    leaving : float in [0, 1]
        How likely a visitor leaves after a picture, in the middle of a question; somebody new takes
        over the rest.
    """

    address: str
    visitors: int
    seconds: float
    leaving: float = 0
    tally: Tally = field(default_factory=Tally)

    def run(self, errands: Sequence[Errand]) -> float:
        """Do all errands; give the seconds that it took."""
        begun = time.monotonic()
        threads = [
            threading.Thread(target=self._stay, args=(errands[each :: self.visitors], begun, each))
            for each in range(self.visitors)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - begun

    def _stay(self, errands: Sequence[Errand], begun: float, number: int) -> None:
        draw = random.Random(number)
        visitor = self._come()
        for turn, errand in enumerate(errands):
            share = self.seconds / len(errands)
            # All come at once; then everyone is some time ahead of the others.
            ahead = draw.uniform(0, share / 2) if turn else 0
            begin = begun + turn * share - ahead
            moments = _moments(draw, begin, BUSY * share, len(errand.steps))
            try:
                if visitor is None:
                    visitor = self._come()
                if visitor is not None:
                    _Visit(visitor, errand, self.tally, draw).go(moments)
            except MixedError as error:
                self.tally.mixed.append(f"{errand.picture.name}: {error}")
            except Exception as error:  # whatever it is, the page or this test has failed
                self.tally.failures.append(f"{errand.picture.name}: {error!r}")
            if visitor is not None and draw.random() < self.leaving:
                self._leave(visitor, errand, draw)
                visitor = None
        if visitor is not None:
            visitor.http.close()

    def _come(self) -> Visitor | None:
        try:
            visitor = Visitor(self.address)
            visitor.stay()
        except Exception as error:
            self.tally.failures.append(f"nobody could come: {error!r}")
            return None
        return visitor

    def _leave(self, visitor: Visitor, errand: Errand, draw: random.Random) -> None:
        """Ask something, and be gone before the answer."""
        try:
            upload = visitor.upload(errand.picture, errand.picture.name)
            visitor.join("receive", upload, *errand.steps[0].asked.values)
            if draw.random() < 0.5:
                next(visitor.messages())
        except RefusedError as refused:
            self.tally.refused(refused.status)
        except Exception as error:
            self.tally.failures.append(f"{errand.picture.name}: {error!r}")
        visitor.http.close()
        self.tally.left += 1


@dataclass
class _Visit:
    """A visitor with one picture."""

    visitor: Visitor
    errand: Errand
    tally: Tally
    draw: random.Random

    def go(self, moments: Sequence[float]) -> None:
        """Take every step at its moment, or as soon as the one before is answered."""
        picture = self.errand.picture
        upload: Any = None
        for step, seen, moment in zip(self.errand.steps, self.errand.answers, moments, strict=True):
            time.sleep(max(0.0, moment - time.monotonic()))
            if step.kind == "receive":
                upload = self._ask("upload", lambda: self.visitor.upload(picture, picture.name))
            self._take(step, upload, seen)
        with self.tally.lock:
            self.tally.pictures += 1

    def _take(self, step: Step, upload: Any, seen: Mapping[str, Seen]) -> None:
        picture, values = self.errand.picture, step.asked.values
        call = self.visitor.call
        if step.kind == "receive":
            view = self._ask("receive", lambda: call("receive", upload, *values))[1]
            check_portraits(view, picture, seen)
        elif step.kind == "save":
            self._save(step, seen)
            return
        else:
            y, x = step.asked.pixel or (None, None)
            event = {"y": y, "x": x} if step.kind == "ask" else None
            view = self._ask(step.kind, lambda: call(step.kind, *values, event=event))[0]
        check_view(view, picture, seen)

    def _save(self, step: Step, seen: Mapping[str, Seen]) -> None:
        saved = self._ask("save", lambda: self.visitor.call("save", step.probe, *step.asked.values))
        files = {each["orig_name"]: self.visitor.download(each) for each in saved[0]}
        check_numbers(files, self.errand.picture, step.probe, seen)

    def _ask(self, kind: str, question: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer: who is refused politely comes again."""
        begun = time.monotonic()
        while True:
            try:
                answer = question()
            except RefusedError as refused:
                self.tally.refused(refused.status)
                if refused.status not in POLITE or time.monotonic() - begun > PATIENCE:
                    raise
                time.sleep(self.draw.uniform(*COME_AGAIN))
            else:
                self.tally.answered(kind, time.monotonic() - begun)
                return answer


def _moments(draw: random.Random, begin: float, seconds: float, count: int) -> list[float]:
    """Give the moments of the steps: the first at once, the others whenever they come to mind."""
    return [begin, *sorted(begin + draw.uniform(0, seconds) for _ in range(count - 1))]
