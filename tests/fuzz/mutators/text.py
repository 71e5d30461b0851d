"""Damage to lines of text."""

from __future__ import annotations

from random import Random

__all__ = ["ODD", "mutate"]

# What names and values in a text have come to grief on.
ODD = (
    *("", " ", ".", "..", "~", "*", "**/*", "[", "[!", "?", "-", "--help", "@list", "a.txt"),
    *("\0", "\x1b[2J\x1b[31merror:", "\r\nerror: forged", "\u202etxt", "\ud800", "\ufeff", "é" * 9),
    *("=1+1", "%s%n", "{0}", "x" * 300, "x" * 70_000, "a/" * 3000, "file:///etc/hostname"),
    *("http://[::1", "s3://", "hf://", "CON", "nan", "1e999", "\uff10", "1" * 5000, "-0"),
)
MARKS = (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff")
ENDS = ("\n", "\r\n", "\r", "\n\n", "\0", "\u2028", "\x0b")
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "latin-1", "utf-7", "cp037")


def mutate(content: bytes, random: Random) -> bytes:
    """Change a line, or how all of them are written."""
    lines = content.split(b"\n")
    place = random.randrange(len(lines))
    odd = random.choice(ODD).encode("utf-8", "surrogatepass")
    match random.randrange(7):
        case 0:
            lines[place] = odd
        case 1:
            cut = random.randint(0, len(lines[place]))
            lines[place] = lines[place][:cut] + odd + lines[place][cut:]
        case 2:
            lines.insert(place, odd)
        case 3:
            del lines[place]
        case 4:
            lines *= random.choice((2, 10))
        case 5:
            return random.choice(ENDS).encode().join(lines)
        case _:
            text = content.decode("utf-8", "replace")
            mark, encoding = random.choice(MARKS), random.choice(ENCODINGS)
            return mark + text.encode(encoding, "replace")
    return b"\n".join(lines)
