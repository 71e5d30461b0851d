"""The state file: bits come back as they were, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vitonnx.engine import StateFile, Survey
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import Summary

SETTINGS: dict[str, str | int] = {"the probe": "Distance()", "the number of pictures": 31}


def surveys() -> list[Survey]:
    rng = np.random.default_rng(7)
    total = Summary(23, rng.normal(size=(3, 5)) * 1e3, rng.normal(size=(3, 5)) ** 2 / 3)
    # What no encoding holds, as the name of a file on a disk may be.
    return [Survey(24, total, {"a\udce9\n.png": "is no picture."}), Survey()]


def test_all_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "state.json", SETTINGS)
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


def test_values_that_are_no_numbers_come_back_too(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "state.json", SETTINGS)
    broken = Summary(2, np.array([[np.nan, np.inf]]), np.array([[np.nan, -0.0]]))
    state.save([Survey(8, broken)])
    (found,) = state.load() or []
    np.testing.assert_array_equal(found.summary.mean, broken.mean)
    assert np.signbit(found.summary.squares[0, 1])


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
    StateFile(file, SETTINGS).save(surveys())
    with pytest.raises(UsageError, match=message) as caught:
        StateFile(file, now).load()
    assert str(file) in str(caught.value)


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    state = StateFile(file, SETTINGS)
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
    with pytest.raises(VitonnxError, match="can't be read: Is a directory"):
        StateFile(tmp_path, SETTINGS).load()


def test_a_state_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        StateFile(tmp_path / "nowhere" / "state.json", SETTINGS).save(surveys())
