from pathlib import Path

import pytest

from vitonnx.media import atomic_with_partial


def write(target: Path, content: str | None, error: BaseException | None = None) -> None:
    with atomic_with_partial(target) as passing:
        if content is not None:
            passing.write_text(content)
        if error is not None:
            raise error


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.video.mp4", "whole")
    assert contents(tmp_path) == {"a.video.mp4": "whole"}


def test_ctrl_c_leaves_what_there_is_beside_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.video.mp4"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt) as caught:
        write(target, "half", KeyboardInterrupt())
    assert contents(tmp_path) == {"a.video.mp4": "old", "a.video.partial.mp4": "half"}
    assert str(tmp_path / "a.video.partial.mp4") in caught.value.__notes__[0]


def test_ctrl_c_before_anything_was_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "video.mp4", None, KeyboardInterrupt())
    assert contents(tmp_path) == {}


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "video.mp4", "half", ZeroDivisionError())
    assert contents(tmp_path) == {}
