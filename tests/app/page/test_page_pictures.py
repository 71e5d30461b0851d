"""Where pictures come from."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import av
import numpy as np
import pytest

from app.browser import Person

pytestmark = pytest.mark.page

HAND_OVER = """([kind, text, name]) => {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type: "image/png" }));
    const event = kind === "drop"
        ? new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: carried, bubbles: true });
    document.querySelector("#results").dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a moving edge; Debian's Chromium plays VP9 as well as H.264."""
    path = tmp_path_factory.mktemp("videos") / "edge.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(50):
            pixels = np.full((96, 160, 3), 40, np.uint8)
            pixels[:, : 3 * number] = 220
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_handed_over(person: Person, pictures: Path, kind: str) -> None:
    text = base64.b64encode((pictures / "broad.png").read_bytes()).decode()
    with person.answer():
        person.page.evaluate(HAND_OVER, [kind, text, "a <b>.png"])
    assert person.page.locator(".preview small").first.inner_text() == (
        "a <b>.png · 320 \N{MULTIPLICATION SIGN} 240"
    )
    assert person.caption().startswith("mean of the heads · block 3 · query: cls")


def test_an_example_is_shown(anyone: Person) -> None:
    with anyone.answer():
        anyone.page.get_by_role("button", name="Example tall.png").first.click()
    assert anyone.asked()[0]["seen"] == "tall.png"
    assert not anyone.page.locator("#hint").is_visible()
    names = anyone.card(0).locator(".classes li span:first-of-type").all_inner_texts()
    assert names == ["cat", "<b>dog</b>", "ship"]


def test_the_picture_before_is_forgotten(person: Person, pictures: Path) -> None:
    person.show(pictures / "broad.png")
    person.point(0, 0.5, 0.5)
    person.show(pictures / "tall.png")
    assert person.asked()[0] == {
        "ask": "heads",
        "model": "small",
        "options": {},
        "seen": "tall.png",
        "first": None,
    }


def test_nothing_stays_when_a_picture_is_refused(
    person: Person, pictures: Path, tmp_path: Path
) -> None:
    person.show(pictures / "broad.png")
    broken = tmp_path / "broken <b>.png"
    broken.write_bytes(b"no picture")
    message = person.page.get_by_role("alert").first
    person.give(broken)
    person.page.get_by_text("no picture that can be read").wait_for()
    person.wait()
    assert message.inner_text() == "broken <b>.png: no picture that can be read."
    assert person.page.locator(".map, .classes li, .preview canvas").count() == 0
    assert person.page.locator("#save").is_hidden()
    person.give(broken)
    person.wait()
    assert person.page.get_by_text("no picture that can be read").count() == 1
    person.show(pictures / "tall.png")
    assert person.page.locator("#message").inner_text() == ""
    assert person.map(0).is_visible()


def test_the_first_picture_keeps_the_query_of_the_second(person: Person, pictures: Path) -> None:
    person.show(pictures / "broad.png")
    second = person.page.locator(".source").nth(1)
    assert second.is_hidden()
    person.ask("similarity")
    assert second.is_visible()
    assert person.framed(0) == (2, 2)
    person.show(pictures / "tall.png", "second")
    person.point(0, 0.51, 0.26)
    last = [each for each in person.told() if each.get("first")][-1]
    assert (last["first"], last["seen"]) == ("broad.png", "tall.png")
    assert last["options"]["query"].endswith(",102")
    assert person.framed(0, at=0) == (3, 1)
    assert person.framed(0, at=1) is None
    assert person.card(0).locator(".asks").count() == 1
    person.ask("rollout")
    assert second.is_hidden()
    assert person.card(0).locator(".side .map").count() == 1


def test_a_camera_is_followed(person: Person) -> None:
    person.page.get_by_role("button", name="Camera").first.click()
    person.map(0).wait_for()
    rate = person.page.locator(".preview small").first
    for _ in range(100):
        if "maps a second" in rate.inner_text() and len(person.told()) > 12:
            break
        time.sleep(0.1)
    assert float(rate.inner_text().split()[0]) > 1
    person.map(0).click(position={"x": 10, "y": 10})
    person.page.get_by_text("query: pixel").first.wait_for()
    with person.answer():
        person.page.get_by_role("button", name="Example tall.png").first.click()
    assert person.page.locator("video").count() == 0
    person.wait()
    looks = len([each for each in person.told() if each.get("look") == "camera"])
    time.sleep(0.5)
    assert looks == len([each for each in person.told() if each.get("look") == "camera"])


def test_a_video_plays_and_frames_are_dropped(person: Person, video: Path) -> None:
    person.page.evaluate("() => { window.slowness = 60; }")
    person.give(video)
    person.map(0).wait_for()
    time.sleep(2)
    looks = [each for each in person.told() if each.get("look") == "edge.mp4"]
    assert 4 <= len(looks) <= 20, "at the rate of the answers, not of the 25 frames a second"
    assert (looks[0]["width"], looks[0]["height"]) == (160, 96)
    person.page.locator("video").evaluate("video => video.pause()")
    person.wait()
    person.slide("mass", 0.5)
    assert person.asked()[0]["options"] == {"mass": "0.5"}


def test_in_a_saved_video_no_model_lacks_the_block(person: Person, video: Path) -> None:
    person.give(video)
    person.map(0).wait_for()
    for block, options in [(2, {"block": "2"}), (4, {})]:
        person.option("block").fill(str(block))
        person.page.get_by_text(f"block {block}").first.wait_for()
        person.page.locator("#save-video").click()
        saved = [each for each in person.told() if "video" in each][-1]
        assert (saved["video"], saved["options"]) == ("edge.mp4", options)


def test_a_video_that_does_not_play_is_refused(person: Person, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    person.give(broken)
    person.page.get_by_text("broken.mp4: the browser can't play this video").wait_for()
    assert person.page.locator("video").count() == 0


def test_a_frame_that_was_overtaken_is_no_error(person: Person, video: Path) -> None:
    person.page.evaluate("() => { window.overtaken = true; }")
    person.give(video)
    person.map(0).wait_for()
    assert person.page.locator("#message").inner_text() == ""
