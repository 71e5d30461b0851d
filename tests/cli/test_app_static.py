"""`vitonnx app --static`: a folder as docs/page.md describes it, or a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.browser_folder import runtime_folder
from terminal import Outcome, assert_plain, contents
from vitonnx.app._static import _copy_page
from vitonnx.cli import main

Call = Callable[..., Outcome]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("web") / "site"
    words = ["app", "scenes_dino", "--static", str(site), "--runtime", str(runtime_folder())]
    assert main([*words, "--space", "--precision", "int8", "--precision", "fp16"]) == 0
    return site


@pytest.mark.page
def test_a_folder_has_all_that_a_visitor_needs(written: Path) -> None:
    catalogue = json.loads((written / "catalogue.json").read_text())
    (model,) = catalogue["models"]
    assert [file["precision"] for file in model["files"]] == ["int8", "fp16"]
    named = re.findall(r'"((?:models|examples)/[^"]+)"', (written / "catalogue.json").read_text())
    assert {place for place in named if not (written / place).is_file()} == set()
    assert {file.suffix for file in (written / "runtime").iterdir()} == {".mjs", ".wasm"}
    assert (written / "README.md").read_text().startswith("---\n")
    assert "sdk: static" in (written / "README.md").read_text()
    assert not (written / "served.js").exists()
    recorded = (written / ".vitonnx-page").read_text()
    assert all(name in recorded for name in contents(written) if name != ".vitonnx-page")


def test_a_cdn_is_the_only_stranger(tmp_path: Path) -> None:
    _copy_page(tmp_path, cdn=True)
    (policy,) = re.findall(r'content="(default-src[^"]+)"', (tmp_path / "index.html").read_text())
    strangers = [rule for rule in policy.split(";") if "https:" in rule]
    assert [rule.split()[0] for rule in strangers] == ["script-src", "connect-src"]
    assert set(re.findall(r"https:[^\s;]+", policy)) == {"https://cdn.jsdelivr.net"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--static other", "other holds files that vitonnx didn't write"),
        ("--static site --runtime other", "has no dist/ort.wasm.min.mjs of onnxruntime-web 1.30.0"),
        ("--static site --host 0.0.0.0", "omit them with --static"),
        ("--static site --precision int4", "int4"),
        ("--space", "give that, too"),
        ("--cdn", "give that, too"),
        ("--precision int8 --precision fp16", "give --precision once"),
        ("--export-space space", "--static DIR --space"),
    ],
)
def test_a_call_that_is_refused(words: str, said: str, call: Call, desk: Path) -> None:
    (desk / "other").mkdir()
    (desk / "other" / "diary.txt").write_text("Dear page")
    outcome = call("app", *words.split())
    assert outcome.code == 2
    (error,) = outcome.errors
    assert said in error
    assert_plain(error)
    assert [*contents(desk)] == ["other", "other/diary.txt"]


def test_a_size_that_fits_is_named(call: Call, desk: Path) -> None:
    words = ["app", "scenes_vit", "--static", "site", "--runtime", "nowhere"]
    (error,) = call(*words, "--size", "480x480").errors
    assert "more than the 256 MB of a page" in error
    (fits,) = re.findall(r"give --size (\d+x\d+)", error)
    (error,) = call(*words, "--size", fits).errors
    assert error.startswith("--runtime nowhere has no")  # which is looked for next
