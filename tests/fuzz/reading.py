"""What a user does with a file, reader by reader: functions of a path, run in the child's folder.

Each goes on to the end of the work, as most of what can go wrong does so behind the first look. An
error that isn't vitonnx's own is a fault, wherever it comes from.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from itertools import islice
from pathlib import Path

import tiny_models as tiny
import vitonnx as vx
from fuzz.material import MODEL, PICTURES, RUN
from vitonnx.data import open_data
from vitonnx.engine import Engine, StateFile, Survey, Totals, bake, prepare, survey
from vitonnx.engine import save_totals as save
from vitonnx.engine._state_schema import Pass
from vitonnx.media import find_picture_names, open_picture, read_lists
from vitonnx.media.videos import open_video
from vitonnx.media.videos._writer import VideoWriter
from vitonnx.models import read_checkpoint, read_config_file, read_description
from vitonnx.tap import tap

FRAMES, WRITTEN = 50, 5  # of a video, which may have any number of them
SMALL = 2**17  # pixels of a frame that is worth encoding, a thousand times a minute
SIZE = (24, 40)  # pixels of the model's input


def probe(file: Path) -> None:
    """Ask a model all that can be asked of it."""
    engine = Engine(file, device="cpu", threads=1)
    list(engine.stream([PICTURES[0]], [vx.Heads(), vx.Rollout(), vx.Distance()]))
    vx.probe_weights(file, vx.Filters())
    vx.probe_weights(file, vx.Positions())


def bake_probes(file: Path) -> None:
    bake(vx.Engine(file), [vx.Rollout(), vx.Heads()], "baked.onnx")


def tap_graph(file: Path) -> None:
    tap(file, "tapped.onnx", preprocess="half")


def checkpoint(file: Path) -> None:
    read_checkpoint([file], tiny.CONFIGS["plain"])


def picture(file: Path) -> None:
    with open_picture(file) as found:
        found.resize((7, 5))


def video(file: Path) -> None:
    """Look at the frames of a video; where they are small, write some of them, with the sound."""
    found = open_video(file)
    for _ in islice(found.read(), FRAMES):
        pass
    if found.size[0] * found.size[1] > SMALL:
        return
    with found.sound() or nullcontext() as sound:
        target = Path("video.mp4")
        with VideoWriter(target, rate=found.rate, ticks=found.ticks, sound=sound) as writer:
            for frame in islice(found.read(), WRITTEN):
                writer.write(frame)


def picture_list(file: Path) -> None:
    """Read a list, and its first pictures; none outside of the folder, which is the test's."""
    names = list(read_lists([f"@{file}"]))
    near = [name for name in names if not (name.startswith(("/", "~")) or ".." in name)]
    if near:
        for name in find_picture_names(near)[: len(PICTURES)]:
            open_picture(name).close()


def state(file: Path) -> None:
    """Go on with a run from its state, and write what comes of it."""
    engine, asked = _engine(), vx.Distance()
    kept = StateFile(
        file,
        RUN,
        PICTURES,
        [Pass(asked, engine.layout, engine.batch_size)],
    )
    surveys = kept.load() or [Survey()]
    for model, found in zip([engine], surveys, strict=True):
        for _ in survey(model, PICTURES, asked, found):
            kept.save(surveys)
    summaries = {MODEL: surveys[0].summary}
    save("totals.csv", Totals(summaries=summaries, files=list(PICTURES), skipped=[]))


def config(file: Path) -> None:
    """Read a model's description, and see what weights it asks for."""
    read_config_file(file).config.parameters()


def recipe(file: Path) -> None:
    """Read a recipe, and follow it."""
    found = read_description(file, SIZE)
    with open_picture(PICTURES[0]) as opened:
        prepare(opened, found.preprocessing)


def archive(file: Path) -> None:
    data = open_data(file, 8, 0)
    data.train.read([0], 0)


@cache
def _engine() -> Engine:
    return Engine(MODEL, device="cpu", threads=1)
