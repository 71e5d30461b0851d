"""The CUDA provider's library without the code for other GPUs: a quarter of its size, packed."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator

MAGIC = struct.pack("<I", 0xBA55ED50)
HEAD = 16  # bytes: magic, version, length of the header, and of all behind it
PTX, MACHINE = 1, 2  # kinds of code
KEEP, OTHER = 90, 120  # compute capability of Hopper; and one that it is not


Entry = tuple[int, int, bytes]  # kind, compute capability, and all of it with its own header


def trim(library: bytearray, *, slim: bool) -> Counter[str]:
    """Leave in a CUDA library what a Hopper GPU loads; its length stays, and nothing else moves.

    Such a library holds containers (``.nv_fatbin``): a header with the length of the rest, then one
    entry for every kind of GPU; the driver chooses one. Here the entry for this kind moves to the
    front and the container ends behind it, as if it had been built for that GPU alone; behind the
    end are zeros, which pack to nothing. A container without such an entry stays.

    If `slim`, containers that have nothing but that entry lose it, too: these are products of
    mixtures of experts, and in FP8, which no Vision Transformer has. They get the smallest entry
    for another GPU, so that the driver finds a whole container with nothing for this one in it.
    Give the bytes by what became of them.
    """
    containers = list(_containers(library))
    entries = [entry for _, _, found in containers for entry in found]
    if not any(entry[:2] == (MACHINE, KEEP) for entry in entries):
        raise SystemExit("no code for sm_90 was found: is this the CUDA provider?")
    others = (content for _, capability, content in entries if capability == OTHER)
    other = min(others, key=len, default=b"")
    seen: Counter[str] = Counter()
    for start, end, found in containers:
        fits = [content for *kind, content in found if kind == [MACHINE, KEEP]]
        # Without machine code, PTX would be compiled by the driver.
        kept = fits or [each for kind, since, each in found if kind == PTX and since <= KEEP]
        if not kept:
            seen["for others alone"] += end - start
            continue
        if slim and len(fits) == len(found) and 0 < len(other) <= end - start - HEAD:
            seen["dropped"] += end - start
            kept = [other]
        content = b"".join(kept)
        seen["kept"] += len(content)
        struct.pack_into("<Q", library, start + 8, len(content))
        library[start + HEAD : end] = content + bytes(end - start - HEAD - len(content))
    return seen


def _containers(library: bytearray) -> Iterator[tuple[int, int, list[Entry]]]:
    """Find the containers: where each starts and ends, and what is in it."""
    start = library.find(MAGIC)
    while start >= 0:
        _, header, size = struct.unpack_from("<HHQ", library, start + 4)
        end = start + HEAD + size
        if header != HEAD or end > len(library):
            start = library.find(MAGIC, start + 4)
            continue
        entries, at = [], start + HEAD
        while at < end:
            kind, _, length, payload = struct.unpack_from("<HHIQ", library, at)
            after = at + length + payload
            if kind not in (PTX, MACHINE) or not 32 <= length <= 4096 or after > end:
                raise SystemExit(f"an entry of unknown form at {at:#x}: use --level whole.")
            (capability,) = struct.unpack_from("<I", library, at + 28)
            entries.append((kind, capability, bytes(library[at:after])))
            at = after
        yield start, end, entries
        start = library.find(MAGIC, end)
