"""Videos in: every frame, upright, at its time."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from media.video_files import (
    cut,
    decodable,
    even,
    frames,
    turn,
    uneven,
    write_exactly,
    write_song,
    write_video,
)
from vitonnx.errors import UsageError, VideoError
from vitonnx.media.videos import Span, open_video


@pytest.mark.parametrize("times", [even(23), uneven(23, 1000)], ids=["even", "uneven"])
def test_every_frame_at_its_time(times: list[Fraction], tmp_path: Path) -> None:
    pictures = frames(23)
    video = open_video(write_exactly(tmp_path / "f.mkv", pictures, times, clock=1000))
    read = list(video.read())
    assert video.size == (53, 71)
    assert [frame.time for frame in read] == times
    for frame, picture in zip(read, pictures, strict=True):
        # Rounding, on the way through another order of colours.
        np.testing.assert_allclose(frame.pixels.astype(int), picture, atol=1)
    ends = [frame.time + frame.duration for frame in read]
    assert ends[:-1] == times[1:]
    assert ends[-1] > times[-1]
    assert video.complaint is None
    assert video.frames is not None
    assert video.frames == pytest.approx(23, rel=0.25)  # Matroska doesn't count them


def test_a_video_can_be_read_again(tmp_path: Path) -> None:
    video = open_video(write_exactly(tmp_path / "f.mkv", frames(5)))
    first, second = ([frame.pixels for frame in video.read()] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [(".mp4", "libx264", "aac"), (".webm", "libvpx-vp9", "libopus"), (".ts", "mpeg2video", "mp2")],
)
def test_containers_and_codecs(suffix: str, codec: str, sound: str, tmp_path: Path) -> None:
    clock = 25 if codec == "mpeg2video" else 12800
    path = write_video(tmp_path / f"f{suffix}", frames(13), codec=codec, sound=sound, clock=clock)
    video = open_video(path)
    read = list(video.read())
    assert len(read) == 13
    # Transport streams begin at any time, their sound a little before their pictures; Matroska
    # counts in milliseconds.
    steps = [float(frame.time - read[0].time) for frame in read]
    np.testing.assert_allclose(steps, np.arange(13) / 25, atol=0.001)
    assert 0 <= read[0].time < 0.1
    sound_of_it = video.sound()
    assert sound_of_it is not None
    with sound_of_it:
        pass


@pytest.mark.parametrize(
    ("matrix", "quarters", "mirrored"),
    [
        ((1, 0, 0, 1), 0, False),
        ((0, 1, -1, 0), -1, False),  # as a telephone that is held upright writes it
        ((-1, 0, 0, -1), 2, False),
        ((0, -1, 1, 0), 1, False),
        ((-1, 0, 0, 1), 0, True),  # mirrored, as some write what the front camera sees
        ((0, 1, 1, 0), -1, True),
    ],
)
def test_rotation_is_applied(
    matrix: tuple[int, int, int, int], quarters: int, mirrored: bool, tmp_path: Path
) -> None:
    (picture,) = frames(1, 54, 72)
    video = open_video(turn(write_video(tmp_path / "f.mp4", [picture] * 3), matrix))
    upright = np.rot90(picture, quarters)  # counterclockwise
    upright = upright[:, ::-1] if mirrored else upright
    assert video.size == upright.shape[:2]
    for frame in video.read():
        # H.264 loses some: the corner's sharp edge most of all.
        assert np.abs(frame.pixels.astype(int) - upright).mean() < 4


def test_pixels_become_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "f.mp4", frames(2, 54, 72), aspect=Fraction(4, 3))
    assert open_video(path).size == (54, 96)


@pytest.mark.parametrize("height", [54, 720])
def test_colours_without_a_name_are_those_of_their_size(height: int, tmp_path: Path) -> None:
    """Like players: the same numbers are other colours below and from 720 lines on."""
    planes = np.full((height * 3 // 2, 72), 128, np.uint8)
    planes[:height], planes[height + height // 4 :] = 120, 200  # a red
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    with av.open(str(tmp_path / "f.mp4"), "w") as output:
        track = output.add_stream("libx264", rate=25, options={"crf": "1"})
        track.height, track.width, track.pix_fmt = height, 72, "yuv420p"
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    red, green, _ = next(open_video(tmp_path / "f.mp4").read()).pixels[5, 5].astype(int)
    luma = 255 / 219 * (120 - 16)
    of_red, of_green = (1.402, 0.714) if height < 720 else (1.5748, 0.4681)
    chroma = 255 / 224 * (200 - 128)
    # Two roundings, and the encoder.
    assert (red, green) == pytest.approx((luma + of_red * chroma, luma - of_green * chroma), abs=4)


def test_a_gif_keeps_its_frames_and_their_times(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture) for picture in frames(5)]
    lasting = [100, 50, 200, 30, 400]
    pictures[0].save(
        tmp_path / "f.gif", save_all=True, append_images=pictures[1:], duration=lasting
    )
    video = open_video(tmp_path / "f.gif")
    read = list(video.read())
    assert [1000 * frame.duration for frame in read] == lasting
    assert video.size == (53, 71)
    assert video.sound() is None
    # 256 colours, and none of its frames is another's.
    for frame, picture in zip(read, pictures, strict=True):
        assert np.abs(frame.pixels.astype(int) - np.asarray(picture)).mean() < 9


def test_what_is_transparent_lies_over_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (71, 53), (255, 0, 0, 0))
    half = clear.copy()
    half.paste((255, 0, 0, 255), (0, 0, 30, 53))
    half.save(tmp_path / "f.gif", save_all=True, append_images=[half], duration=40, disposal=2)
    pixels = next(open_video(tmp_path / "f.gif").read()).pixels
    assert (pixels[20, 10].tolist(), pixels[20, 60].tolist()) == ([255, 0, 0], [255, 255, 255])


def folder_of(path: Path, count: int) -> Path:
    path.mkdir()
    for index, picture in enumerate(frames(count)):
        Image.fromarray(picture).save(path / f"f{index}.png")
    return path


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    video = open_video(folder_of(tmp_path / "video", 12), rate=Fraction(10))
    read = list(video.read())
    assert [frame.time for frame in read] == even(12, 10)
    assert read[-1].duration == Fraction(1, 10)
    np.testing.assert_array_equal([frame.pixels for frame in read], frames(12))
    assert (video.frames, video.complaint, video.sound()) == (12, None, None)


def test_a_bad_frame_in_a_folder_is_left_out_and_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "video", 10)
    (folder / "f0.png").write_text("no picture")
    Image.new("RGB", (30, 20)).save(folder / "f4.png")
    video = open_video(folder)
    read = list(video.read())
    assert [25 * frame.time for frame in read] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert 25 * read[2].duration == 2  # it is shown in the place of the bad one
    assert video.complaint is not None
    assert video.complaint.startswith(f"2 of 10 frames in {folder} skipped; ")
    assert "f0.png" in video.complaint


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_span(kind: str, tmp_path: Path) -> None:
    if kind == "file":
        # Key frames are far apart: to seek lands before the start.
        path = write_video(tmp_path / "f.mkv", frames(50), clock=1000, options={"g": "20"})
    else:
        path = folder_of(tmp_path / "video", 50)
    whole = [frame.pixels for frame in open_video(path).read()]
    span = Span(start=Fraction("0.3"), end=Fraction("1.5"), every=7)
    video = open_video(path, span)
    read = list(video.read())
    first = 8  # 0.32 s, the first at 0.3 s or later
    kept = list(range(first, 38, 7))
    assert [frame.time + span.shift for frame in read] == [Fraction(index, 25) for index in kept]
    np.testing.assert_array_equal([frame.pixels for frame in read], [whole[i] for i in kept])
    assert [25 * frame.duration for frame in read[:-1]] == [7] * (len(kept) - 1)
    assert read[-1].time + read[-1].duration <= Fraction("1.2")
    assert video.frames is not None
    assert abs(video.frames - len(kept)) <= 1
    assert video.complaint is None


def test_spans_that_can_not_be(tmp_path: Path) -> None:
    path = write_video(tmp_path / "f.mp4", frames(10))
    with pytest.raises(UsageError, match=r"0\.40 s long"):
        open_video(path, Span(start=Fraction(3)))
    with pytest.raises(UsageError, match="not after the start"):
        Span(start=Fraction(2), end=Fraction(2))
    with pytest.raises(UsageError, match="negative"):
        Span(start=Fraction(-1))
    with pytest.raises(UsageError, match="every is 0"):
        Span(every=0)
    with pytest.raises(UsageError, match="10 pictures last"):
        open_video(folder_of(tmp_path / "video", 10), Span(start=Fraction(3)))
    with pytest.raises(UsageError, match="rate of its own"):
        open_video(path, rate=Fraction(10))


@pytest.mark.parametrize("share", [0.35, 0.62, 0.9])
def test_a_cut_video_gives_what_can_be_decoded(share: float, tmp_path: Path) -> None:
    # The index in front, or else nothing of a cut .mp4 can be read.
    options = {"movflags": "faststart"}
    whole = write_video(tmp_path / "whole.mp4", frames(60, 163, 211), sound="aac", options=options)
    path = cut(whole, tmp_path / "cut.mp4", share)
    video = open_video(path)
    read = list(video.read())
    assert len(read) == decodable(path) < 60
    lost = 60 - len(read)
    assert video.complaint is not None
    assert f"cut.mp4 is truncated or damaged: {lost} frames couldn't be decoded" in video.complaint


def test_a_cut_video_whose_frames_nobody_counted(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", frames(60, 163, 211), sound="aac")
    path = cut(whole, tmp_path / "cut.mkv", 0.5)
    video = open_video(path)
    read = list(video.read())
    assert len(read) == decodable(path) < 60
    assert video.complaint is not None
    about = re.search(r"about (\d+) frames couldn't be decoded", video.complaint)
    assert about is not None
    # By its length, and the sound's packets end a little before or after the picture's.
    assert abs(int(about[1]) - (60 - len(read))) <= 6


def test_a_damaged_packet_in_the_middle_loses_no_more_than_it_must(tmp_path: Path) -> None:
    path = write_video(tmp_path / "f.mov", frames(20), codec="png", pixel_format="rgb24")
    content = bytearray(path.read_bytes())
    fifth = [i for i in range(len(content)) if content[i : i + 4] == b"IHDR"][5]
    content[fifth - 8 : fifth] = bytes(8)
    path.write_bytes(bytes(content))
    video = open_video(path)
    assert [25 * frame.time for frame in video.read()] == [i for i in range(20) if i != 5]
    assert video.complaint is not None
    assert ": 1 frame couldn't be decoded" in video.complaint


def test_one_frame(tmp_path: Path) -> None:
    (frame,) = open_video(write_video(tmp_path / "f.mp4", frames(1))).read()
    assert frame.time == 0
    assert frame.duration == Fraction(1, 25)


def test_what_is_no_video(tmp_path: Path) -> None:
    def refused(reason: str, kind: type[Exception] = VideoError) -> None:
        with pytest.raises(kind, match=reason) as caught:
            open_video(path)
        assert str(path) in str(caught.value)

    path = tmp_path / "missing.mp4"
    refused("There is no video")
    path = tmp_path / "empty.mp4"
    path.touch()
    refused("is empty")
    path.write_text("Dear video")
    refused("is not a video")
    path = cut(write_video(tmp_path / "whole.mp4", frames(9)), tmp_path / "cut.mp4", 0.5)
    refused("truncated before its index")
    path = write_song(tmp_path / "song.m4a")
    refused("has no video stream")
    path = tmp_path / "folder"
    path.mkdir()
    refused("holds no pictures", UsageError)
    (path / "a.png").write_text("no picture")
    refused("can't read any picture in")


def test_a_video_without_permission(closed_folder: Path) -> None:
    with pytest.raises(VideoError, match=r"can't read .*closed\.png: permission denied"):
        open_video(closed_folder / "closed.png")
