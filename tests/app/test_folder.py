"""The page's own folder: nobody else's, and gone in the end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vitonnx.app._folder import KEPT_SECONDS, own_folder


def test_it_goes_with_all_that_lies_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/somewhere/else")
    with own_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder.path)
        (folder.fresh() / "made.png").touch()
        assert folder.path.is_dir()
    assert not folder.path.exists()
    assert os.environ["GRADIO_TEMP_DIR"] == "/somewhere/else"


def test_it_goes_after_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with pytest.raises(KeyboardInterrupt), own_folder() as folder:
        raise KeyboardInterrupt
    assert not folder.path.exists()
    assert "GRADIO_TEMP_DIR" not in os.environ


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_nobody_else_may_look_into_it() -> None:
    with own_folder() as folder:
        assert folder.path.stat().st_mode & 0o077 == 0
        assert folder.fresh().stat().st_mode & 0o077 == 0


def test_what_was_made_is_kept_for_a_while_and_no_longer() -> None:
    with own_folder() as folder:
        new, old, sent = folder.fresh(), folder.fresh(), folder.path / "sent"
        sent.mkdir()
        for place, age in ((old, KEPT_SECONDS + 1), (sent, KEPT_SECONDS + 1), (new, 10)):
            video = place / "video.mp4"
            video.write_bytes(b"abc")
            os.utime(video, (0, time.time() - age))
        assert folder.tidy(1000) == 3
        assert [place for place in folder.path.iterdir() if any(place.iterdir())] == [new]
        # Folders go when they have been empty for as long.
        for place in (old, sent):
            os.utime(place, (0, time.time() - KEPT_SECONDS - 1))
        folder.tidy(1000)
        assert list(folder.path.iterdir()) == [new]


def test_all_that_is_made_lies_apart() -> None:
    with own_folder() as folder:
        assert len({folder.fresh() for _ in range(23)}) == 23


def test_it_knows_what_lies_in_it(tmp_path: Path) -> None:
    with own_folder() as folder:
        inside, outside = folder.path / "deep" / "bird.png", tmp_path / "secret.txt"
        inside.parent.mkdir()
        inside.touch()
        outside.touch()
        assert folder.holds(inside)
        assert folder.holds(folder.path / "deep" / ".." / "deep" / "bird.png")
        assert not folder.holds(outside)
        assert not folder.holds(folder.path / ".." / "secret.txt")
        assert not folder.holds(Path(f"{folder.path}-other") / "bird.png")
        assert not folder.holds(Path("bird.png"))
        (folder.path / "link").symlink_to(outside)
        (folder.path / "way").symlink_to(tmp_path)
        assert not folder.holds(folder.path / "link")
        assert not folder.holds(folder.path / "way" / "secret.txt")
        (tmp_path / "back").symlink_to(folder.path)
        assert folder.holds(tmp_path / "back" / "deep" / "bird.png")


def test_its_size_is_that_of_all_that_came() -> None:
    with own_folder() as folder:
        assert folder.tidy(1000) == 0
        (folder.path / "example").write_bytes(bytes(1009))
        folder.settle()
        (folder.fresh() / "a").write_bytes(bytes(101))
        (folder.path / "b").write_bytes(bytes(7))
        (folder.path / "nowhere").symlink_to("is not there")
        assert folder.tidy(1000) == 108


def test_the_oldest_goes_where_there_is_too_much_but_not_what_has_just_come() -> None:
    with own_folder() as folder:
        ages = {"just": 0, "new": 50, "old": 70, "older": 80, "oldest": 90}
        for name, age in ages.items():
            file = folder.path / name
            file.write_bytes(bytes(100))
            os.utime(file, (0, time.time() - age))
        assert folder.tidy(350) == 300
        assert {each.name for each in folder.path.iterdir()} == {"just", "new", "old"}
        assert folder.tidy(0) == 200  # for another minute


def test_its_own_examples_stay() -> None:
    with own_folder() as folder:
        example = folder.path / "examples" / "bird.png"
        example.parent.mkdir()
        example.touch()
        folder.settle()
        os.utime(example, (0, 0))
        folder.tidy(0)
        assert example.exists()
