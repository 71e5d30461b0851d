"""What a refusal has to be: a line for a person."""

from __future__ import annotations

__all__ = ["fault_in"]

LONGEST = 600  # letters; what can't be taken in at a glance is no sentence


def fault_in(sentence: str) -> str:
    r"""Say what keeps a message from being a line for a person; nothing if it is one.

    Examples
    --------
    >>> fault_in("bird.png is empty: fetch it again."), fault_in("bird.png\nis empty")
    ('', 'several lines')
    """
    if not sentence.strip():
        return "empty"
    if "Traceback (most recent call last)" in sentence:
        return "a traceback"
    if "\n" in sentence or "\r" in sentence:
        return "several lines"
    if not sentence.isprintable():
        return "letters that steer a terminal"
    if len(sentence) > LONGEST:
        return "too long"
    return ""
