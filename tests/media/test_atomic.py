import errno
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import atomic_path, atomic_with_companions, check_writable


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_then_fail(target: Path, error: BaseException | None = None) -> None:
    with atomic_path(target) as passing:
        passing.write_text("half")
        if error is not None:
            raise error


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "map.npz"
    with atomic_path(target) as passing:
        assert passing.name == "map.npz"
        passing.write_text("half")
        assert not target.exists()
        passing.write_text("whole")
    assert target.read_text() == "whole"
    assert names(tmp_path) == ["map.npz"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_whatever_goes_wrong_leaves_the_old_file(tmp_path: Path, kind: type[BaseException]) -> None:
    target = tmp_path / "map.png"
    target.write_text("old")
    with pytest.raises(kind):
        write_then_fail(target, kind())
    assert target.read_text() == "old"
    assert names(tmp_path) == ["map.png"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "map.png"
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(VitonnxError, match=r"can't write .*map\.png: the disk is full") as caught:
        write_then_fail(target, full)
    assert caught.value.exit_code == 1
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
def test_a_disk_that_really_is_full(tmp_path: Path) -> None:

    def write() -> None:
        with atomic_path(tmp_path / "map.png") as passing:
            passing.symlink_to("/dev/full")
            passing.write_text("more than it holds")

    with pytest.raises(VitonnxError, match="the disk is full"):
        write()
    assert names(tmp_path) == []


def test_what_is_not_about_the_file_passes_through(tmp_path: Path) -> None:
    """A picture that is read meanwhile, or a connection, says nothing of what is written."""
    missing = tmp_path / "input.jpg"
    with pytest.raises(FileNotFoundError) as caught:
        write_then_fail(tmp_path / "map.png", FileNotFoundError(errno.ENOENT, "gone", str(missing)))
    assert caught.value.filename == str(missing)
    with pytest.raises(ConnectionResetError):
        write_then_fail(tmp_path / "map.png", ConnectionResetError(errno.ECONNRESET, "reset"))
    with pytest.raises(FileNotFoundError), atomic_with_companions(tmp_path / "model.onnx"):
        missing.read_bytes()
    assert names(tmp_path) == []


def test_a_block_that_writes_nothing_is_about_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(VitonnxError, match=r"can't write .*map\.png: No such file"),
        atomic_path(tmp_path / "map.png"),
    ):
        pass


def test_a_companion_that_fails_is_about_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(VitonnxError, match=r"can't write .*model\.onnx"),
        atomic_with_companions(tmp_path / "model.onnx") as passing,
    ):
        (passing.parent / "none" / "weights.bin").write_bytes(b"")
    assert names(tmp_path) == []


def test_checking_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "map.png")
    assert check_writable(tmp_path / "link.png") == tmp_path / "map.png"
    assert names(tmp_path) == ["link.png"]
    with pytest.raises(UsageError, match="does not exist"):
        check_writable(tmp_path / "nowhere" / "map.png")


def test_an_error_of_ours_passes_through(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ours"), atomic_path(tmp_path / "map.png"):
        raise UsageError("ours")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"the folder .*nowhere does not exist"),
        atomic_path(tmp_path / "nowhere" / "map.png"),
    ):
        pytest.fail("the block must not run")


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is a folder"), atomic_path(tmp_path):
        pytest.fail("the block must not run")


def test_a_device_is_not_overwritten() -> None:
    with pytest.raises(UsageError, match="it is a device"), atomic_path(os.devnull):
        pytest.fail("the block must not run")


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with (
        pytest.raises(VitonnxError, match="can't write"),
        atomic_path(tmp_path / ("x" * 300 + ".png")),
    ):
        pytest.fail("the block must not run")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.txt"
    real.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    with atomic_path(link) as passing:
        passing.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "map.png") as passing:
            passing.write_text("whole")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "map.png").stat().st_mode) == 0o640


def test_a_folder_without_permission(closed_folder: Path) -> None:
    with pytest.raises(VitonnxError, match=r"can't write .*map\.png: permission denied"):
        check_writable(closed_folder / "map.png")


@pytest.mark.parametrize("write", [atomic_path, atomic_with_companions])
def test_a_save_makes_one_passing_folder(
    write: Callable[[Path], AbstractContextManager[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run with --resume saves at every chance: the real folder is the test of the place."""
    made: list[Path] = []
    make = os.mkdir

    def counted(path: Path, mode: int = 0o777) -> None:
        made.append(path)
        make(path, mode)

    monkeypatch.setattr(os, "mkdir", counted)
    with write(tmp_path / "state.json") as passing:
        passing.write_text("{}")
    assert made == [passing.parent.parent, passing.parent]
