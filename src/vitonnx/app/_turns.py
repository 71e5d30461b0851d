"""A fair share of the queue, which Gradio itself gives to whoever asks first."""

from __future__ import annotations

from typing import Final

import gradio as gr

__all__ = ["Turns"]

# A page that is open in a browser asks for one thing of each kind at a time.
SHARE: Final = 8
# Whoever listens has heard all but the last few messages.
HEARD: Final = 100


class Turns:
    """Knows how much of the queue is whose.

    Parameters
    ----------
    page : gradio.Blocks
        Whose queue it is.
    """

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def has_enough(self, visitor: str) -> bool:
        """Tell whether a visitor has as much waiting as one may have: questions, or answers."""
        queue = self._page._queue
        lanes = queue.event_queue_per_concurrency_id.values()
        waiting = [event.session_hash for lane in lanes for event in lane.queue]
        unheard = queue.pending_messages_per_session.get(visitor)
        return waiting.count(visitor) >= SHARE or (unheard is not None and unheard.qsize() > HEARD)
