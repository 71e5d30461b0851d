"""A folder is there whole or not at all, and nothing of anybody else's is lost in it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from terminal import contents
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import atomic_folder, check_folder

LIST = ".ours"


def write(folder: Path, files: Mapping[str, str], error: BaseException | None = None) -> None:
    with atomic_folder(folder, record=LIST) as passing:
        for name, text in files.items():
            (passing / name).parent.mkdir(parents=True, exist_ok=True)
            (passing / name).write_text(text)
        if error is not None:
            raise error


def texts(folder: Path) -> dict[str, str]:
    """Every file but the list."""
    return {
        name: content.decode()
        for name, content in contents(folder).items()
        if name != LIST and (folder / name).is_file()
    }


NOTES = {"note.txt": "one", "deep/er/note.txt": "two"}


@pytest.mark.parametrize("place", ["new", "far/away", "empty"])
def test_the_folder_has_the_files_and_their_list(place: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / place, NOTES)
    assert texts(tmp_path / place) == NOTES
    assert (tmp_path / place / LIST).read_text() == "deep/er/note.txt\nnote.txt\n"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
@pytest.mark.parametrize("place", ["new", "empty", "ours"])
def test_whatever_goes_wrong_leaves_what_was_there(
    place: str, kind: type[BaseException], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "ours", NOTES)
    before = contents(tmp_path)
    with pytest.raises(kind):
        write(tmp_path / place, {"note.txt": "half"}, kind())
    assert contents(tmp_path) == before


def test_written_again_it_replaces_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "ours", NOTES)
    theirs = {"mine.txt": "mine", ".git/config": "theirs", "deep/mine.txt": "mine"}
    for name, text in theirs.items():
        (tmp_path / "ours" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "ours" / name).write_text(text)
    write(tmp_path / "ours", {"note.txt": "three", "new.txt": "four"})
    assert texts(tmp_path / "ours") == {**theirs, "note.txt": "three", "new.txt": "four"}
    assert (tmp_path / "ours" / LIST).read_text() == "new.txt\nnote.txt\n"


@pytest.mark.parametrize("theirs", ["deep/er/note.txt", "deep/er", "deep"])
def test_a_file_of_somebody_elses_is_in_the_way(theirs: str, tmp_path: Path) -> None:
    write(tmp_path / "ours", {"note.txt": "one"})
    place = tmp_path / "ours" / theirs
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"deep/er/note\.txt would be replaced"):
        write(tmp_path / "ours", NOTES)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("theirs", "theirs holds files that vitonnx didn't write"),
        ("file", "can't make the folder .*file: a file is in its way"),
        ("file/new", "can't make the folder .*file/new: a file is in its way"),
    ],
)
def test_what_is_somebody_elses_is_left_alone(place: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=message):
        write(tmp_path / place, NOTES)
    with pytest.raises(UsageError, match=message):
        check_folder(tmp_path / place, record=LIST)
    assert contents(tmp_path) == before


def test_a_list_from_elsewhere_names_nothing_outside(tmp_path: Path) -> None:
    write(tmp_path / "ours", NOTES)
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "ours/link").symlink_to(tmp_path / "mine.txt")
    listed = tmp_path / "ours" / LIST
    listed.write_text(f"{listed.read_text()}../mine.txt\n{tmp_path}/mine.txt\nlink\nnowhere\n")
    write(tmp_path / "ours", {"note.txt": "three"})
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert texts(tmp_path / "ours") == {"note.txt": "three", "link": "mine"}


def test_with_a_damaged_list_nothing_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "ours", NOTES)
    (tmp_path / "ours" / LIST).write_bytes(b"\xff\xfe\0")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="would be replaced"):
        write(tmp_path / "ours", NOTES)
    assert contents(tmp_path) == before


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(VitonnxError, match=r"can't write .*new: the disk is full"):
        write(tmp_path / "new", NOTES, full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["new", "far/away", "closed", "closed/new"])
def test_a_folder_without_permission(place: str, closed_folder: Path) -> None:
    with pytest.raises(VitonnxError, match=r"can't write .*: permission denied"):
        check_folder(closed_folder / place, record=LIST)


def test_what_a_link_points_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", NOTES)
    assert (tmp_path / "link").is_symlink()
    assert texts(tmp_path / "real") == NOTES


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "new", NOTES)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "new/note.txt").stat().st_mode) == 0o640
