"""Read one file as fuzzing does, in a child under limits: ``python -m fuzz READER FILE``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fuzz.material import lay_out
from fuzz.readers import READERS
from fuzz.worker import Worker


def main(arguments: list[str]) -> int:
    name, file = arguments
    (reader,) = (reader for reader in READERS if reader.name == name)
    with tempfile.TemporaryDirectory() as folder:
        desk = lay_out(Path(folder, "desk"))
        # A copy, as some work replaces what it reads.
        case = Path(folder, f"case{reader.suffix}")
        case.write_bytes(Path(file).read_bytes())
        with Worker(reader.read, desk) as worker:
            verdict = worker.ask(case)
    sys.stdout.write(f"{verdict.outcome}: {verdict.place}\n{verdict.detail}\n")
    return int(verdict.is_fault)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
