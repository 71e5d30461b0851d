"""``vitonnx evaluate accuracy`` and ``knn``: tables, files, layouts, and what they refuse."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluate.labelled_pictures import draw
from evaluate.test_truth import devkit_numbers, write_meta
from terminal import Outcome, assert_refused, contents, environment
from vitonnx import Engine
from vitonnx.models import imagenet_synsets

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

SYNSETS = imagenet_synsets()
PICTURES = 23
# The command as it is, but for how often it writes its state: at every chance.
EAGER = """
import sys
from vitonnx.cli import _counting, main
from vitonnx.evaluate.knn import _embed
_counting.SAVE_EVERY_SECONDS, _counting.SAVING_SHARE, _embed.AT_ONCE = 0, 1, 16
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def val(desk: Path, exported: Exported) -> list[int]:
    """ImageNet's val/, flat and small; gives the classes, which the model tells at place 0 to 6."""
    files = draw(desk / "drawn", PICTURES)
    (desk / "val").mkdir()
    engine = Engine(exported("imagenet"), device="cpu")
    classes = []
    for number, file in enumerate(files):
        order = np.argsort(-engine.run(file)["logits"][0], kind="stable")
        classes.append(int(order[number % 7]))
        file.rename(desk / f"val/ILSVRC2012_val_{number + 1:08}.JPEG")
    (desk / "drawn").rmdir()
    return classes


def accuracy(call: Call, exported: Exported, *words: str | Path) -> dict[str, object]:
    """Measure, and give the numbers."""
    outcome = call("evaluate", "accuracy", exported("imagenet"), *words, "-o", "x.json", "-q")
    assert (outcome.code, outcome.err) == (0, ""), outcome
    found: dict[str, object] = json.loads(Path("x.json").read_text())
    del found["settings"]
    return found


def test_imagenets_layouts_are_one(
    call: Call, exported: Exported, val: list[int], desk: Path
) -> None:
    names = [file.stem for file in sorted((desk / "val").iterdir())]
    ids = [SYNSETS[number].id for number in val]
    Path("val.txt").write_text(
        "".join(f"{name}.JPEG {number}\n" for name, number in zip(names, val, strict=True))
    )
    Path("synsets.txt").write_text("".join(f"{own}\n" for own in ids))
    rows = [f"{name},{own} 1 2 3 4 \n" for name, own in zip(names, ids, strict=True)]
    Path("kaggle.csv").write_text("ImageId,PredictionString\n" + "".join(rows[::-1]))
    Path("devkit").mkdir()
    write_meta(Path("devkit/meta.mat"))
    numbers = devkit_numbers(Path("devkit/meta.mat"))
    Path("devkit/truth.txt").write_text("".join(f"{numbers[own]}\n" for own in ids))
    for folder, of in (("ids", [each.id for each in SYNSETS]), ("names", None)):
        for name, number in zip(names, val, strict=True):
            own = of[number] if of else "_".join(SYNSETS[number].names[0].upper().split())
            Path(folder, own).mkdir(parents=True, exist_ok=True)
            os.link(desk / f"val/{name}.JPEG", Path(folder, own, f"{name}.JPEG"))
    found = [
        accuracy(call, exported, *words)
        for words in (
            *(("val", "--truth", file) for file in ("val.txt", "synsets.txt", "kaggle.csv")),
            ("val", "--truth", "devkit/truth.txt"),
            ("ids",),
            ("names",),
        )
    ]
    assert found[0]["pictures"] == PICTURES
    assert found[0]["top1"] == len([n for n in range(PICTURES) if n % 7 < 1]) / PICTURES
    assert found[0]["top5"] == len([n for n in range(PICTURES) if n % 7 < 5]) / PICTURES
    assert all(each == found[0] for each in found[1:])
    # A sample keeps its labels.
    some = ("--truth", "synsets.txt", "--limit", "11", "--seed", "3")
    sample = accuracy(call, exported, "val", *some)
    assert sample["pictures"] == 11
    assert sample == accuracy(call, exported, "val", "--truth", "kaggle.csv", *some[2:])


def test_the_table_and_the_numbers(
    call: Call, exported: Exported, val: list[int], desk: Path
) -> None:
    Path("synsets.txt").write_text("".join(f"{SYNSETS[number].id}\n" for number in val))
    outcome = call(
        *("evaluate", "accuracy", exported("imagenet"), "val", "--truth", "synsets.txt"),
        *("--precision", "fp32", "--precision", "int8", "-o", "x.json", "--device", "cpu"),
    )
    assert (outcome.code, outcome.errors) == (0, [])
    assert any("random" in note for note in outcome.notes)
    found = json.loads(Path("x.json").read_text())
    assert list(found["precisions"]) == ["fp32", "int8"]
    assert found["published"] is None
    assert found["untrained"] is True
    assert found["vitonnx"]
    lines = outcome.out.splitlines()
    assert lines[0].startswith(f"tiny_imagenet: accuracy on {PICTURES} pictures")
    assert lines[-1] == "x.json"
    (int8,) = (line for line in lines if line.startswith("int8"))
    for name in ("top1", "top5", "agreement"):
        each = found["precisions"]["int8"][name]
        said = f"{100 * each['value']:.2f} {100 * each['low']:.2f} to {100 * each['high']:.2f}"
        assert said in " ".join(int8.split())


def test_tars_and_parquet_say_their_labels(
    call: Call, exported: Exported, val: list[int], desk: Path
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    files = sorted((desk / "val").iterdir())
    content = [file.read_bytes() for file in files]
    Path("val.txt").write_text(
        "".join(f"{file.name} {number}\n" for file, number in zip(files, val, strict=True))
    )
    with tarfile.open("val.tar", "w") as tar:
        for number, (one, own) in enumerate(zip(content, val, strict=True)):
            said = str(own) if number % 2 else SYNSETS[own].id
            for suffix, data in (("jpg", one), ("cls", said.encode())):
                entry = tarfile.TarInfo(f"{number:03}.{suffix}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    parquet.write_table(
        pyarrow.table({"image": content, "class": pyarrow.array(val, pyarrow.int32())}), "v.parquet"
    )
    folder = accuracy(call, exported, "val", "--truth", "val.txt")
    assert accuracy(call, exported, "val.tar") == folder
    assert accuracy(call, exported, "v.parquet", "--label", "class") == folder
    assert accuracy(call, exported, "val.tar", "--limit", "5")["pictures"] == 5
    words = ("evaluate", "accuracy", exported("imagenet"), "v.parquet", "-q")
    assert_refused(call(*words), 2, "have no labels", "--label")


def test_the_parts_of_a_run_come_to_the_whole(
    call: Call, exported: Exported, val: list[int], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in zip(sorted((desk / "val").iterdir()), val, strict=True):
        Path("ids", SYNSETS[number].id).mkdir(parents=True, exist_ok=True)
        name.rename(Path("ids", SYNSETS[number].id, name.name))
    whole = accuracy(call, exported, "ids")
    for part in range(3):
        words = ("evaluate", "accuracy", exported("imagenet"), "ids", "--shard", f"{part}/3", "-q")
        assert call(*words, "-o", f"{part}.part").out == f"{part}.part\n"
    outcome = call("merge", "2.part", "0.part", "1.part", "-o", "merged.json", "-q")
    assert (outcome.code, outcome.err) == (0, "")
    merged = json.loads(Path("merged.json").read_text())
    assert {name: merged[name] for name in whole} == whole
    assert_refused(call("merge", "0.part", "1.part", "-q"), 2, "missing: 2")


def test_what_is_refused(call: Call, exported: Exported, val: list[int], desk: Path) -> None:
    Path("few.txt").write_text("n01440764\n")
    Path("classes/crane").mkdir(parents=True)
    Path("classes/tench").mkdir()
    picture = next((desk / "val").iterdir()).read_bytes()
    for folder in ("crane", "tench"):
        Path(f"classes/{folder}/a.jpg").write_bytes(picture)
    before = contents(desk)
    words = ("evaluate", "accuracy", exported("imagenet"))
    crane = ("'crane' is the name of two classes, n02012849 (crane) and n03126707 (crane)",)
    for more, code, parts in (
        (("val", "-q"), 2, ("have no labels", "--truth")),
        (("val", "--truth", "few.txt", "-q"), 2, ("few.txt has 1 lines",)),
        (("val", "--truth", "none.txt", "-q"), 2, ("no file of labels none.txt",)),
        (("classes", "-q"), 2, crane),
        (("val", "-o", "x.png", "-q"), 2, (".json for all numbers",)),
        (("val", "--truth", "few.txt", "--resume", "few.txt", "-q"), 2, ("one of the inputs",)),
        (("val", "-o", "x.json", "--resume", "x.json", "-q"), 2, ("x.json", "one file")),
        (("val", "--precision", "fp32", "--precision", "fp32", "-q"), 2, ("the same precision",)),
    ):
        assert_refused(call(*words, *more), code, *parts)
    assert_refused(
        call("evaluate", "accuracy", exported("headless"), "val", "-q"), 2, "evaluate knn"
    )
    assert contents(desk) == before


def albums(desk: Path) -> None:
    """Pictures in class folders, to vote and to be voted about, with a bad one and a stray."""
    for name, count, seed in (("train", 131, 1), ("val", 67, 2)):
        for number, file in enumerate(draw(desk / "drawn", count, seed)):
            target = desk / name / f"group {(number + number % 5) % 7}" / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
        (desk / name / "group 3/bad.png").write_text("Dear picture")
    (desk / "drawn").rmdir()


def test_neighbours(call: Call, exported: Exported, desk: Path) -> None:
    albums(desk)
    words = ("evaluate", "knn", exported("headless"), "train", "val", "-o", "x.json")
    outcome = call(*words, "--device", "cpu")
    assert outcome.code == 1
    assert outcome.errors[-1].endswith("pictures skipped; the others are done.")
    assert "TRAIN has 131 usable pictures, so 200 neighbours can't vote." in (outcome.notes)
    found = json.loads(Path("x.json").read_text())
    assert (found["known"], found["pictures"], len(found["skipped"])) == (131, 67, 2)
    assert list(found["k"]) == list(found["votes"]) == ["10", "20", "100"]
    for count, share in found["k"].items():
        estimate = found["votes"][count]["top1"]
        assert share == estimate["value"]
        assert estimate["low"] < share < estimate["high"]
        assert any(
            line.split()[:2] == [count, f"{100 * share:.2f}"] for line in outcome.out.splitlines()
        )
    # A bank that nothing is known of may be anybody's file.
    Path("s.bank").write_text("mine")
    assert_refused(call(*words, "--resume", "s", "-q"), 2, "s.bank exists without s.bank.json")
    assert Path("s.bank").read_text() == "mine"


@pytest.mark.load
@pytest.mark.parametrize("command", ["accuracy", "knn"])
def test_killed_at_any_moment_it_ends_with_the_same_bytes(
    command: str, exported: Exported, desk: Path, load: bool
) -> None:
    rng = random.Random(os.urandom(8))
    albums(desk)
    if command == "knn":
        words = ["evaluate", "knn", str(exported("headless")), "train", "val"]
    else:
        classes = [f"class {number}" for number in range(7)]
        for folder, name in zip(sorted(Path("train").iterdir()), classes, strict=True):
            folder.rename(folder.with_name(name))
        words = ["evaluate", "accuracy", str(exported("plain")), "train"]
    words += ["--threads", "1", "--quiet"]

    def start(*more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", EAGER, *words, *more],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    process = start("-o", "whole.json")
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1, err  # a picture is bad
    kills = 0
    for _ in range(20 if load else 2):
        before = contents(desk)
        process = start("--resume", "s", "-o", "resumed.json")
        deadline = time.monotonic() + 100
        states = ("s", "s.bank.json")
        while process.poll() is None and all(
            not Path(state).exists() or Path(state).read_bytes() == before.get(state)
            for state in states
        ):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills
    process = start("--resume", "s", "-o", "resumed.json")
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1, err
    assert Path("resumed.json").read_bytes() == Path("whole.json").read_bytes()


@pytest.mark.parametrize("limit", [(), ("--limit", "3")])
def test_a_dataset_without_a_picture_is_refused(
    limit: tuple[str, ...], call: Call, exported: Exported, desk: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    nothing = {"image": pa.array([], pa.binary()), "class": pa.array([], pa.int64())}
    pq.write_table(pa.table(nothing), desk / "empty.parquet")
    model = exported("imagenet")
    words = ("empty.parquet", "--label", "class", "-o", "x.json", *limit)
    assert_refused(call("evaluate", "accuracy", model, *words, "-q"), 2, "no picture")
    part = ("empty.parquet", "--label", "class", "-o", "x.part", "--shard", "0/1", *limit)
    assert call("evaluate", "accuracy", model, *part, "-q").code == 0
    assert_refused(call("merge", "x.part", "-q"), 2, "no picture")
    assert not (desk / "x.json").exists()


def test_a_long_number_is_no_class(call: Call, exported: Exported, desk: Path) -> None:
    """Python refuses to read numbers of more than 4,300 digits."""
    draw(desk / "drawn", 2)
    with tarfile.open("val.tar", "w") as tar:
        for file in sorted((desk / "drawn").iterdir()):
            tar.add(file, file.name)
            entry = tarfile.TarInfo(f"{file.stem}.cls")
            entry.size = 5000
            tar.addfile(entry, io.BytesIO(b"7" * entry.size))
    outcome = call("evaluate", "accuracy", exported("imagenet"), "val.tar", "-q")
    assert_refused(outcome, 2, "no class")


def test_bad_pictures_of_both_datasets_are_counted(
    call: Call, exported: Exported, desk: Path
) -> None:
    for folder, good, bad in (("train", 11, 2), ("val", 1, 13)):
        draw(desk / folder / "tench", good)
        for number in range(bad):
            (desk / folder / "tench" / f"bad{number}.png").write_text("bad")
    outcome = call("evaluate", "knn", exported("imagenet"), "train", "val", "-q")
    assert outcome.code == 1
    assert outcome.errors[-1] == "15 of 27 pictures skipped; the others are done."
