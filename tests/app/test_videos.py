"""Videos for visitors: one is wanted, made in its turn, fetched, and stopped at any moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.visitor import RefusedError, Visitor
from PIL import Image

from app.pages_served import MODELS, Served, serve_within
from media.video_files import even, frames, write_video
from vitonnx.app import Limits
from vitonnx.app._memory import HOUR
from vitonnx.app._videos import Job, Videos
from vitonnx.probes import Heads


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page for videos of two seconds, where one may wait."""
    folder = tmp_path_factory.mktemp("short")
    place = folder / "temporary"
    place.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(place))
        with serve_within(folder, "seconds=2, waiting=1, pixels=90_000") as page:
            yield page
            assert "Traceback" not in page.log.read_text()
            assert page.stop() == 0
            assert not [*place.iterdir()]


@pytest.fixture
def visitor(short: Served) -> Iterator[Visitor]:
    with Visitor(short.address) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "walk.mp4", frames(23))


@pytest.mark.parametrize(
    ("probe", "options"),
    [
        *(("heads", {"block": "1", "query": "20,20"}), ("rollout", {"fusion": "max"})),
        *(("pca", {}), ("norms", {}), ("lens", {}), ("attribution", {})),
        ("similarity", {"query": "9,9"}),
    ],
)
def test_every_probe_that_has_maps(
    probe: str, options: dict[str, str], visitor: Visitor, walk: Path
) -> None:
    key = visitor.film(walk, MODELS[:1], probe, **options)
    made = visitor.made(key)
    assert made[4:8] == b"ftyp"
    for asked, status, begins in (("4-7", 206, b"ftyp"), ("x", 400, b"{"), ("9999999-", 416, b"{")):
        part = visitor.http.get(f"videos/{key}/file", headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content[: len(begins)]) == (status, begins)
        assert part.headers["x-content-type-options"] == "nosniff"
    assert visitor.http.delete(f"videos/{key}").status_code == 204
    for path in (f"videos/{key}", f"videos/{key}/file"):
        assert visitor.http.get(path).status_code == 404


def test_what_has_none(visitor: Visitor, walk: Path) -> None:
    for probe in ("flow", "distance", "cka", "filters", "positions", "x", ""):
        with pytest.raises(RefusedError) as refused:
            visitor.film(walk, MODELS, probe)
        assert refused.value.status == 422
    for options in ("[]", "{", "null", "[" * 5000, '{"block": 1}', '{"x": "1"}'):
        given = {"model": "scenes_vit", "probe": "heads", "options": options}
        reply = visitor.http.post("videos", params=given, content=b"x")
        assert reply.status_code in (400, 422)
    assert visitor.http.post("videos", params={"options": "{}"}).status_code == 422


def test_one_at_a_time_and_one_that_waits(visitor: Visitor, tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", frames(50, 240, 320))
    first = visitor.film(long, MODELS, "heads")
    states: list[str] = []
    while visitor.http.get(f"videos/{first}").json()["state"] == "waiting":
        time.sleep(0.02)
    second = visitor.film(long, MODELS, "rollout")
    said = visitor.http.get(f"videos/{second}").json()
    assert (said["state"], said["words"]) == ("waiting", "Waiting for other videos")
    assert visitor.http.get(f"videos/{second}/file").status_code == 409
    with pytest.raises(RefusedError, match="Too many videos wait"):
        visitor.film(long, MODELS, "heads")
    assert visitor.http.delete(f"videos/{first}").status_code == 204
    assert visitor.made(second, heard=states.append)[4:8] == b"ftyp"
    assert "running" in states


def test_what_is_no_video_or_too_much_of_one(visitor: Visitor, tmp_path: Path) -> None:
    strip = Image.fromarray(np.zeros((16, 1600, 3), np.uint8))
    strip.save(tmp_path / "strip.gif", save_all=True, append_images=[strip.rotate(1)])
    lists = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/x\n"
    videos: list[tuple[bytes | Path, str]] = [
        *((none, "video") for none in (b"", b"words", *lists)),
        (tmp_path / "strip.gif", "at most 4 times the shorter"),
        (write_video(tmp_path / "long.mp4", frames(75)), "lasts 3 s; at most 2 s"),
        (write_video(tmp_path / "large.mp4", frames(5, 400, 400)), "scale it down"),
        (write_video(tmp_path / "fast.mp4", frames(131), even(131, rate=131)), "120 frames"),
    ]
    for video, words in videos:
        with pytest.raises(RefusedError, match=words) as refused:
            visitor.made(visitor.film(video, MODELS[:1], "heads"))
        assert str(tmp_path) not in str(refused.value)
        assert "sent/" not in str(refused.value)


def test_what_is_done_is_kept_for_an_hour(tmp_path: Path) -> None:
    videos = Videos(Limits(visitors=2), None)  # type: ignore[arg-type]
    states = {"a": "done", "b": "failed", "c": "running", "d": "done", "e": "done"}
    for name, age in zip(states, (9, 8, 9 * HOUR, HOUR + 1, HOUR - 1), strict=True):
        job = Job(tmp_path / name, name, {}, Heads(), states[name], since=1e6 - age)
        job.output.touch()
        videos.jobs[name] = job
    videos.tidy(1e6)  # of five the oldest three would go, and one of these is being made
    assert list(videos.jobs) == ["c", "e"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.mp4", "e.mp4"]
