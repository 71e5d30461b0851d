"""What becomes of the axes of tokens, batch and channels where an array changes its form."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["BATCH", "BOTH", "ONE", "OTHER", "TOKENS", "Roles", "reshaped"]

# One letter an axis: the batch; tokens, which may lie on several axes as a grid; batch and tokens
# in one; channels, or whatever else; and a single entry.
Roles = str
BATCH, TOKENS, BOTH, OTHER, ONE = "btmc1"


def reshaped(
    roles: Roles, source: Sequence[int | None], target: Sequence[int | None]
) -> Roles | None:
    """Return the roles after a reshape; None if axes of several roles become one.

    Examples
    --------
    >>> reshaped("btc", (None, 15, 8), (None, 3, 5, 8))
    'bttc'
    >>> reshaped("btc", (None, 15, 8), (None, 8)), reshaped("btc", (None, 15, 8), (None, 120))
    ('mc', None)
    """
    behind = [ONE] * len(target)
    before = [axis for axis, side in enumerate(source) if roles[axis] in (BATCH, BOTH) or side != 1]
    after = [axis for axis, side in enumerate(target) if side != 1]
    if before and roles[before[0]] == BATCH and source[before[0]] == 1:
        # A batch that is always one picture.
        if not target or target[0] != 1 or before[0] != 0:
            return None
        behind[0] = BATCH
        before.pop(0)
    while before or after:
        one, other = _group(source, before, target, after)
        met = {roles[axis] for axis in one}
        open_sides = [axis for axis in other if target[axis] is None]
        if met <= {TOKENS} or met <= {OTHER}:
            given = dict.fromkeys(other, next(iter(met), ONE))
        elif met == {BATCH} and len(other) == 1:
            given = {other[0]: BATCH}
        elif met <= {BATCH, TOKENS, BOTH} and len(other) == 1:
            given = {other[0]: BOTH}
        elif met <= {BATCH, TOKENS, BOTH} and len(open_sides) == 1:
            given = {axis: BATCH if axis in open_sides else TOKENS for axis in other}
        else:
            return None
        for axis, role in given.items():
            behind[axis] = role
    return "".join(behind)


def _group(
    source: Sequence[int | None], before: list[int], target: Sequence[int | None], after: list[int]
) -> tuple[list[int], list[int]]:
    """Take the last axes of both that hold as many numbers; all that is left if a side is open."""
    one: list[int] = []
    other: list[int] = []
    if before and after:
        one.append(before.pop())
        other.append(after.pop())
    while before or after:
        sizes = [[source[axis] for axis in one], [target[axis] for axis in other]]
        if one and None not in sizes[0] and None not in sizes[1]:
            have, want = (math.prod(side for side in each if side) for each in sizes)
            if have == want:
                return one, other
            if have < want and before:
                one.append(before.pop())
                continue
            if have > want and after:
                other.append(after.pop())
                continue
        one += before
        other += after
        before.clear()
        after.clear()
    return one, other
