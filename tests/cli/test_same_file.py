"""No command writes over what it reads, by whatever name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx_ir as ir
import pytest

from media.video_files import frames, write_video
from terminal import Outcome, assert_refused, contents
from vitonnx.media import _same, first_among, same_file

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("probe heads m.onnx bird.png -o OUT.png", "bird.png"),
        ("probe heads m.onnx bird.png -o OUT.png", "m.onnx"),
        ("probe heads m.onnx bird.png", "m.onnx"),
        ("probe rollout m.onnx bird.png -o OUT.npz", "m.onnx"),
        ("probe distance m.onnx bird.png -o OUT.csv", "m.onnx"),
        ("probe distance m.onnx list.txt -o OUT.csv", "list.txt"),
        ("probe distance m.onnx @list.txt --resume OUT.json", "list.txt"),
        ("probe distance m.onnx bird.png --resume OUT.json", "m.onnx"),
        ("probe filters m.onnx -o OUT.png", "m.onnx"),
        ("probe video m.onnx walk.mp4 -o OUT.mp4", "m.onnx"),
        ("probe video m.onnx walk.mp4 -o OUT.mp4", "walk.mp4"),
        ("probe video m.onnx frames -o OUT.mp4", "frames/bird.png"),
        ("report m.onnx bird.png -o OUT.html", "bird.png"),
        ("report m.onnx bird.png --video walk.mp4 -o OUT.html", "walk.mp4"),
        ("bake m.onnx --probe rollout -o OUT.onnx", "m.onnx"),
        (
            "bake m.onnx --probe rollout --precision int8 --calibrate bird.png -o OUT.onnx",
            "bird.png",
        ),
        ("tap m.onnx --preprocess half -o OUT.onnx", "m.onnx"),
        ("export --config tiny.json --weights random -o OUT.onnx", "tiny.json"),
    ],
)
def test_a_link_is_what_it_leads_to(
    link: Callable[[str, str], None],
    line: str,
    read: str,
    call: Call,
    exported: Exported,
    described: str,
    pictures: Path,
    desk: Path,
) -> None:
    shutil.copy(exported("plain"), "m.onnx")
    shutil.copy(pictures / "landscape.png", "bird.png")
    (desk / "frames").mkdir()
    shutil.copy("bird.png", "frames")
    (desk / "list.txt").write_text("bird.png\n")
    write_video(desk / "walk.mp4", frames(2))
    words = line.split()
    out = next((word for word in words if "OUT" in word), "bird.heads.png")
    link(str(desk / read), out)
    before = contents(desk)
    assert_refused(call(*words), 2, "it is one of the inputs")
    assert contents(desk) == before


def test_names_of_what_is_not_there_yet(desk: Path) -> None:
    (desk / "deep").mkdir()
    (desk / "link").symlink_to("a.json")
    assert same_file("a.json", "deep/../a.json")
    assert same_file("a.json", "link")
    assert not same_file("a.json", "b.json")
    assert not same_file("a.json", "deep/a.json")
    assert first_among(["b.json", "a.json"], ["link", "c.json"]) == "a.json"
    (desk / "x.json").touch()
    if (desk / "X.json").exists():  # where capitals are the same
        assert same_file("A.json", "a.json")
    else:
        assert not same_file("A.json", "a.json")


def test_each_of_many_inputs_is_looked_up_once(
    call: Call, exported: Exported, pictures: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million, each time takes seconds on a disk, and minutes on a network drive."""
    asked: list[str] = []
    look = _same._stat

    def counted(path: str | os.PathLike[str]) -> os.stat_result | None:
        asked.append(Path(path).name)
        return look(path)

    monkeypatch.setattr(_same, "_stat", counted)
    shutil.copy(pictures / "landscape.png", "bird.png")
    model = str(exported("plain"))
    done = call("probe", "distance", model, "bird.png", "--resume", "s.json", "-o", "d.json")
    assert done.code == 0
    assert asked.count("bird.png") == 1


def test_what_an_interrupt_would_leave_is_no_input(
    call: Call, exported: Exported, desk: Path
) -> None:
    """The partial video of the run before may be the video of this one."""
    shutil.copy(exported("plain"), "m.onnx")
    write_video(desk / "walk.partial.mp4", frames(2))
    before = contents(desk)
    line = "probe video m.onnx walk.partial.mp4 -o walk.mp4"
    assert_refused(call(*line.split()), 2, "can't write walk.partial.mp4: it is one of the inputs")
    assert contents(desk) == before


@pytest.mark.parametrize(
    "line",
    [
        "bake m.onnx --probe rollout -o w.json",
        "probe distance m.onnx bird.png -o w.json",
        "probe distance m.onnx bird.png --resume w.json",
        "report m.onnx bird.png -o w.html",
    ],
)
def test_weights_beside_a_model_are_read_too(
    line: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    weights = line.split()[-1]
    ir.save(ir.load(exported("plain")), "m.onnx", external_data=weights)
    shutil.copy(pictures / "landscape.png", "bird.png")
    before = contents(desk)
    assert_refused(call(*line.split()), 2, f"can't write {weights}: it is one of the inputs")
    assert contents(desk) == before
