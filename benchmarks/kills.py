"""Kill commands at random moments: `python -m benchmarks.kills`; exit code 1 if one leaves a mess.

Each runs undisturbed first, which says how long it takes and what it must give. Then it is killed,
what it left is looked at, and it is started again, as a person would.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av

import vitonnx
from benchmarks.processes import ROOT, seconds_of
from benchmarks.starts import BARE
from benchmarks.tables import machine, table
from vitonnx.demo import demo_models, draw_material
from vitonnx.manifest import METADATA_KEY

OURS = str(Path(vitonnx.__file__).parent)
OLDER = b"what was there before"
MANY = 2000  # pictures: enough for a state to be saved on the way
PATIENCE = 120  # seconds that a command may go on after a signal
# What a process ends with, if the signal found it at work.
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
KINDS = ("wrong exit code", "not one sentence", "half a file", "left behind", "other bits")


@dataclass(frozen=True)
class Command:
    """One command line, in a folder of its own; `out` is the file that it writes there."""

    name: str
    words: tuple[str, ...]
    out: str
    state: str = ""

    @property
    def partial(self) -> str:
        """Name what a video leaves at INT and TERM, of what was drawn until then."""
        path = Path(self.out)
        return f"{path.stem}.partial{path.suffix}" if path.suffix == ".mp4" else ""


@dataclass(frozen=True)
class Truth:
    """What an undisturbed run gives: the bytes of its files, and its seconds."""

    files: dict[str, bytes]
    seconds: float


@dataclass
class Tally:
    """What came of the kills of one command by one signal."""

    kills: int = 0
    early: int = 0  # Python had not come to vitonnx yet
    late: int = 0  # it had ended
    resumed: int = 0  # a state was there to go on from
    misses: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what came of others."""
        self.kills += other.kills
        self.early += other.early
        self.late += other.late
        self.resumed += other.resumed
        self.misses += other.misses

    def row(self) -> list[str]:
        """Give the counts, as they stand in the table."""
        work = self.kills - self.early - self.late
        counts = [
            self.kills,
            self.early,
            work,
            self.late,
            self.resumed,
            *map(self.misses.count, KINDS),
        ]
        return [str(count) for count in counts]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file to write the table to")
    asked = parser.parse_args()
    # A shell that starts this in the background has it ignore Ctrl-C, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        tallies = measure(Path(folder), asked.kills, random.Random(asked.seed))
    rows = [[command, way, *tally.row()] for (command, way), tally in sorted(tallies.items())]
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    rows.append(["all", "", *total.row()])
    moments = ("before it began", "at work", "after its end", "resumed")
    header = ("command", "signal", "kills", *moments, *KINDS)
    report = ["# Kills at random moments", "", *machine(), ""]
    report += [f"`python -m benchmarks.kills {' '.join(sys.argv[1:])}`", ""]
    report += table("What they left", header, rows)
    text = "\n".join(report)
    print(text)
    if asked.out:
        asked.out.write_text(text)
    raise SystemExit(1 if total.misses else 0)


def measure(home: Path, kills: int, chance: random.Random) -> dict[tuple[str, str], Tally]:
    """Kill so many times, every command by every signal in turn."""
    commands = prepare(home)
    bare = seconds_of(BARE, 3)
    truths = {}
    for command in commands:
        print(f"{command.name} to {command.out}, undisturbed …", file=sys.stderr)
        truths[command] = undisturbed(home, command)
    tallies: dict[tuple[str, str], Tally] = {}
    turns = endless(commands, chance)
    for number in range(kills):
        command, way = next(turns)
        after = chance.uniform(0, truths[command].seconds)
        print(f"{number}: {command.name}, {way.name} after {after:.2f} s …", file=sys.stderr)
        tally = tallies.setdefault((command.name, way.name), Tally())
        folder = home / f"kill-{number}"
        Trial(folder, command, truths[command], way, after, tally).run(bare)
        shutil.rmtree(folder)
    return tallies


def prepare(home: Path) -> list[Command]:
    """Draw what the commands read, and name them."""
    material = home / "material"
    material.mkdir()
    drawn = draw_material(material)
    album = sorted(drawn.album.iterdir())
    (home / "many").mkdir()
    for number in range(MANY):
        os.link(album[number % len(album)], home / "many" / f"{number:04d}.png")
    foreign(demo_models()["scenes_vit"], home / "foreign.onnx")
    distance = ("probe", "distance", "scenes_vit", "../many", "--resume", "state.json")
    video = ("probe", "video", "scenes_vit", f"../material/{drawn.video.name}")
    report = ("report", "scenes_vit", "../material/pictures")
    return [
        *(
            Command("probe distance", distance, f"distance{suffix}", "state.json")
            for suffix in (".npz", ".json", ".csv")
        ),
        Command("probe video", video, "maps.mp4"),
        Command("report", report, "report.html"),
        Command("bake", ("bake", "scenes_vit", "--probe", "rollout"), "baked.onnx"),
        Command("tap", ("tap", "../foreign.onnx", "--preprocess", "half"), "tapped.onnx"),
    ]


def foreign(model: Path, to: Path) -> None:
    """Write a model without what it says of itself: `tap` must find it out."""
    import onnx

    network = onnx.load(model)
    kept = [entry for entry in network.metadata_props if entry.key != METADATA_KEY]
    del network.metadata_props[:]
    network.metadata_props.extend(kept)
    onnx.save(network, to)


def endless(
    commands: list[Command], chance: random.Random
) -> Iterator[tuple[Command, signal.Signals]]:
    """Give every command of every name with every signal, in a random order, again and again."""
    names = sorted({command.name for command in commands})
    while True:
        turn = [(name, way) for name in names for way in CODES]
        chance.shuffle(turn)
        for name, way in turn:
            yield chance.choice([each for each in commands if each.name == name]), way


def undisturbed(home: Path, command: Command) -> Truth:
    """Run a command twice, the first time to fill the caches."""
    for name in ("first", "second"):
        folder = home / f"{name}-{command.out}"
        folder.mkdir()
        start = time.perf_counter()
        process = begin(folder, command)
        _, said = process.communicate()
        seconds = time.perf_counter() - start
        if process.returncode or said:
            raise SystemExit(f"{command.name}, undisturbed, ended with an error: {said}")
    return Truth({file.name: file.read_bytes() for file in folder.iterdir()}, seconds)


def temporary_of(folder: Path) -> Path:
    """Name the folder for temporary files of what runs in another."""
    return folder.with_name(f"{folder.name}.tmp")


def begin(folder: Path, command: Command) -> subprocess.Popen[str]:
    """Start a command in a folder; what it keeps for later lies beside."""
    temporary = temporary_of(folder)
    temporary.mkdir(exist_ok=True)
    paths = os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH"))))
    places = {
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
        "TMPDIR": str(temporary),
        "PYTHONPATH": paths,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "vitonnx", *command.words, "-o", command.out, "--quiet"],
        cwd=folder,
        env=os.environ | places,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass(frozen=True)
class Trial:
    """One kill of a command in a folder of its own, and what must hold after it."""

    folder: Path
    command: Command
    truth: Truth
    way: signal.Signals
    after: float  # seconds
    tally: Tally

    def run(self, bare: float) -> None:
        """Kill, look at what was left, start again, and note what is not as it must be.

        Python alone takes `bare` seconds to start: until then a signal is not ours to answer.
        """
        self.folder.mkdir()
        # An older file stands there every other time.
        before = {self.command.out: OLDER} if self.tally.kills % 2 == 0 else {}
        for name, content in before.items():
            (self.folder / name).write_bytes(content)
        self.tally.kills += 1
        process = begin(self.folder, self.command)
        time.sleep(self.after)
        process.send_signal(self.way)
        try:
            _, said = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self._miss("wrong exit code", f"it went on for {PATIENCE} s")
            return
        self._judge(process.returncode, said, bare)
        self._look(before, ended=process.returncode == 0)
        self._again()

    def _judge(self, code: int, said: str, bare: float) -> None:
        """Judge the exit code, and what was said."""
        if code == 0:
            self.tally.late += 1
            return
        if self.after < bare and (code in (130, -self.way)) and OURS not in said:
            self.tally.early += 1  # what Python itself says of a signal
            return
        if code != CODES[self.way]:
            self._miss("wrong exit code", f"it is {code}")
        sentences = 0 if self.way is signal.SIGKILL else 1
        if len(said.splitlines()) != sentences or "Traceback" in said:
            self._miss("not one sentence", repr(said))

    def _look(self, before: Mapping[str, bytes], *, ended: bool) -> None:
        """Look at what lies there: whole, or as it was, and after INT and TERM nothing else."""
        found = {file.name: file for file in self.folder.iterdir()}
        out, state, partial = (
            found.pop(name, None)
            for name in (self.command.out, self.command.state, self.command.partial)
        )
        whole = self.truth.files[self.command.out]
        content = out.read_bytes() if out else None
        if content != whole and (ended or content != before.get(self.command.out)):
            self._miss("half a file", f"{self.command.out} is neither the older one nor the new")
        self.tally.resumed += state is not None and content != whole
        if state and not is_json(state):
            self._miss("half a file", f"{state.name} is no JSON")
        if self.way is signal.SIGKILL:
            if partial:
                self._miss("left behind", partial.name)
            return  # the next start removes the rest
        if partial and not plays(partial):
            self._miss("half a file", f"{partial.name} can't be played")
        if partial:
            partial.unlink()
        for name in [*sorted(found), *(file.name for file in temporary_of(self.folder).iterdir())]:
            self._miss("left behind", f"{name}, at once")

    def _again(self) -> None:
        """Start again: the same bits must come out, and nothing else be there."""
        process = begin(self.folder, self.command)
        _, said = process.communicate()
        if process.returncode or said:
            self._miss("other bits", f"the next start ended with {process.returncode}: {said!r}")
        names = {file.name for file in self.folder.iterdir()} - self.truth.files.keys()
        # Temporary files of a killed process are looked for where its next start puts some, too.
        for name in sorted({*names, *(file.name for file in temporary_of(self.folder).iterdir())}):
            self._miss("left behind", f"{name}, after the next start")
        out = self.folder / self.command.out
        if not out.exists() or out.read_bytes() != self.truth.files[out.name]:
            self._miss("other bits", f"{out.name} is not what an undisturbed run gives")

    def _miss(self, kind: str, what: str) -> None:
        when = f"after {self.after:.2f} of {self.truth.seconds:.2f} s"
        self.tally.misses.append(kind)
        print(f"{kind}: {self.command.name}, {self.way.name} {when}: {what}", file=sys.stderr)


def is_json(file: Path) -> bool:
    """Whether a file holds JSON, to its end."""
    try:
        json.loads(file.read_bytes())
    except ValueError:
        return False
    return True


def plays(video: Path) -> bool:
    """Whether a video opens, and all its frames decode."""
    try:
        with av.open(video) as container:
            return any(True for _ in container.decode(video=0))
    except av.FFmpegError:
        return False


if __name__ == "__main__":
    main()
