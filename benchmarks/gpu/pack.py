"""Pack what a bare machine with a Hopper GPU lacks, so that it travels with the source.

    python -m benchmarks.gpu.pack

Fetches wheels by pip, takes code for other GPUs out of onnxruntime's CUDA provider, lays all into
``.gpu/``, which git ignores, and prints the commands to give in the copy of the source over there.

Levels: slim has sm_90, but for products of mixtures of experts and in FP8; sm90 has all of it,
which travels in two parts; whole leaves the library as it is, should a trimmed one be refused.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.gpu.wheels import MIB, RUNTIME, fetch, pack
from benchmarks.processes import ROOT

CARRY = 64 * MIB  # what one call takes, the source in it
MARGIN = MIB  # for what isn't known of how names are counted
START = ". benchmarks/gpu/start.sh && python3 -m benchmarks gpu"
OUT = '--out "${OUT:-build/gpu}"'
# Seconds that a call may take, and the command: all; and what that left out, if time is left.
CALLS = (
    (580, f"{START} --budget 500 {OUT}"),
    (300, f"{START} --sections prove kernels options --budget 240 {OUT}/more"),
)


def tree_size(root: Path) -> int:
    """Count what travels anyway: files that git doesn't ignore."""
    command = ["git", "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    files = {root / os.fsdecode(name) for name in listed.split(b"\0") if name}
    return sum(file.lstat().st_size for file in files if file.is_file() or file.is_symlink())


def parts_of(size: int, room: int) -> list[int]:
    """Divide an archive into the sizes of parts of which each has room, the first the least."""
    whole, rest = divmod(size, room)
    return [rest] * bool(rest) + [room] * whole


def lay(root: Path, archive: Path, room: int) -> list[str]:
    """Lay the archive's parts into folders, one a call; give these, the last with its sum."""
    if room < 8 * MIB:
        raise SystemExit("the source leaves no room: remove files that git doesn't know.")
    for old in root.glob(".gpu*"):
        if old.name != ".gpu-cache":
            shutil.rmtree(old)
    content, folders, start = archive.read_bytes(), list[str](), 0
    sizes = parts_of(len(content), room)
    for number, size in enumerate(sizes, start=1):
        folder = root / (".gpu" if number == len(sizes) else f".gpu-{number}")
        folder.mkdir()
        (folder / f"site.tar.xz.{number:02d}").write_bytes(content[start : start + size])
        start += size
        folders.append(folder.name)
    digest = hashlib.sha256(content).hexdigest()
    (root / ".gpu" / "site.sha256").write_text(f"{digest} {len(sizes)}\n")
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--level", choices=("slim", "sm90", "whole"), default="slim")
    parser.add_argument("--room", type=float, help="MiB that a call carries beside the source")
    parser.add_argument("--runtime", default=RUNTIME)
    asked = parser.parse_args()
    cache = ROOT / ".gpu-cache"
    archive = pack(cache, fetch(cache / "wheels", asked.runtime), asked.level)
    tree = tree_size(ROOT)
    folders = lay(ROOT, archive, int(asked.room * MIB) if asked.room else CARRY - MARGIN - tree)
    print(f"The source has {tree / MIB:.1f} MiB; with it travels, a call each:")
    for folder in folders:
        size = sum(file.stat().st_size for file in (ROOT / folder).iterdir())
        print(f"  {folder}: {size / MIB:.1f} MiB, {(tree + size) / MIB:.1f} MiB in all")
    print("The calls, one right after the other:")
    for folder in folders[:-1]:
        keep = f"mkdir -p /tmp/parts && cp {folder}/site.tar.xz.* /tmp/parts/"
        print(f"\ncarry {folder}\ntimeout_s 60\n{keep}")
    for seconds, command in CALLS:
        print(f"\ncarry {folders[-1]}\ntimeout_s {seconds}\n{command}")


if __name__ == "__main__":
    main()
