"""``vitonnx probe distance``: what it writes, prints, skips and refuses."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from recipes import slopes, unresizable, with_recipe
from terminal import Outcome, assert_plain, assert_refused, contents
from vitonnx.cli import main

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven pictures in two folders; the fourth is none."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "deep").mkdir()
    rng = np.random.default_rng(11)
    for number in range(11):
        file = folder / ("deep" if number > 6 else ".") / f"{number:02d}.png"
        Image.fromarray(rng.integers(0, 256, (43 + number, 61, 3), dtype=np.uint8)).save(file)
    (folder / "03.png").write_text("Dear picture")
    return folder


def good(album: Path) -> list[Path]:
    return sorted(set(album.rglob("*.png")) - {album / "03.png"})


def expected(model: Path, files: list[Path], **options: bool) -> np.ndarray:
    results = vx.Engine(model, device="cpu").probe(files, vx.Distance(**options))
    return np.stack([result.distance for result in results])


def read(file: str) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as saved:
        return dict(saved)


@pytest.mark.parametrize("kind", ["plain", "pooled", "distilled", "registers"])
def test_numbers_are_the_mean_over_the_pictures(
    kind: str, call: Call, exported: Exported, album: Path
) -> None:
    files = good(album)
    outcome = call("probe", "distance", exported(kind), *files, "-o", "x.npz")
    assert (outcome.code, outcome.out, outcome.errors) == (0, "x.npz\n", [])
    saved, values = read("x.npz"), expected(exported(kind), files)
    assert set(saved) == {"mean", "std", "count", "files", "skipped"}
    assert saved["count"] == 10
    assert saved["files"].tolist() == [str(file) for file in files]
    assert saved["skipped"].tolist() == []
    np.testing.assert_allclose(saved["mean"], values.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(saved["std"], values.std(axis=0), rtol=1e-9)


def test_rescaled(call: Call, exported: Exported, album: Path) -> None:
    call("probe", "distance", exported("registers"), *good(album), "--renormalize", "-o", "x.json")
    values = expected(exported("registers"), good(album), renormalize=True)
    saved = json.loads(Path("x.json").read_text())
    np.testing.assert_allclose(saved["mean"], values.mean(axis=0), rtol=1e-13)
    plain = expected(exported("registers"), good(album))
    assert (np.array(saved["mean"]) > plain.mean(axis=0)).all()


@pytest.mark.parametrize("output", ["x.png", "x.svg", "x.npz", "x.json", "x.csv", None])
def test_one_bad_picture_in_ten_is_skipped_counted_and_listed(
    output: str | None, call: Call, exported: Exported, album: Path, desk: Path
) -> None:
    words = [] if output is None else ["-o", output]
    outcome = call("probe", "distance", exported("plain"), album, *words)
    assert outcome.code == 1
    assert len(outcome.errors) == 2
    assert f"{album / '03.png'} is not a picture" in outcome.errors[0]
    assert outcome.errors[1] == "1 of 11 pictures skipped; the others are done."
    for error in outcome.errors:
        assert_plain(error)
    assert [file.name for file in desk.iterdir()] == [output or "plain.distance.png"]
    if output == "x.npz":
        assert read(output)["skipped"].tolist() == [str(album / "03.png")]
        assert read(output)["count"] == 10
    if output == "x.json":
        saved = json.loads(Path(output).read_text())
        assert (saved["skipped"], saved["count"]) == ([str(album / "03.png")], 10)


def test_without_an_output_a_figure_and_a_table(
    call: Call, exported: Exported, album: Path
) -> None:
    outcome = call("probe", "distance", exported("plain"), *good(album))
    assert (outcome.code, outcome.errors) == (0, [])
    title, heading, *rows, file = outcome.out.splitlines()
    assert title == "tiny_plain: mean attention distance (pixels); pictures: 10"
    assert heading.split() == ["block", "head", "0", "1", "2"]
    printed = np.array([[float(cell) for cell in row.split()] for row in rows])
    mean = expected(exported("plain"), good(album)).mean(axis=0)
    np.testing.assert_array_equal(printed[:, 0], [0, 1])
    np.testing.assert_allclose(printed[:, 1:], mean, atol=0.051)  # one digit after the point
    assert file == "plain.distance.png"
    with Image.open(file) as picture:
        assert picture.width > 1000


def test_models_side_by_side(call: Call, exported: Exported, album: Path) -> None:
    one, two, files = exported("plain"), exported("registers"), good(album)
    outcome = call("probe", "distance", one, *files, "--compare", two, "-o", "x.npz")
    assert (outcome.code, outcome.errors) == (0, [])
    saved = read("x.npz")
    assert saved["models"].tolist() == ["tiny_plain", "tiny_registers"]
    assert saved["count"].tolist() == [10, 10]
    for model, file in enumerate([one, two]):
        values = expected(file, files)
        np.testing.assert_allclose(saved["mean"][model], values.mean(axis=0), rtol=1e-13)
    call("probe", "distance", one, *files, "--compare", two, "-o", "x.csv")
    with Path("x.csv").open(newline="", encoding="utf-8") as table:
        assert len(list(csv.reader(table))) == 1 + 2 * 2 * 3
    outcome = call("probe", "distance", one, *files, "--compare", two)
    assert outcome.out.splitlines()[-1] == "plain-registers.distance.png"


def test_models_of_one_name_are_called_by_their_files(
    call: Call, exported: Exported, album: Path, desk: Path
) -> None:
    twin = desk / "twin.onnx"
    twin.write_bytes(exported("plain").read_bytes())
    call("probe", "distance", exported("plain"), *good(album), "--compare", twin, "-o", "x.npz")
    assert read("x.npz")["models"].tolist() == [str(exported("plain")), str(twin)]
    outcome = call("probe", "distance", twin, album, "--compare", twin)
    assert_refused(outcome, 2, "given twice")


def test_limit_takes_the_first_pictures(call: Call, exported: Exported, album: Path) -> None:
    call("probe", "distance", exported("plain"), album, "--limit", 3, "-o", "x.npz")
    assert read("x.npz")["files"].tolist() == [str(album / f"{n:02d}.png") for n in range(3)]


def test_a_seed_takes_a_sample_which_is_the_same_each_time(
    call: Call, exported: Exported, album: Path
) -> None:
    def sample(seed: int) -> list[str]:
        call(
            *("probe", "distance", exported("plain"), *good(album)),
            *("--limit", 5, "--seed", seed, "-o", "x.npz"),
        )
        files: list[str] = read("x.npz")["files"].tolist()
        return files

    samples = [sample(seed) for seed in range(4)]
    assert samples[2] == sample(2)
    assert len({tuple(one) for one in samples}) > 1
    for one in samples:
        assert len(set(one)) == 5
        assert one == sorted(one)


@pytest.mark.parametrize("name", ["list.txt", "@list.txt", "@list"])
def test_a_list_of_pictures(name: str, call: Call, exported: Exported, album: Path) -> None:
    files = good(album)[::-1]
    Path(name.removeprefix("@")).write_text("\n".join(map(str, files)) + "\n")
    assert call("probe", "distance", exported("plain"), name, "-o", "x.npz").code == 0
    assert read("x.npz")["files"].tolist() == [str(file) for file in files]


def test_globs_and_folders_together(call: Call, exported: Exported, album: Path) -> None:
    inputs = [album / "deep", f"{album}/0[01].png"]
    call("probe", "distance", exported("plain"), *inputs, "-o", "x.npz")
    names = [Path(file).name for file in read("x.npz")["files"].tolist()]
    assert names == ["07.png", "08.png", "09.png", "10.png", "00.png", "01.png"]


def test_another_size(call: Call, exported: Exported, album: Path) -> None:
    call("probe", "distance", exported("plain"), *good(album), "--size", "24x88", "-o", "x.npz")
    results = vx.Engine(exported("plain"), device="cpu", size=(24, 88)).probe(
        good(album), vx.Distance()
    )
    mean = np.mean([result.distance for result in results], axis=0)
    np.testing.assert_allclose(read("x.npz")["mean"], mean, rtol=1e-13)


def test_chosen_blocks_are_drawn(call: Call, exported: Exported, album: Path) -> None:
    words = ["probe", "distance", exported("plain"), *good(album), "-o", "x.svg"]
    call(*words)
    usual = Path("x.svg").read_text()
    assert call(*words, "--block", "-1").code == 0
    assert Path("x.svg").read_text() != usual


def test_strict_fails_at_the_first_bad_picture(
    call: Call, exported: Exported, album: Path, desk: Path
) -> None:
    outcome = call("probe", "distance", exported("plain"), album, "--strict", "-o", "x.npz")
    assert_refused(outcome, 1, str(album / "03.png"), "not a picture")
    assert not list(desk.iterdir())


def test_nothing_but_bad_pictures(call: Call, exported: Exported, album: Path, desk: Path) -> None:
    outcome = call("probe", "distance", exported("plain"), album / "03.png", "nowhere.png")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.errors[-1] == "2 of 2 pictures skipped."
    assert not list(desk.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["empty"], 2, "empty holds no pictures"),
        (["*.jpg"], 2, "*.jpg matches no pictures"),
        (["missing.txt"], 2, "There is no list of pictures missing.txt"),
        (["@missing"], 2, "There is no list of pictures missing"),
        (["empty.txt"], 2, "empty.txt lists no pictures"),
        (["ALBUM", "--seed", "3"], 2, "--limit"),
        (["ALBUM", "--limit", "0"], 2, "--limit"),
        (["ALBUM", "--block", "2"], 2, "no block 2"),
        (["ALBUM", "--compare", "missing.onnx"], 1, "no file missing.onnx"),
        (["ALBUM", "-o", "x.xlsx"], 2, "can't write x.xlsx: its suffix must be .png"),
        (["ALBUM", "-o", "nowhere/x.png"], 2, "nowhere does not exist"),
        (["ALBUM", "-o", "x.json", "--resume", "./x.json"], 2, "both the output and the state"),
        (["ALBUM", "--resume", "nowhere/state.json"], 2, "nowhere does not exist"),
        (["ALBUM", "--resume", "empty"], 2, "can't write empty: it is a folder"),
        (["ALBUM", "--resume", "list.json"], 1, "holds no state"),
    ],
)
def test_wrong_calls(
    words: list[str],
    code: int,
    part: str,
    call: Call,
    exported: Exported,
    album: Path,
    desk: Path,
) -> None:
    (desk / "empty").mkdir()
    (desk / "empty.txt").touch()
    (desk / "list.json").write_text("[]")
    before = contents(desk)
    words = [str(album) if word == "ALBUM" else word for word in words]
    assert_refused(call("probe", "distance", exported("plain"), *words), code, part)
    assert contents(desk) == before


def test_the_pictures_are_not_overwritten(call: Call, exported: Exported, album: Path) -> None:
    before = contents(album)
    outcome = call("probe", "distance", exported("plain"), album, "-o", album / "01.png")
    assert_refused(outcome, 2, "one of the inputs")
    assert contents(album) == before


@pytest.mark.skipif(sys.platform != "linux", reason="has no such folder")
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    call: Call, exported: Exported, album: Path
) -> None:
    """Nobody, root included, writes in this folder."""
    outcome = call("probe", "distance", exported("plain"), album, "-o", "/proc/x.npz")
    assert_refused(outcome, 1, "can't write /proc/x.npz")


def test_pictures_that_one_model_alone_takes_are_said(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = unresizable(exported("plain"), desk / "fixed.onnx")
    own = {"resize": None, "crop": 1.0, "size": (40, 56), "multiple": 8}
    with_recipe(fixed, desk / "own.onnx", **own)
    slopes(53, 71).save(desk / "fits.png")
    slopes(30, 90).save(desk / "wide.png")
    words = ["fits.png", "wide.png", "--compare", "own.onnx", "-o", "d.json", "--device", "cpu"]
    assert main(["probe", "distance", str(exported("pooled")), *words]) == 1
    error = capsys.readouterr().err
    assert "1 of the pictures are counted by some of the models and skipped by others" in error


@pytest.mark.parametrize("how", ["symbolic", "hard", "other spelling"])
@pytest.mark.parametrize("there", [True, False])
def test_output_and_state_are_two_files(
    how: str, there: bool, call: Call, exported: Exported, album: Path, desk: Path
) -> None:
    usual = ["probe", "distance", exported("plain"), album]
    state, output = desk / "s.json", desk / "o.json"
    if there:
        call(*usual, "--resume", state, "-o", "x.json")
        (desk / "x.json").unlink()
    if how == "symbolic":
        output.symlink_to(state)
    elif how == "hard":
        if not there:
            pytest.skip("there is nothing to link")
        output.hardlink_to(state)
    else:
        (desk / "deep").mkdir()
        output = desk / "deep" / ".." / "s.json"
    before = contents(desk)
    outcome = call(*usual, "--resume", state, "-o", output)
    assert_refused(outcome, 2, "both the output and the state")
    assert contents(desk) == before
