"""Damage to pickles, opcode by opcode."""

from __future__ import annotations

import pickletools
import struct
from random import Random

from fuzz.mutators import raw
from fuzz.mutators.inside import or_raw

__all__ = ["mutate"]

# A few that ask for what honest checkpoints don't, and some that grow.
GLOBALS = (
    *("os system", "builtins eval", "builtins getattr", "torch FloatStorage", "torch.nn Linear"),
    *("torch._utils _rebuild_tensor_v2", "collections OrderedDict", "torch Size", "torch device"),
    *("torch._utils _rebuild_parameter", "argparse Namespace", "numpy dtype", "torch float32"),
    *("numpy.core.multiarray _reconstruct", "torch.serialization _get_layout", "\x1b[31m x"),
)
PLAIN = (
    *(b"N", b"\x88", b"\x89", b"]", b"}", b")", b"(", b"0", b"1", b"2", b"l", b"d", b"t", b"a"),
    *(b"e", b"s", b"u", b"b", b"R", b"Q", b"o", b"\x81", b"\x85", b"\x86", b"\x87", b"\x93"),
    *(b"\x8f", b"\x90", b"\x91", b"\x92", b"\x94", b"\x97", b"\x98", b".", b"h\0"),
)


@or_raw
def mutate(content: bytes, random: Random) -> bytes:
    """Change one opcode."""
    opcodes = _opcodes(content)
    place = random.randrange(len(opcodes))
    match random.randrange(8):
        case 0:
            del opcodes[place]
        case 1:
            opcodes.insert(place, opcodes[place])
        case 2:
            opcodes.insert(place, _opcode(random))
        case 3:
            opcodes[place] = _opcode(random)
        case 4:
            other = random.randrange(len(opcodes))
            opcodes[place], opcodes[other] = opcodes[other], opcodes[place]
        case 5:
            numbers = [index for index, opcode in enumerate(opcodes) if opcode[:1] in b"KMJ\x8a"]
            opcodes[random.choice(numbers)] = _number(random)
        case 6:
            opcodes.insert(place, _many(random))
        case _:
            opcodes[place] = raw.mutate(opcodes[place], random)
    return b"".join(opcodes)


def _opcodes(content: bytes) -> list[bytes]:
    """Cut a pickle; what stands behind it stays with its last opcode."""
    places = [place or 0 for _, _, place in pickletools.genops(content)]
    ends = [*places[1:], len(content)]
    return [content[start:end] for start, end in zip(places, ends, strict=True)]


def _opcode(random: Random) -> bytes:
    match random.randrange(5):
        case 0:
            module, _, name = random.choice(GLOBALS).partition(" ")
            return f"c{module}\n{name}\n".encode()
        case 1:
            return _number(random)
        case 2:
            return random.choice((b"X\0\0\0\0", b"X\x01\0\0\0a", b"U\x03key", b"C\x01\xff"))
        case 3:
            return b"q" + bytes([random.randrange(256)])
        case _:
            return random.choice(PLAIN)


def _number(random: Random) -> bytes:
    number = random.choice(raw.NUMBERS)
    match random.randrange(3):
        case 0:
            return b"K" + bytes([number % 256])
        case 1:
            return b"J" + struct.pack("<I", number % 2**32)
        case _:
            digits = number.to_bytes(9, "little", signed=True)
            return b"\x8a" + bytes([len(digits)]) + digits


def _many(random: Random) -> bytes:
    """Give a structure that is deep, wide, or holds itself."""
    count = random.choice((30, 1000, 100_000))
    return random.choice(
        (
            b"]" * count + b"a" * (count - 1),  # lists in lists
            b")" + b"\x85" * count,  # tuples of one in tuples of one
            b"]q\xff" + b"h\xffa" * 3,  # a list of itself
            b")q\xff" + b"h\xff\x86q\xff" * min(count, 1000),  # pairs of pairs, each twice the last
            b"(" + b"N" * count + b"t",
        )
    )
