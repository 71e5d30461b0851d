import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from vitonnx.errors import UsageError
from vitonnx.media import find_pictures
from vitonnx.plots import save_figure


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with pictures of several kinds and depths, and other things."""
    for name in [
        "frame10.png",
        "frame2.PNG",
        "Frame7.jpg",
        "sub/b.webp",
        "sub/deep/a.tif",
        ".hidden.png",
        ".cache/thumb.png",
        "old[1].gif",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        suffix = Path(name).suffix[1:].lower()
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix)
        Image.new("RGB", (3, 2)).save(tmp_path / name, kind)
    for name in ["notes.txt", "model.onnx", "video.mpg", "table.h5", "paper.pdf"]:
        (tmp_path / name).write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*inputs: str | Path) -> list[str]:
    return [path.as_posix() for path in find_pictures(inputs)]


def test_a_folder_is_searched_to_its_depths_in_natural_order(folder: Path) -> None:
    assert names(".") == [
        "frame2.PNG",
        "Frame7.jpg",
        "frame10.png",
        "old[1].gif",
        "sub/b.webp",
        "sub/deep/a.tif",
    ]
    assert names(folder / "sub") == [f"{folder}/sub/b.webp", f"{folder}/sub/deep/a.tif"]


def test_globs(folder: Path) -> None:
    assert names("*.png") == ["frame10.png"]
    assert names("frame*") == ["frame2.PNG", "frame10.png"]
    assert names("**/*.tif") == ["sub/deep/a.tif"]
    assert names("sub/**/*") == ["sub/b.webp", "sub/deep/a.tif"]
    assert names("[Ff]rame?.*") == ["frame2.PNG", "Frame7.jpg"]
    assert names(f"{folder}/sub/*.webp") == [f"{folder}/sub/b.webp"]
    assert names("sub/../*.jpg") == ["sub/../Frame7.jpg"]


def test_hidden_files_match_only_where_they_are_spelt_out(folder: Path) -> None:
    assert names("**/*.png") == ["frame10.png"]
    assert names(".cache/*.png") == [".cache/thumb.png"]


def test_a_name_with_the_signs_of_a_glob_is_a_name_if_it_exists(folder: Path) -> None:
    assert names("old[1].gif") == ["old[1].gif"]


def test_named_files_stay_whatever_they_are(folder: Path) -> None:
    assert names("missing.png", "notes.txt", "frame10.png") == [
        "missing.png",
        "notes.txt",
        "frame10.png",
    ]


def test_figures_that_vitonnx_drew_are_passed_over(folder: Path) -> None:
    """Whatever they are called; a picture that is only called so is one."""
    before = names("."), names("*.png"), names("*.PNG")
    save_figure(Figure(), folder / "frame10.heads.png")
    save_figure(Figure(), folder / "SHEET.PNG")
    assert (names("."), names("*.png"), names("*.PNG")) == before
    Image.new("RGB", (3, 2)).save(folder / "cat.heads.png")
    assert names("*.png") == ["cat.heads.png", "frame10.png"]
    assert names("frame10.heads.png") == ["frame10.heads.png"]


def test_nothing_but_our_own_figures_is_said_to_be_so(folder: Path) -> None:
    save_figure(Figure(), folder / "sheet.PNG")
    with pytest.raises(
        UsageError, match=r"sheet\.\* matches no pictures except figures that vitonnx"
    ):
        find_pictures(["sheet.*"])
    (folder / "new").mkdir()
    save_figure(Figure(), folder / "new" / "sheet.png")
    with pytest.raises(UsageError, match=r"new holds no pictures except figures that vitonnx drew"):
        find_pictures(["new"])


def notices(*inputs: str) -> list[str]:
    said: list[str] = []
    find_pictures(inputs, notice=said.append)
    return said


def test_what_is_passed_over_is_named(folder: Path) -> None:
    """Videos, and pictures that aren't read; no notes, no tables, and nothing hidden."""
    assert notices("frame10.png", "sub") == []
    for name in ("b.CR2", "a.cr2", "sub/c.cr2", "walk.mov", ".hidden.mov", "a.svg"):
        (folder / name).touch()
    (folder / "folder.mp4").mkdir()
    before = names(".")
    assert notices(".", "sub", "*.gif") == [
        ".: skipped 3 CR2 (a.cr2 …; convert it to PNG or JPEG), 1 SVG (a.svg; convert it to "
        "PNG or JPEG), 2 videos (video.mpg …; videos are for `vitonnx probe video`).",
        "sub: skipped 1 CR2 (c.cr2; convert it to PNG or JPEG).",
    ]
    assert notices("*") == [
        "*: skipped 2 CR2 (a.cr2 …; convert it to PNG or JPEG), 1 SVG (a.svg; convert it to "
        "PNG or JPEG), 2 videos (video.mpg …; videos are for `vitonnx probe video`)."
    ]
    assert names(".") == before


def test_where_nothing_else_is_there_it_is_named_too(folder: Path) -> None:
    (folder / "new").mkdir()
    (folder / "new" / "walk.mp4").touch()
    with pytest.raises(UsageError, match=r"new holds no pictures .*: only 1 video \(walk\.mp4;"):
        find_pictures(["new"])


def test_an_address_is_no_glob(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"^https://x\.org/\*\.png is a URL"):
        find_pictures(["frame10.png", "https://x.org/*.png"])


def test_inputs_keep_their_order_and_each_picture_comes_once(folder: Path) -> None:
    assert names("sub", "frame10.png", "sub/b.webp", "*.png") == [
        "sub/b.webp",
        "sub/deep/a.tif",
        "frame10.png",
    ]


@pytest.mark.parametrize("name", ["*.jxr", "nowhere/*.png", "[", "*.txt", "folder.png", "x**y"])
def test_nothing_found_is_a_wrong_call(folder: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_pictures([name])
    assert name in str(caught.value)


@pytest.mark.parametrize("inputs", [[], [""], ["frame10.png", ""]])
def test_no_name_is_a_wrong_call(folder: Path, inputs: list[str]) -> None:
    with pytest.raises(UsageError, match="no pictures given"):
        find_pictures(inputs)


def test_a_folder_that_may_not_be_read(closed_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"can't search .*closed for pictures: Permission"):
        find_pictures([closed_folder])


def test_a_folder_is_searched_before_anything_else_has_used_pillow(tmp_path: Path) -> None:
    """In a process of its own: Pillow fills its table of suffixes when it first needs it."""
    (tmp_path / "a.jpg").touch()
    program = (
        "import sys; from vitonnx.media import find_pictures; print(*find_pictures(sys.argv[1:]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(tmp_path / "a.jpg")]


def test_a_name_longer_than_any() -> None:
    with pytest.raises(UsageError, match="70,000 characters") as caught:
        find_pictures(["a.png", "b" * 70_000])
    assert len(str(caught.value)) < 200


def test_a_glob_deeper_than_any_folder() -> None:
    with pytest.raises(UsageError, match="is not a valid glob"):
        find_pictures(["*/" * 1500 + "a.png"])
