"""The state file: bits come back as they were, and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitonnx.dataset import as_dataset
from vitonnx.engine import StateFile, Survey
from vitonnx.engine._state_file import _checksum
from vitonnx.engine._state_schema import Pass
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import Distance, Layout, Summary

SETTINGS: dict[str, str | int] = {"the probe": "Distance()", "the number of pictures": 31}


def pass_of(blocks: int, heads: int, largest: float) -> Pass:
    """A pass of a table of so many values, of which none is larger."""
    layout = Layout(
        grid=(1, 2), patch_size=int(largest), prefix_tokens=("cls",), blocks=blocks, heads=heads
    )
    return Pass(Distance(), layout, 8)


ODD = "a\udce9\n.png"  # what no encoding holds, as the name of a file on a disk may be
FILES = [ODD, *(f"{number}.png" for number in range(30))]
PASSES = [pass_of(3, 5, 5e3)] * 2


def file_of(path: Path, settings: Mapping[str, str | int] = SETTINGS) -> StateFile:
    return StateFile(path, settings, FILES, PASSES)


def surveys() -> list[Survey]:
    rng = np.random.default_rng(7)
    total = Summary(23, np.abs(rng.normal(size=(3, 5))) * 1e3, rng.normal(size=(3, 5)) ** 2 / 3)
    return [Survey(24, total, {ODD: "is no picture."}), Survey()]


def test_all_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    state = file_of(tmp_path / "state.json")
    assert state.load() is None
    state.save(surveys())
    loaded = state.load()
    assert loaded is not None
    for found, saved in zip(loaded, surveys(), strict=True):
        assert (found.position, found.skipped) == (saved.position, saved.skipped)
        assert found.summary.count == saved.summary.count
        np.testing.assert_array_equal(found.summary.mean, saved.summary.mean)
        np.testing.assert_array_equal(found.summary.squares, saved.summary.squares)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (SETTINGS | {"the probe": "Distance(2)"}, r"the probe was Distance\(\) and is now Dist"),
        (SETTINGS | {"the number of pictures": 32}, "pictures was 31 and is now 32"),
        (SETTINGS | {"threads": 2}, "threads was not set and is now 2"),
        ({"the probe": "Distance()"}, "pictures was 31 and is now not set"),
    ],
)
def test_the_state_of_another_run_is_refused(
    now: dict[str, str | int], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "state.json"
    file_of(file).save(surveys())
    with pytest.raises(UsageError, match=message) as caught:
        file_of(file, now).load()
    assert str(file) in str(caught.value)


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    state = file_of(file)
    state.save(surveys())
    good = file.read_text()
    content = json.loads(good)
    digit = good.index("mean") + good[good.index("mean") :].index(".") + 3
    damaged = [
        "",
        "a letter",
        "[]",
        "{}",
        "3",
        '"state"',
        good[: len(good) // 2],
        good[:digit] + str((int(good[digit]) + 1) % 10) + good[digit + 1 :],  # one digit of a mean
        json.dumps({"state": content["state"]}),
        json.dumps(content | {"sha256": None}),
        json.dumps(content | {"state": []}),
        "[" * 100_000 + "]" * 100_000,
        '{"state": ' * 100_000,
        good.replace('"count": 23', f'"count": {"9" * 5000}'),
        "9" * 5000,
        " " * (4 * 2**23 + 31 * 2 * 2**13) + good,  # more than any state has
    ]
    for text in damaged:
        file.write_text(text)
        with pytest.raises(VitonnxError, match="holds no state to resume from, or is damaged"):
            state.load()
        assert file.read_text() == text
    file.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(VitonnxError, match="holds no state"):
        state.load()


def test_a_folder_is_no_state(tmp_path: Path) -> None:
    with pytest.raises(VitonnxError, match=r"can't read .*: Is a directory"):
        file_of(tmp_path).load()


def test_a_state_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        file_of(tmp_path / "nowhere" / "state.json").save(surveys())


Change = Callable[[list[dict[str, Any]]], object]


def written(file: Path, change: Callable[[dict[str, Any]], object]) -> StateFile:
    """A state that was changed, and whose checksum was made anew."""
    state = file_of(file)
    state.save(surveys())
    content = json.loads(file.read_text())
    change(content["state"])
    content["sha256"] = _checksum(content["state"])
    file.write_text(json.dumps(content))
    return state


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found[0].update(position="24"),
        lambda found: found[0].update(position=24.0),
        lambda found: found[0].update(position=True),
        lambda found: found[0].update(position=-8),
        lambda found: found[0].update(position=None),
        lambda found: found[0].update(count=-1),
        lambda found: found[0].update(count=[23]),
        lambda found: found[0].update(count=10**30),
        lambda found: found[0]["parts"].update(mean="1"),
        lambda found: found[0]["parts"].update(mean=[[["1"]]]),
        lambda found: found[0]["parts"].update(mean=[[True] * 5] * 3),
        lambda found: found[0]["parts"].update(mean=[[10**400] * 5] * 3),
        lambda found: found[0]["parts"].update(mean={}),
        lambda found: found[0].update(skipped=[ODD]),
        lambda found: found[0].update(skipped={ODD: 3}),
        lambda found: found[0].update(more=1),
        lambda found: found[0].pop("parts"),
        lambda found: found.append([]),
        lambda found: found.append(None),
    ],
)
def test_what_is_of_another_kind_is_no_state(change: Change, tmp_path: Path) -> None:
    state = written(tmp_path / "s.json", lambda content: change(content["surveys"]))
    with pytest.raises(
        VitonnxError, match="holds no state to resume from, or is damaged"
    ) as caught:
        state.load()
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("settings", [[], None, {"the probe": True}, {"the probe": ["x"]}])
def test_settings_of_another_kind_are_none(settings: object, tmp_path: Path) -> None:
    state = written(tmp_path / "s.json", lambda content: content.update(settings=settings))
    with pytest.raises(VitonnxError, match="holds no state to resume from"):
        state.load()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: found[0].update(position=16), "a count of 23 after 15"),
        (lambda found: found[0].update(count=24), "a count of 24 after 23"),
        (lambda found: found[0].update(position=10**30), "a position of 10+ among 31"),
        (lambda found: found[0].update(position=32), "a position of 32 among 31"),
        (lambda found: found[0].update(position=23, count=22), "a position of 23 among 31"),
        (lambda found: found[0].update(skipped={}), "a count of 23 after 24"),
        (lambda found: found[0].update(skipped={"x.png": "bad"}), "skipped that wasn't reached"),
        (lambda found: found[0].update(skipped={"29.png": "bad"}), "skipped that wasn't reached"),
        (lambda found: found[0]["parts"].pop("squares"), "the parts mean"),
        (lambda found: found[0]["parts"].update(more=1.0), "the parts mean, squares, more"),
        (lambda found: found[0].update(crops=[[1.0] * 4] * 22), r"crops of shape \(22, 4\)"),
        (lambda found: found[0]["parts"].update(mean=[[1.0] * 5] * 2), r"shape \(2, 5\)"),
        (lambda found: found[0]["parts"].update(squares=[[1.0] * 3] * 5), r"shape \(5, 3\)"),
        (lambda found: found[0]["parts"].update(mean=[[1.0], [1.0, 2.0]]), "inhomogeneous"),
        (lambda found: found[0]["parts"].update(mean=[]), r"shape \(0,\)"),
        (lambda found: found[0]["parts"].update(mean=1.0), r"shape \(\)"),
        (
            lambda found: found[0]["parts"].update(mean=[[float("nan")] * 5] * 3),
            "that aren't numbers",
        ),
        (
            lambda found: found[0]["parts"].update(squares=[[float("inf")] * 5] * 3),
            "that aren't numbers",
        ),
        (lambda found: found[0]["parts"].update(squares=[[-1e-9] * 5] * 3), "squares from -1e-09"),
        (lambda found: found[0]["parts"].update(squares=[[1e12] * 5] * 3), "squares from 1e[+]12"),
        (lambda found: found[0]["parts"].update(mean=[[-6.0] * 5] * 3), "means from -6"),
        (lambda found: found[0]["parts"].update(mean=[[1e6] * 5] * 3), "means from 1e[+]06"),
        (lambda found: found[1]["parts"].update(mean=[[1.0] * 5] * 3), "numbers without a picture"),
        (lambda found: found[1]["parts"].update(mean=1.0), "numbers without a picture"),
        (lambda found: found.pop(), "1 models instead"),
        (lambda found: found.append(found[1]), "3 models instead"),
        (lambda found: found.reverse(), "before the previous one was done"),
        (lambda found: found[1].update(found[0]), "before the previous one was done"),
    ],
)
def test_numbers_that_no_run_leaves_are_refused(
    change: Change, reason: str, tmp_path: Path
) -> None:
    state = written(tmp_path / "s.json", lambda content: change(content["surveys"]))
    with pytest.raises(
        VitonnxError, match=f"a state that this run can't have written .*{reason}"
    ) as caught:
        state.load()
    assert caught.value.exit_code == 1


def test_a_picture_that_is_named_twice_is_skipped_twice(tmp_path: Path) -> None:
    files = ["a.png", "a.png", "b.png"]
    state = StateFile(tmp_path / "s.json", SETTINGS, files, [pass_of(1, 1, 2.0)])
    total = Summary(1, np.ones((1, 1)), np.zeros((1, 1)))
    state.save([Survey(3, total, {"a.png": "is no picture."})])
    (found,) = state.load() or []
    assert (found.position, found.summary.count) == (3, 1)


def test_skipped_pictures_are_known_by_the_names_that_results_have(tmp_path: Path) -> None:
    urls = [f"https://ada:secret@birds.org/{number}.png?token=secret" for number in range(3)]
    (skipped,) = as_dataset(urls[1:2]).files
    assert "secret" not in skipped
    state = StateFile(tmp_path / "s.json", SETTINGS, urls, [pass_of(1, 1, 2.0)])
    total = Summary(2, np.ones((1, 1)), np.zeros((1, 1)))
    state.save([Survey(3, total, {skipped: "is no picture."})])
    (found,) = state.load() or []
    assert (found.position, found.summary.count) == (3, 2)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no such devices here")
def test_a_device_is_no_state() -> None:
    with pytest.raises(VitonnxError, match="is a device, but only regular files are read"):
        file_of(Path("/dev/zero")).load()
