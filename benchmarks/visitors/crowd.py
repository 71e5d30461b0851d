"""Visitors, each in a thread: they come at once, and everyone looks at pictures of one's own."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, TypeVar

import httpx

from benchmarks.visitor import RefusedError, Visitor
from benchmarks.visitors.errands import Errand, MixedError
from benchmarks.visitors.tally import Tally

__all__ = ["Crowd"]

Answer = TypeVar("Answer")
Seen: TypeAlias = dict[str, Any]
"""What the page says of a picture that it was shown."""

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
        visitor, seen = Visitor(self.address), None
        for turn, errand in enumerate(errands):
            share = self.seconds / len(errands)
            # All come at once; then everyone is some time ahead of the others.
            ahead = draw.uniform(0, share / 2) if turn else 0
            begin = begun + turn * share - ahead
            moments = _moments(draw, begin, BUSY * share, 1 + len(errand.questions))
            try:
                seen = _Visit(visitor, errand, self.tally, draw).go(moments, seen)
            except MixedError as error:
                self.tally.mixed.append(f"{errand.picture.name}: {error}")
            except Exception as error:  # whatever it is, the page or this test has failed
                self.tally.failures.append(f"{errand.picture.name}: {error!r}")
            if draw.random() < self.leaving:
                self._leave(visitor, errand)
                visitor, seen = Visitor(self.address), None
        visitor.http.close()

    def _leave(self, visitor: Visitor, errand: Errand) -> None:
        """Show something, and be gone before the answer."""
        content = errand.picture.read_bytes()
        question = visitor.http.build_request(
            "POST", "pictures", params={"models": list(errand.shown)}, content=content, timeout=0.01
        )
        try:
            visitor.http.send(question, stream=True)
        except httpx.TimeoutException:
            pass
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

    def go(self, moments: Sequence[float], before: Seen | None) -> Seen:
        """Ask each at its moment, or as soon as the one before is answered."""
        errand, visitor = self.errand, self.visitor
        first, *others = moments
        time.sleep(max(0.0, first - time.monotonic()))
        models = list(errand.shown)
        seen = self._ask("look", lambda: visitor.look(errand.picture, models, before=before))
        errand.check(seen)
        for each, moment in zip(errand.questions, others, strict=True):
            time.sleep(max(0.0, moment - time.monotonic()))
            answer = self._ask(
                each.probe, partial(visitor.ask, seen, each.model, each.probe, each.options)
            )
            each.check(answer)
        with self.tally.lock:
            self.tally.pictures += 1
        return seen

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
