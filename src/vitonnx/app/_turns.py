"""Share the queue fairly among visitors: Gradio itself serves first come, first served."""

from __future__ import annotations

from typing import Final

import gradio as gr

__all__ = ["Turns"]

# A page that is open in a browser asks for one thing of each kind at a time.
SHARE: Final = 8
# Whoever listens has heard all but the last few messages.
HEARD: Final = 100


class Turns:
    """Keeps count of each visitor's share of the queue.

    Parameters
    ----------
    page : gradio.Blocks
        Page with the queue.
    """

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def has_enough(self, visitor: str) -> bool:
        """Tell whether a visitor has reached the limit of waiting requests, or of results."""
        queue = self._page._queue
        lanes = queue.event_queue_per_concurrency_id.values()
        waiting = [event.session_hash for lane in lanes for event in lane.queue]
        unheard = queue.pending_messages_per_session.get(visitor)
        return waiting.count(visitor) >= SHARE or (unheard is not None and unheard.qsize() > HEARD)
