"""Pickles, followed on paper before anything unpickles them.

A pickle is a program. The unpickler decides which names it may call; but even without any, a few
hundred bytes can exhaust memory, or keep a machine busy for years: with a huge memo index, a length
that nothing follows, or a key whose hash is that of deeply nested tuples.
"""

from __future__ import annotations

import pickletools
from collections.abc import Sequence
from enum import Enum, auto
from pickle import UnpicklingError
from typing import IO, Final, NamedTuple

__all__ = ["PickleLimitError", "is_key", "read_pickle"]

MOST_OPERATIONS: Final = 2**22
"""Each takes a byte of the pickle or more, and leaves 100 of memory at most, but for the next. A
full checkpoint of ViT-B takes 28,000, and the losses of a million steps a million."""

MOST_CONTAINERS: Final = 2**20
"""An empty set takes 250 bytes."""

MOST_ARGUMENTS: Final = 255
"""Of a call: a tensor's has seven, a path one for each folder. They are copied by every call."""

MOST_NUMBER_BYTES: Final = 255
"""Of a whole number: seeds and states of random generators have 32."""

LARGEST_KEY: Final = 2**61 - 1
"""Whole numbers below are their own hash; beyond, thousands can share one."""

LONGEST_KEY: Final = 8
"""Items of a tuple as a key."""

MOST_SLOW_KEYS: Final = 10_000
"""Tuples and large numbers as keys: they can be made to share a hash, and then each is compared
with all before it, which takes seconds for so many. A key may be a phase and its epoch."""


class Kind(Enum):
    """Kind of a value on the stack, as far as it matters."""

    MARK = auto()
    PLAIN = auto()  # hashed at once, or not at all
    LARGE = auto()  # a whole number whose hash others can share
    KEY = auto()  # a short tuple of these
    CALL = auto()  # a tuple that a call can take
    OTHER = auto()


# Looking them up in their class takes as long as all the rest of a step.
MARK, PLAIN, LARGE, KEY, CALL, OTHER = Kind


class Step(NamedTuple):
    """Effect of an operation on the stack.

    It takes so many ``values`` off it: below the last mark, and all above that too, if it is
    ``marked``. ``keys`` says which of the values taken, or of those above the mark, become keys;
    ``made`` is the kind of the value that it pushes, if any.
    """

    values: int
    marked: bool
    keys: slice | None
    made: Kind | None

    @classmethod
    def of(cls, operation: pickletools.OpcodeInfo) -> Step:
        """Read it off Python's own description."""
        before, after = operation.stack_before, operation.stack_after
        marked = pickletools.markobject in before
        plain = after and (after[0] in VALUES or operation.name in MADE)
        return cls(
            before.index(pickletools.markobject) if marked else len(before),
            marked,
            KEYS.get(operation.name),
            (PLAIN if plain else OTHER) if after else None,
        )


# Their results are made by what the reader gave for a name.
MADE: Final = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "OBJ", "INST", "PERSID", "BINPERSID"}
)
VALUES: Final = frozenset(
    {
        pickletools.pybool,
        pickletools.pybytes,
        pickletools.pybytes_or_str,
        pickletools.pyfloat,
        pickletools.pyint,
        pickletools.pyinteger_or_bool,
        pickletools.pylong,
        pickletools.pynone,
        pickletools.pyunicode,
    }
)
KEYS: Final = {
    "SETITEM": slice(1, 2),
    "SETITEMS": slice(0, None, 2),
    "DICT": slice(0, None, 2),
    "ADDITEMS": slice(None),
    "FROZENSET": slice(None),
}
STEPS: Final = {operation.name: Step.of(operation) for operation in pickletools.opcodes}

TUPLES: Final = frozenset({"EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
CALLS: Final = frozenset({"REDUCE", "NEWOBJ"})
PUTS: Final = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
GETS: Final = frozenset({"GET", "BINGET", "LONG_BINGET"})
# Extensions, which Python may know from elsewhere and gives without asking; and calls with names.
REFUSED: Final = frozenset({"EXT1", "EXT2", "EXT4", "NEWOBJ_EX"})


class PickleLimitError(UnpicklingError):
    """A pickle that may be whole, and holds more than is read."""


def read_pickle(file: IO[bytes]) -> bytes:
    """Read one pickle, if its length explains the memory and the time that it will take.

    The unpickler must map every name in it to a callable whose results hash in constant time or not
    at all, and which copies none of its arguments. The file is left after the pickle's end.

    Raises
    ------
    PickleLimitError
        If it exceeds the limits, or holds keys that could take forever.
    UnpicklingError, ValueError, MemoryError
        If it is truncated, or is not a pickle of stored values.

    Examples
    --------
    >>> import pickle
    >>> from io import BytesIO
    >>> file = BytesIO(pickle.dumps({"blocks": 12}) + b"the rest")
    >>> pickle.loads(read_pickle(file)), file.read()
    ({'blocks': 12}, b'the rest')
    """
    begin = file.tell()
    paper = _Paper()
    for count, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if count == MOST_OPERATIONS:
            raise PickleLimitError(f"more than {MOST_OPERATIONS:,} operations")
        paper.follow(operation.name, argument, count)
    end = file.tell()
    file.seek(begin)
    return file.read(end - begin)


def is_key(value: object) -> bool:
    """Tell whether a value is harmless as a key.

    Examples
    --------
    >>> is_key("weight"), is_key(3), is_key(2**61 - 1), is_key((1, (2, 3)))
    (True, True, False, False)
    """
    return isinstance(value, str | bytes) or (isinstance(value, int) and abs(value) < LARGEST_KEY)


class _Paper:
    """The stack and the memory of a pickle's machine, with kinds in place of values."""

    def __init__(self) -> None:
        self.stack: list[Kind] = []
        self.marks: list[int] = []
        self.memory: dict[int, Kind] = {}
        self.containers = self.slow_keys = 0

    def follow(self, name: str, argument: object, count: int) -> None:
        """Take one step, the ``count``-th."""
        if name in PUTS:
            # Python makes room for all places up to this one.
            place = argument if isinstance(argument, int) else len(self.memory)
            if not 0 <= place <= count:
                raise UnpicklingError(f"a pickle with {place} as a place in its memory")
            self.memory[place] = self._top()
        elif name in GETS:
            if argument not in self.memory:
                raise UnpicklingError("a pickle that fetches a value it never stored")
            self.stack.append(self.memory[argument])
        elif name == "MARK":
            self.marks.append(len(self.stack))
            self.stack.append(MARK)
        elif name == "DUP":
            self.stack.append(self._top())
        elif name == "POP" and self.stack and self.stack[-1] is MARK:
            self._above()
        else:
            self._change(name, argument)

    def _change(self, name: str, argument: object) -> None:
        """Take values off the stack, and put one onto it."""
        step = STEPS[name]
        above: Sequence[Kind] = self._above() if step.marked else ()
        taken: Sequence[Kind] = self._take(step.values) if step.values else ()
        if step.made is OTHER:
            self.containers += 1
            if self.containers > MOST_CONTAINERS:
                raise PickleLimitError(f"more than {MOST_CONTAINERS:,} lists, tuples and dicts")
        if name in TUPLES:
            self.stack.append(_tuple(above or taken))
            return
        if step.keys is not None:
            self._check_keys((above if step.marked else taken)[step.keys])
        elif name in CALLS and taken[1] not in (KEY, CALL):
            raise PickleLimitError(f"a call without arguments, or with over {MOST_ARGUMENTS}")
        elif name in REFUSED:
            raise UnpicklingError(f"a pickle with {name}, which no stored data needs")
        if name == "BUILD":
            self.stack.append(taken[0])
        elif step.made is PLAIN and isinstance(argument, int):
            self.stack.append(_number(argument))
        elif step.made is not None:
            self.stack.append(step.made)

    def _top(self) -> Kind:
        if not self.stack or self.stack[-1] is MARK:
            raise UnpicklingError("a pickle that takes more from the stack than is there")
        return self.stack[-1]

    def _above(self) -> list[Kind]:
        """Take everything above the last mark, and the mark."""
        if not self.marks:
            raise UnpicklingError("a pickle that takes more from the stack than is there")
        place = self.marks.pop()
        above = self.stack[place + 1 :]
        del self.stack[place:]
        return above

    def _take(self, count: int) -> list[Kind]:
        place = len(self.stack) - count
        taken = self.stack[place:]
        if place < 0 or MARK in taken:
            raise UnpicklingError("a pickle that takes more from the stack than is there")
        del self.stack[place:]
        return taken

    def _check_keys(self, keys: Sequence[Kind]) -> None:
        self.slow_keys += keys.count(KEY) + keys.count(LARGE)
        if CALL in keys or OTHER in keys:
            raise PickleLimitError("keys that are neither numbers nor texts")
        if self.slow_keys > MOST_SLOW_KEYS:
            raise PickleLimitError(f"more than {MOST_SLOW_KEYS:,} tuples or large numbers as keys")


def _tuple(items: Sequence[Kind]) -> Kind:
    if len(items) <= LONGEST_KEY and items.count(PLAIN) + items.count(LARGE) == len(items):
        return KEY
    return CALL if len(items) <= MOST_ARGUMENTS else OTHER


def _number(number: int) -> Kind:
    if number.bit_length() > 8 * MOST_NUMBER_BYTES:
        raise PickleLimitError(f"a whole number of more than {MOST_NUMBER_BYTES} bytes")
    return PLAIN if is_key(number) else LARGE
