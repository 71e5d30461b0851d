"""``vitonnx report``: one page, no network, everything on it."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from PIL import Image

import vitonnx as vx
from media.video_files import cut, frames, write_video
from recipes import slopes, unresizable, with_recipe
from terminal import contents
from vitonnx.cli import main
from vitonnx.cli._report_findings import _answers, find, settle_probes
from vitonnx.graph import read_manifest, write_manifest
from vitonnx.probes import Probe

Exported = Callable[[str], Path]


class Page(HTMLParser):
    """What a browser would be asked to show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.descriptions: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.addresses += [str(named[key]) for key in ("src", "href") if key in named]
        if tag in ("img", "video"):
            self.descriptions.append(named.get("alt") or named.get("aria-label") or "")

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures, and one that is none."""
    generator = np.random.default_rng(0)
    for name, size in (("a<b.png", (61, 83, 3)), ("wide.png", (47, 190, 3))):
        Image.fromarray(generator.integers(0, 256, size, dtype=np.uint8)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_that_lacks_the_weights_has_a_page(desk: Path, exported: Exported) -> None:
    """As some that were tapped do: rotary positions, and patches embedded in whole numbers."""
    model = ir.load(exported("plain"))
    for name in ("patch_embed/kernel", "position_embedding"):
        weight = model.graph.initializers.pop(name)
        weight.name = f"another {name}"
        model.graph.initializers.add(weight)
    bare = replace(read_manifest(model), position_grid=None, position_prefix=())
    write_manifest(model, bare)
    ir.save(model, desk / "bare.onnx")
    asked = ["--probe", "filters", "--probe", "positions"]
    assert main(["report", "bare.onnx", "wide.png", *asked, "-o", "r.html", "--quiet"]) == 0
    words = Page((desk / "r.html").read_text(encoding="utf-8")).words
    assert words.count("there are none to show") == 2


def test_a_page_of_two_models(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "text.png").write_text("no picture")
    plain, pooled = str(exported("plain")), str(exported("pooled"))
    words = ["a<b.png", "wide.png", "text.png", "--compare", pooled, "--show", "1"]
    assert main(["report", plain, *words, "-o", "r.html"]) == 1
    out, err = capsys.readouterr()
    assert out.split() == ["r.html"]
    assert "text.png is not a picture" in err
    text = (desk / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    for word in ("tiny_plain", "tiny_pooled", "untrained", "a<b.png", "class ", "pictures: 2"):
        assert word in page.words
    assert "wide.png" not in page.words  # only one was asked to be shown
    # Heads of both models; a sheet of colours, similarity, attribution, classes, rollout and norms;
    # the histogram of norms; distance, entropy, filters, positions. Two pictures are too few for
    # CKA, which is said.
    assert page.tags.count("img") == 2 + 6 + 1 + 4
    assert "CKA needs at least 4 samples" in page.words
    assert all(page.descriptions)
    assert not re.search(r"(https?:)?//", re.sub(r"base64,[\w+/=]+", "", text))
    for address in page.addresses:
        assert address.startswith(("data:image/png;base64,", "#section-"))
    pictures = [address for address in page.addresses if address.startswith("data:")]
    for address in pictures:
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
            assert min(picture.size) > 100


def test_a_model_without_a_head_is_left_out_of_what_asks_for_classes(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, headless = str(exported("plain")), str(exported("headless"))
    asked = ["--probe", "attribution", "--probe", "lens"]
    words = ["wide.png", "--compare", headless, *asked, "-o", "both.html"]
    assert main(["report", plain, *words]) == 0
    text = (desk / "both.html").read_text(encoding="utf-8")
    for probe in ("Attribution", "Lens"):
        (section,) = re.findall(rf"<h2>{probe}</h2>(.*?)</section>", text, re.DOTALL)
        assert "tiny_headless: the model has no head" in section
        assert section.count("<img") == 1
    capsys.readouterr()
    # Alone, it has no such section, which is said once; what was asked for is an error.
    assert main(["report", headless, "wide.png", "-o", "one.html"]) == 0
    error = capsys.readouterr().err
    for name in ("attribution", "lens"):
        assert error.count(f"note: the report has no {name}: the model has no head") == 1
    assert "<h2>Lens</h2>" not in (desk / "one.html").read_text(encoding="utf-8")
    assert main(["report", headless, "wide.png", "--probe", "lens", "-o", "two.html"]) == 2
    assert "the model has no head" in capsys.readouterr().err
    assert not (desk / "two.html").exists()


def test_a_bad_first_picture_is_no_query(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    """Similarity is to a patch of the first picture that all models can read."""
    (desk / "0.png").write_text("no picture")
    words = ["0.png", "a<b.png", "wide.png", "--probe", "similarity", "-o", "r.html"]
    assert main(["report", str(exported("plain")), *words]) == 1
    error = capsys.readouterr().err
    assert error.endswith("error: 1 of 3 pictures skipped; the others are done.\n")
    assert Page((desk / "r.html").read_text(encoding="utf-8")).tags.count("img") == 1


def test_only_what_is_shown_is_asked_of_all(desk: Path, exported: Exported) -> None:
    """Whole results are of the first good pictures; later ones only add to totals."""
    (desk / "text.png").write_text("no picture")
    pictures = [desk / name for name in ("text.png", "a<b.png", "wide.png", "wide.png")]
    engines = {"plain": vx.Engine(exported("plain"), device="cpu")}
    probes: list[Probe[Any]] = [vx.Heads(), vx.Entropy()]
    asked = settle_probes(engines, probes, pictures, chosen=True, quiet=True)
    found = find(engines, asked, pictures, 1, quiet=True)
    assert [Path(models["plain"].file).name for models in found.shown] == ["a<b.png"]
    assert ["text.png" in str(error) for error in found.errors] == [True]
    assert found.totals["entropy"]["plain"].count == 3
    every = [Path(each["plain"].file).name for each in _answers(engines, pictures, asked, {}, 1)]
    assert every == [picture.name for picture in pictures]
    later = list(_answers(engines, pictures, asked, {}, 1))[-1]["plain"]
    assert "heads" not in later.values


def test_bad_calls(desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]) -> None:
    plain = str(exported("plain"))
    (desk / "empty").mkdir()
    (desk / "empty.html").mkdir()
    before = contents(desk)
    for words, reason in (
        (["wide.png", "-o", "r.pdf"], "must be .html for a report"),
        (["wide.png", "-o", "nowhere/r.html"], "does not exist"),
        (["wide.png", "-o", "r.html", "--compare", plain], "given twice"),
        (["wide.png", "-o", "r.html", "--video", "none.mp4"], "none.mp4"),
        (["empty", "-o", "r.html"], "empty holds no pictures"),
        (["*.tiff", "-o", "r.html"], "*.tiff matches no pictures"),
        (["wide.png", "-o", "empty"], "suffix must be .html"),
        (["wide.png", "-o", "empty.html"], "it is a folder"),
        (["wide.png", "-o", "/proc/r.html"], "can't write /proc/r.html"),
        (["wide.png", "--size", "41"], "patch size 8"),
    ):
        assert main(["report", plain, *words]) in (1, 2)
        error = capsys.readouterr().err
        assert reason in error
        assert "Traceback" not in error
    assert contents(desk) == before


def test_one_bad_picture_in_ten(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "album").mkdir()
    for number in range(10):
        shutil.copy(desk / "wide.png", desk / "album" / f"{number}.png")
    (desk / "album" / "6.png").write_text("no picture")
    asked = ["--probe", "distance", "--show", "0"]
    assert main(["report", str(exported("plain")), "album", *asked]) == 1
    out, err = capsys.readouterr()
    assert out == "plain.report.html\n"
    assert "6.png is not a picture" in err
    assert err.endswith("error: 1 of 10 pictures skipped; the others are done.\n")
    page = Page((desk / "plain.report.html").read_text(encoding="utf-8"))
    assert "pictures: 9" in page.words


def test_a_video_that_is_cut_off(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is there, and the exit code says that some of the work failed."""
    options = {"movflags": "faststart"}
    whole = write_video(desk / "w.mp4", frames(60, 163, 211), options=options)
    cut(whole, desk / "cut.mp4", 0.6)
    words = ["wide.png", "--video", "cut.mp4", "-q", "--probe", "heads", "-o", "r.html"]
    assert main(["report", str(exported("plain")), *words]) == 1
    out, err = capsys.readouterr()
    assert out == "r.html\n"
    assert re.fullmatch(r"error: cut\.mp4 is truncated or damaged: \d+ frames .*\n", err)
    page = Page((desk / "r.html").read_text(encoding="utf-8"))
    assert page.tags.count("video") == 1


def test_a_video_that_fails_costs_nothing_else(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "no.mp4").write_bytes(b"no video at all" * 100)
    words = ["wide.png", "-q", "-o", "r.html", "--video", "no.mp4"]
    asked = ["--probe", "heads", "--probe", "distance"]
    assert main(["report", str(exported("plain")), *words, *asked]) == 1
    out, err = capsys.readouterr()
    assert out == "r.html\n"
    assert err.startswith("error: The report has no video: can't open no.mp4")
    assert err.count("\n") == 1
    page = Page((desk / "r.html").read_text(encoding="utf-8"))
    assert page.tags.count("video") == 0
    assert "The report has no video" in page.words
    assert "Mean attention distance" in page.words


def test_a_video_on_a_model_of_one_size(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = unresizable(exported("plain"), desk / "fixed.onnx")
    write_video(desk / "w.mp4", frames(3, 46, 106))
    asked = ["--probe", "heads", "--device", "cpu"]
    words = ["wide.png", "--video", "w.mp4", *asked, "-o", "r.html"]
    assert main(["report", str(fixed), *words]) == 0
    assert "frames of 46x106 are padded" in capsys.readouterr().err
    assert main(["report", str(fixed), *words, "--fit", "cut"]) == 0
    assert "padded" not in capsys.readouterr().err
    assert main(["report", str(fixed), *words, "--fit", "stretch"]) == 2
    assert "cut, pad or squash" in capsys.readouterr().err
    page = Page((desk / "r.html").read_text(encoding="utf-8"))
    assert page.tags.count("video") == 1


def test_nothing_but_bad_pictures_is_no_page_of_results(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "text.png").write_text("no picture")
    words = ["missing.png", "text.png", "-o", "r.html"]
    assert main(["report", str(exported("plain")), *words]) == 1
    error = capsys.readouterr().err
    for reason in ("missing.png does not exist", "text.png is not a picture", "2 of 2 pictures"):
        assert reason in error
    assert not (desk / "r.html").exists()


def test_a_picture_that_one_model_alone_refuses(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is left out of all: what stands side by side is of the same pictures."""
    fixed = unresizable(exported("plain"), desk / "fixed.onnx")
    own = {"resize": None, "crop": 1.0, "size": (40, 56), "multiple": 8}
    with_recipe(fixed, desk / "own.onnx", **own)
    slopes(53, 71).save(desk / "fits.png")
    asked = ["--probe", "rollout", "--probe", "distance", "--device", "cpu"]
    words = ["wide.png", "fits.png", "--compare", "own.onnx", *asked, "-o", "r.html"]
    assert main(["report", str(exported("pooled")), *words]) == 1
    error = capsys.readouterr().err
    assert "wide.png" in error
    assert error.endswith("error: 1 of 2 pictures skipped; the others are done.\n")
    page = Page((desk / "r.html").read_text(encoding="utf-8"))
    assert "pictures: 1" in page.words
    assert "fits.png" in page.words
    assert "wide.png" not in page.words


def test_a_fit_without_a_video(
    desk: Path, exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(exported("plain")), "wide.png", "--fit", "cut"]) == 2
    assert "give --video" in capsys.readouterr().err
    assert not list(desk.glob("*.html"))


def test_what_was_asked_for_is_shown_or_nothing(desk: Path, exported: Exported) -> None:
    """The default shows what filters there are; a number that was asked for is kept."""
    plain = str(exported("plain"))
    words = ["report", plain, "wide.png", "-q", "-o", "r.html"]
    assert main([*words, "--probe", "filters:components=9999"]) == 0
    assert "there are none to show" in Path("r.html").read_text(encoding="utf-8")
