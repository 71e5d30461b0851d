"""A probe in somebody else's package has every surface; one that is bad is named, and no more."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from media.video_files import even, frames, look, write_video
from probes.installed_probes import BAD, FAULTY, commands, install, install_bad, install_good
from terminal import Outcome, assert_plain, assert_refused, finished

Exported = Callable[[str], Path]
Shell = Callable[..., list[Outcome]]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_good(tmp_path_factory.mktemp("good") / "site")


@pytest.fixture
def desk(desk: Path) -> Path:
    """A folder with two pictures and a video."""
    generator = np.random.default_rng(37)
    for name, sides in (("a.png", (61, 83)), ("b.png", (97, 53))):
        Image.fromarray(generator.integers(0, 256, (*sides, 3), np.uint8)).save(name)
    write_video(desk / "walk.mp4", frames(3), even(3))
    return desk


def test_good_probes_have_every_surface(good: Path, exported: Exported, desk: Path) -> None:
    model = exported("registers")
    usual = ("--quiet", "--device", "cpu")
    works: list[tuple[object, ...]] = [
        ("probe", "near", model, "a.png", "-o", "near.png", *usual),
        ("probe", "near", model, "a.png", "b.png", "--power", "2", "-o", "near.npz", *usual),
        ("probe", "peak", model, "a.png", "b.png", "-o", "peak.csv", *usual),
        ("probe", "peak", model, "a.png", "b.png", "--resume", "s.json", "-o", "p.npz", *usual),
        ("probe", "length", model, "a.png", "-o", "length.npz", *usual),
        ("probe", "gram", model, "--first", "3", "-o", "gram.npz", "--quiet"),
        ("probe", "gram", model, "-o", "gram.png", "--quiet"),
        # Shared with heads, whose option it is, too; the other is one's own.
        (
            *("bake", model, "--probe", "near:power=2", "--probe", "heads", "--block", "0"),
            *("--probe", "peak", "--squared", "-o", "baked.onnx", "--quiet"),
        ),
        ("probe", "video", model, "walk.mp4", "--probe", "near:block=0", "-o", "n.mp4", *usual),
        ("probe", "video", model, "walk.mp4", "--probe", "length", "-o", "l.mp4", *usual),
        (
            *("report", model, "a.png", "-o", "r.html", *usual),
            *(f"--probe={name}" for name in ("near", "peak", "length", "gram")),
        ),
        ("probe", "--help"),
        ("probe", "near", "--help"),
    ]
    outcomes = commands(good, *works)
    assert [(outcome.code, outcome.err) for outcome in outcomes] == [(0, "")] * len(works)
    for name in ("near", "peak", "length", "gram"):
        assert re.search(rf"│ {name} ", outcomes[-2].out)
    assert "Raise weights to this power." in outcomes[-1].out
    with np.load("near.npz") as stored:
        assert stored["near"].shape == (2, 5, 7)
        assert stored["near"].min() > 0
    with np.load("p.npz") as stored:
        assert (stored["mean"].shape, int(stored["count"])) == ((2, 3), 2)
    with np.load("gram.npz") as stored:
        assert stored["gram"].shape == (3, 3)
    session = onnxruntime.InferenceSession("baked.onnx", providers=["CPUExecutionProvider"])
    shapes = {output.name: tuple(output.shape[1:]) for output in session.get_outputs()}
    assert shapes == {"near": (5, 7), "heads": (3, 5, 7), "peak": (2, 3)}
    pixels = np.random.default_rng(3).integers(0, 256, (2, 40, 56, 3), np.uint8)
    near, heads = session.run(["near", "heads"], {"images": pixels})
    # Both took block 0, and heads looks from the first token as well.
    np.testing.assert_allclose(near, heads.mean(axis=1) ** 2, rtol=1e-4)
    assert [len(look(Path(name)).pictures) for name in ("n.mp4", "l.mp4")] == [3, 3]
    assert Path("r.html").read_text().count("<img") == 4


def test_what_good_probes_can_not(good: Path, exported: Exported, desk: Path) -> None:
    model, before = exported("registers"), sorted(desk.iterdir())
    video = ("probe", "video", model, "walk.mp4", "-o", "o.mp4", "--quiet")
    report = ("report", model, "a.png", "-o", "r.html", "--quiet")
    refused: list[tuple[str, tuple[object, ...]]] = [
        ("length", ("bake", model, "--probe", "length", "-o", "o.onnx")),
        ("gram", ("bake", model, "--probe", "gram", "-o", "o.onnx")),
        ("maps", (*video, "--probe", "peak")),
        ("maps", (*video, "--probe", "gram")),
        ("a.png", ("probe", "gram", model, "a.png")),
        ("--resume", ("probe", "near", model, "a.png", "--resume", "s.json")),
        ("power", (*report, "--probe", "near:power=0.25")),
        ("power", ("probe", "near", model, "a.png", "--power", "5")),
        ("sides", (*report, "--probe", "near:sides=right")),
        ("no block 9", (*report, "--probe", "near:block=9")),
        ("Did you mean near?", (*report, "--probe", "neer")),
    ]
    outcomes = commands(good, *(words for _, words in refused))
    for (part, _), outcome in zip(refused, outcomes, strict=True):
        assert_refused(outcome, 2, part)
    assert sorted(desk.iterdir()) == before


@pytest.mark.parametrize("name", BAD)
def test_a_bad_probe_is_named_and_stops_nothing(
    name: str, exported: Exported, desk: Path, tmp_path: Path
) -> None:
    site = install_bad(install_good(tmp_path / "site"), name)
    model = exported("plain")
    heads, near, help_ = commands(
        site,
        ("probe", "heads", model, "a.png", "-o", "heads.npz", "--device", "cpu", "--quiet"),
        ("probe", "near", model, "a.png", "-o", "near.npz", "--device", "cpu", "--quiet"),
        ("probe", "--help"),
    )
    assert (heads.code, heads.out) == (0, "heads.npz\n")
    # One line names it, once.
    (line,) = heads.err.splitlines()
    assert "can't be used" in line
    assert BAD[name][2] in line
    assert_plain(re.sub(r"\b\w+Error\b", "", line))
    assert (near.code, near.out, near.err) == (0, "near.npz\n", "")
    assert help_.code == 0
    assert re.search(r"│ near ", help_.out)
    with np.load("heads.npz") as stored:
        assert stored["attention"].shape == (1, 3, 5, 7)  # the one inside


def test_all_bad_ones_at_once(exported: Exported, desk: Path, tmp_path: Path) -> None:
    site = install_bad(install_good(tmp_path / "site"))
    model = exported("plain")
    words = ("--probe", "heads", "--probe", "near", "--device", "cpu", "--quiet")
    report, asked, other = commands(
        site,
        ("report", model, "a.png", "-o", "r.html", *words),
        ("bake", model, "--probe", "broken", "-o", "o.onnx"),
        ("inspect", model),
    )
    assert (report.code, report.out) == (0, "r.html\n")
    lines = report.err.splitlines()
    assert len(lines) == len(BAD)
    assert all("can't be used" in line for line in lines)
    assert_refused(asked, 2, "broken")
    assert other.code == 0
    assert "can't be used" not in other.err  # it asks no probe


def test_two_packages_of_one_name(exported: Exported, desk: Path, tmp_path: Path) -> None:
    from probes.installed_probes import GOOD

    site = install_good(tmp_path / "site")
    install(site, "zweite", GOOD, {"near": "Near"})
    (outcome,) = commands(
        site, ("probe", "near", exported("plain"), "a.png", "-o", "o.npz", "--device", "cpu")
    )
    assert outcome.code == 0
    (line,) = [each for each in outcome.err.splitlines() if "can't be used" in each]
    assert "'near' is taken" in line
    assert "zweite" in line


def test_a_faulty_probe_is_named(exported: Exported, desk: Path, tmp_path: Path) -> None:
    names = {"whole": "Whole", "stumbles": "Stumbles", "flat": "Flat"}
    site = install(install_good(tmp_path / "site"), "faulty", FAULTY, names)
    model, before = exported("plain"), sorted(desk.iterdir())
    usual, both = ("--device", "cpu", "--quiet"), ("a.png", "b.png")
    video = ("probe", "video", model, "walk.mp4", "-o", "o.mp4", *usual)
    refused: list[tuple[int, str, tuple[object, ...]]] = [
        (2, "-o whole.npz", ("probe", "whole", model, *both, "-o", "o.png", *usual)),
        (1, "stumbles (faulty) failed", ("probe", "stumbles", model, *both, *usual)),
        (1, "stumbles (faulty) failed", (*video, "--probe", "stumbles")),
        (1, "flat found no maps of shape (1, 5, 7)", (*video, "--probe", "flat")),
        (2, "--word 'x' can't be used", ("probe", "flat", model, "a.png", "--word", "x", *usual)),
    ]
    outcomes = commands(site, *(words for *_, words in refused))
    for (code, part, _), outcome in zip(refused, outcomes, strict=True):
        said = re.sub(r"\bKeyError\b", "", outcome.err)
        assert_refused(Outcome(outcome.code, outcome.out, said), code, part)
    assert sorted(desk.iterdir()) == before


def test_python_finds_them_by_name(good: Path) -> None:
    path = os.pathsep.join([str(good), os.environ.get("PYTHONPATH", "")])
    program = (
        "import numpy as np; import vitonnx as vx; from good import Near, Peak, Gram;"
        "from vitonnx.probes import find_probe; assert find_probe('near') is Near;"
        "p = np.random.default_rng(3).integers(0, 256, (53, 71, 3), np.uint8);"
        "e = vx.Engine('scenes_vit', device='cpu');"
        "(r,) = e.probe(p, [Near(), Peak(), vx.Heads()]);"
        "print(r.near.near.shape, r['peak'].peak.shape, e.probe_weights(Gram()).gram.shape);"
        "r.near.plot(); vx.plot([r], probe='near')"
    )
    done = finished([sys.executable, "-c", program], PYTHONPATH=path)
    assert (done.code, done.err) == (0, "")
    assert done.out.split("\n")[0].startswith("(6, 6)")
