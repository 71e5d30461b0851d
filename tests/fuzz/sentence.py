"""What a refusal has to be: a line for a person."""

from __future__ import annotations

import re

__all__ = ["fault_in"]

LONGEST = 5000  # letters: of a path, which may have 4096, and of what is said of it
# What a terminal obeys, what breaks a line, and what turns one about.
STEERING = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


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
    if STEERING.search(sentence):
        return "letters that steer a terminal"
    if len(sentence) > LONGEST:
        return "too long"
    return ""
