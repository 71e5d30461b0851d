"""``vitonnx probe video``: every option, every bad input, and Ctrl-C."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.video_files import cut, even, frames, look, uneven, write_song, write_video
from recipes import unresizable
from terminal import Outcome, assert_plain, assert_refused, contents, interrupt

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of pictures of odd sizes at uneven times, with sound."""
    path = tmp_path_factory.mktemp("videos") / "video.mp4"
    return write_video(path, frames(13), uneven(13), sound="aac")


def probe(call: Call, model: Path, *words: str | Path) -> Outcome:
    return call("probe", "video", model, *words, "-o", "o.mp4", "--device", "cpu")


def assert_done(outcome: Outcome) -> None:
    assert (outcome.code, outcome.out, outcome.errors) == (0, "o.mp4\n", [])


def test_a_video_of_maps(call: Call, exported: Exported, video: Path, desk: Path) -> None:
    outcome = probe(call, exported("plain"), video)
    assert_done(outcome)
    assert outcome.notes == ["the weights are random: the maps of an untrained model mean nothing."]
    assert list(contents(desk)) == ["o.mp4"]
    original, written = look(video), look(desk / "o.mp4")
    assert (written.codec, written.pixel_format) == ("h264", "yuv420p")
    assert written.size == (54, 72)
    pairs = zip(written.times, original.times, strict=True)
    assert max(abs(one - other) for one, other in pairs) <= Fraction(1, 1000)
    assert written.sound == original.sound


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["--probe", "rollout", "--fusion", "max", "--discard", "0.5"], (54, 72)),
        (["--block", "0", "--query", "20,30", "--head", "2"], (54, 72)),
        (["--query", "mean", "--short-side", "24", "--scale", "frame"], (54, 72)),
        (["--style", "heatmap", "--colormap", "viridis", "--scale", "fixed"], (54, 72)),
        (["--style", "side-by-side", "--opacity", "0.5", "--smooth", "4"], (54, 146)),
        (["--threads", "1", "--start", "0.2", "--end", "0:00:00.7", "--every", "2"], (54, 72)),
    ],
)
def test_every_option(
    words: list[str],
    size: tuple[int, int],
    call: Call,
    exported: Exported,
    video: Path,
    desk: Path,
) -> None:
    outcome = probe(call, exported("registers"), video, "--quiet", *words)
    assert_done(outcome)
    assert outcome.err == ""
    written, original = look(desk / "o.mp4"), look(video)
    assert written.size == size
    wanted = original.times
    if "--start" in words:
        wanted = [at - Fraction("0.2") for at in wanted if 0.2 <= at < 0.7][::2]
    assert len(written.times) == len(wanted)
    assert max(abs(a - b) for a, b in zip(written.times, wanted, strict=True)) <= 1e-3


def test_a_model_that_takes_one_size(call: Call, exported: Exported, desk: Path) -> None:
    video = write_video(desk / "wide.mp4", frames(3, 46, 106), even(3))
    fixed = unresizable(exported("plain"), desk / "fixed.onnx")
    outcome = probe(call, fixed, video)
    assert_done(outcome)
    (note,) = (note for note in outcome.notes if "padded" in note)
    assert "40x56 pixels and no others: frames of 46x106 are padded" in note
    assert look(desk / "o.mp4").size == (46, 106)
    for fit in ("cut", "pad", "squash"):
        outcome = probe(call, fixed, video, "--fit", fit, "--compare", exported("pooled"))
        assert_done(outcome)
        assert not any("padded" in note for note in outcome.notes)
    for words, named in (
        (["--short-side", "48"], "--short-side"),
        (["--fit", "cut", "--short-side", "48"], "--fit or --short-side"),
        (["--fit", "stretch"], "cut, pad or squash"),
    ):
        assert_refused(probe(call, fixed, video, *words), 2, named)


def test_models_are_compared(call: Call, exported: Exported, video: Path, desk: Path) -> None:
    others: list[str | Path] = ["--compare", exported("registers")]
    others += ["--compare", exported("pooled")]
    outcome = probe(call, exported("plain"), video, *others)
    assert_done(outcome)
    assert "of tiny_plain, tiny_registers, tiny_pooled are random" in outcome.notes[0]
    (picture, *_) = look(desk / "o.mp4").pictures
    assert picture.shape[1] == 4 * 72 + 3 * 2
    (original, *_) = look(video).pictures
    assert np.abs(picture[-54:, :72].astype(int) - original).mean() < 6


def test_a_mosaic(call: Call, exported: Exported, video: Path, desk: Path) -> None:
    assert_done(probe(call, exported("plain"), video, "--head", "all"))
    assert look(desk / "o.mp4").size[1] == 3 * 72 + 2 * 2


def test_several_probes(call: Call, exported: Exported, video: Path, desk: Path) -> None:
    words = ("--probe", "heads", "--probe", "rollout:fusion=max", "--block", "0", "--head", "1")
    outcome = call("probe", "video", exported("plain"), video, *words, "--quiet")
    assert (outcome.code, outcome.out) == (0, "video.heads-rollout.mp4\n")
    (picture, *_) = look(desk / "video.heads-rollout.mp4").pictures
    assert picture.shape[1] == 3 * 72 + 2 * 2
    for option, probe in (("--head", "rollout"), ("--discard", "heads")):
        refused = call("probe", "video", exported("plain"), video, "--probe", probe, option, "0")
        assert_refused(refused, 2, option.lstrip("-"))


def test_colours_and_classes(call: Call, exported: Exported, video: Path, desk: Path) -> None:
    words = ("--probe", "pca", "--probe", "lens", "--quiet", "--scale", "frame")
    outcome = call("probe", "video", exported("plain"), video, *words)
    assert (outcome.code, outcome.out) == (0, "video.pca-lens.mp4\n")
    written = look(desk / "video.pca-lens.mp4")
    assert len(written.pictures) == 13
    assert written.pictures[0].shape[0] > 54 + 2 * 17  # with titles and a legend


def test_a_folder_of_frames_and_a_gif(call: Call, exported: Exported, desk: Path) -> None:
    pictures = [Image.fromarray(picture) for picture in frames(11)]
    (desk / "frames").mkdir()
    for index, picture in enumerate(pictures):
        picture.save(desk / "frames" / f"{index}.png")
    assert_done(probe(call, exported("plain"), desk / "frames", "--fps", "10"))
    assert look(desk / "o.mp4").times == even(11, 10)
    lasting = [100, 50, 200, 30, 400]
    pictures[0].save(desk / "f.gif", save_all=True, append_images=pictures[1:5], duration=lasting)
    assert_done(probe(call, exported("plain"), desk / "f.gif"))
    written = look(desk / "o.mp4")
    assert [float(at) for at in written.times] == [0, 0.1, 0.15, 0.35, 0.38]
    assert written.seconds == pytest.approx(0.78)


def test_one_frame_in_ten_is_bad(call: Call, exported: Exported, desk: Path) -> None:
    (desk / "frames").mkdir()
    for index, picture in enumerate(frames(10)):
        Image.fromarray(picture).save(desk / "frames" / f"{index}.png")
    (desk / "frames" / "6.png").write_text("Dear frame")
    outcome = probe(call, exported("plain"), "frames")
    assert (outcome.code, outcome.out) == (1, "o.mp4\n")
    (error,) = outcome.errors
    assert error.startswith("1 of 10 frames in frames skipped; frames/6.png")
    assert_plain(error)
    times = look(desk / "o.mp4").times
    assert times == [at for at in even(10) if at != Fraction(6, 25)]


def test_a_cut_video(call: Call, exported: Exported, desk: Path) -> None:
    options = {"movflags": "faststart"}
    whole = write_video(desk / "w.mp4", frames(60, 163, 211), sound="aac", options=options)
    cut(whole, desk / "cut.mp4", 0.6)
    outcome = probe(call, exported("plain"), "cut.mp4")
    assert (outcome.code, outcome.out) == (1, "o.mp4\n")
    there = len(look(desk / "o.mp4").pictures)
    (error,) = outcome.errors
    assert error.startswith(f"cut.mp4 is truncated or damaged: {60 - there} frames couldn't be")
    assert_plain(error)
    assert 20 < there < 60


def test_sound_that_is_encoded_anew(call: Call, exported: Exported, desk: Path) -> None:
    write_video(desk / "f.mkv", frames(9), sound="pcm_s16le")
    outcome = probe(call, exported("plain"), "f.mkv")
    assert_done(outcome)
    assert "AAC" in outcome.notes[-1]
    assert look(desk / "o.mp4").sound_codec == "aac"


def test_one_frame(call: Call, exported: Exported, desk: Path) -> None:
    write_video(desk / "f.mp4", frames(1))
    assert_done(probe(call, exported("plain"), "f.mp4", "--smooth", "7"))
    assert len(look(desk / "o.mp4").pictures) == 1


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["--head", "3"], 2, ["no head 3", "0 to 2"]),
        (["--head", "first"], 2, ["first", "mean, all"]),
        (["--block", "9"], 2, ["no block 9"]),
        (["--query", "dist"], 2, ["dist"]),
        (["--query", "900,3"], 1, ["outside"]),
        (["--probe", "distance"], 2, ["distance gives no maps"]),
        (["--probe", "heads", "--probe", "heads"], 2, ["each kind of probe once"]),
        (["--probe", "heads:mass=0.5"], 2, ["heads has no option mass"]),
        (["--probe", "filters"], 2, ["filters"]),
        (["--fusion", "max"], 2, ["--fusion", "heads"]),
        (["--probe", "rollout", "--block", "1"], 2, ["--block", "rollout"]),
        (["--probe", "rollout", "--head", "all"], 2, ["rollout", "heads"]),
        (["--probe", "rollout", "--fusion", "sum"], 2, ["sum", "mean"]),
        (["--short-side", "50"], 2, ["50", "patch size 8", "48"]),
        (["--style", "mosaic"], 2, ["mosaic", "side-by-side"]),
        (["--colormap", "infernal"], 2, ["infernal", "inferno"]),
        (["--opacity", "2"], 2, ["2.0", "0 to 1"]),
        (["--scale", "auto"], 2, ["auto", "video, frame, fixed"]),
        (["--smooth", "0"], 2, ["smooth is 0"]),
        (["--every", "0"], 2, ["every is 0"]),
        (["--start", "soon"], 2, ["--start", "soon"]),
        (["--start", "2", "--end", "1"], 2, ["nothing in between"]),
        (["--start", "9"], 2, ["no frame in the requested range", "s long"]),
        (["--fps", "10"], 2, ["--fps"]),
        (["--fps", "0"], 2, ["--fps", "0.01"]),
        (["--compare", "missing.onnx"], 1, ["missing.onnx"]),
        (["-o", "o.avi"], 2, ["o.avi", ".mp4"]),
        (["-o", "nowhere/o.mp4"], 2, ["nowhere", "does not exist"]),
        (["-o", "folder.mp4"], 2, ["folder.mp4", "is a folder"]),
    ],
)
def test_bad_options(
    words: list[str],
    code: int,
    parts: list[str],
    call: Call,
    exported: Exported,
    video: Path,
    desk: Path,
) -> None:
    (desk / "folder.mp4").mkdir()
    (desk / "o.mp4").write_text("older")
    before = contents(desk)
    outcome = call("probe", "video", exported("plain"), video, "-q", "-o", "o.mp4", *words)
    assert_refused(outcome, code, *parts)
    assert contents(desk) == before


def test_by_default_the_video_names_it(
    call: Call, exported: Exported, video: Path, desk: Path
) -> None:
    (desk / "walk").mkdir()
    for index, picture in enumerate(frames(3)):
        Image.fromarray(picture).save(desk / "walk" / f"{index}.png")
    words = "--probe", "rollout", "-q"
    assert call("probe", "video", exported("plain"), video, "-q").out == "video.heads.mp4\n"
    assert call("probe", "video", exported("plain"), "walk/", *words).out == "walk.rollout.mp4\n"
    assert {"video.heads.mp4", "walk.rollout.mp4"} <= set(contents(desk))


def test_what_is_no_video(call: Call, exported: Exported, desk: Path, video: Path) -> None:
    def refused(name: str, code: int, *parts: str) -> None:
        before = contents(desk)
        outcome = call("probe", "video", exported("plain"), name, "-q", "-o", "o.mp4")
        assert_refused(outcome, code, name, *parts)
        assert contents(desk) == before

    refused("missing.mp4", 1, "There is no video")
    (desk / "empty.mp4").touch()
    refused("empty.mp4", 1, "empty")
    (desk / "text.mp4").write_text("Dear video")
    refused("text.mp4", 1, "not a video")
    cut(video, desk / "cut.mp4", 0.5)
    refused("cut.mp4", 1, "truncated")
    (desk / "folder").mkdir()
    refused("folder", 2, "no pictures")
    write_song(desk / "song.m4a")
    refused("song.m4a", 1, "no video stream")


def test_the_video_itself_is_not_overwritten(call: Call, exported: Exported, desk: Path) -> None:
    write_video(desk / "o.mp4", frames(3))
    before = contents(desk)
    assert_refused(probe(call, exported("plain"), "o.mp4", "-q"), 2, "would be lost")
    assert contents(desk) == before


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="only Linux has such a folder")
def test_where_not_even_root_may_write(call: Call, exported: Exported, video: Path) -> None:
    outcome = call("probe", "video", exported("plain"), video, "-q", "-o", "/sys/kernel/o.mp4")
    assert_refused(outcome, 1, "can't write /sys/kernel/o.mp4", "permission denied")


@pytest.mark.parametrize(("scale", "size"), [("video", 1500), ("fixed", 9000)])
def test_a_full_disk(
    scale: str, size: int, call: Call, exported: Exported, video: Path, desk: Path
) -> None:
    """It may be full of maps already, or only when the video is written."""
    (desk / "o.mp4").write_text("older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        outcome = probe(call, exported("plain"), video, "-q", "--scale", scale)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_refused(outcome, 1, "can't write o.mp4")
    assert contents(desk) == {"o.mp4": b"older"}


def long_video(path: Path) -> Path:
    return write_video(
        path, frames(12, 240, 420) * 50, sound="aac", options={"preset": "ultrafast"}
    )


@pytest.mark.parametrize("scale", ["video", "fixed"])
def test_ctrl_c_while_drawing(scale: str, exported: Exported, desk: Path) -> None:
    long_video(desk / "f.mkv")
    (desk / "o.mp4").write_text("older")
    words: list[str | Path] = ["probe", "video", exported("plain"), "f.mkv", "-o", "o.mp4"]
    outcome = interrupt(
        [*words, "--scale", scale],
        lambda: any(path.stat().st_size > 30_000 for path in desk.glob(".vitonnx-*/work/*.mp4")),
    )
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.errors == ["interrupted."]
    assert outcome.notes[-1] == "what was done until then is in o.partial.mp4."
    assert sorted(contents(desk)) == ["f.mkv", "o.mp4", "o.partial.mp4"]
    assert (desk / "o.mp4").read_text() == "older"
    written = look(desk / "o.partial.mp4")
    assert 0 < len(written.pictures) < 600
    assert written.times == even(len(written.times))
    assert written.sound == look(desk / "f.mkv").sound[: len(written.sound)]
    assert len(written.sound) > 0


def test_ctrl_c_before_drawing(exported: Exported, desk: Path) -> None:
    long_video(desk / "f.mkv")
    began = time.monotonic()
    words: list[str | Path] = ["probe", "video", exported("plain"), "f.mkv", "-q", "-o", "o.mp4"]
    # To start takes a second or two, and to look through the video some more.
    outcome = interrupt([*words, "--short-side", "96"], lambda: time.monotonic() - began > 1.5)
    assert outcome == Outcome(130, "", "error: interrupted.\n")
    assert list(contents(desk)) == ["f.mkv"]
