"""How long somebody in front of the page waits: `python -m benchmarks.latency`, with Chromium."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.__main__ import machine, table
from benchmarks.visitors.album import make_album
from benchmarks.visitors.served import serve

if TYPE_CHECKING:
    from playwright.sync_api import Page

ASKED = 20  # times, of each kind
APART = 100  # milliseconds from an answer to the next question

# From what a hand does until the viewer has drawn the answer, in milliseconds.
WATCH = """() => {
    window.waits = [];
    window.begin = () => { window.begun = performance.now(); };
    const drawn = () => {
        if (window.begun) window.waits.push(performance.now() - window.begun);
        window.begun = null;
    };
    new MutationObserver(() => requestAnimationFrame(drawn)).observe(
        document.querySelector(".viewer"), { attributes: true, attributeFilter: ["data-answer"] },
    );
}"""
SLIDE = """([name, share]) => {
    const slider = document.querySelector(`#${name} input[type=range]`);
    const [low, high, step] = [slider.min, slider.max, slider.step].map(Number);
    slider.value = low + Math.round(share * (high - low) / step) * step;
    window.begin();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    slider.dispatchEvent(new Event("change", { bubbles: true }));
}"""
CLICK = """share => {
    const map = document.querySelector("figure.heads .map");
    const { left, top, width, height } = map.getBoundingClientRect();
    window.begin();
    map.dispatchEvent(new MouseEvent("click", {
        bubbles: true, clientX: left + share * width, clientY: top + (1 - share) * height,
    }));
}"""


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--models", nargs="+", default=[], help="files, if not the package's own")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder), asked.models) as page,
        sync_playwright() as playwright,
    ):
        album = make_album(Path(folder), ASKED // 2)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )
        shown = browser.new_page()
        shown.goto(page.address)
        shown.wait_for_selector("#picture input[type=file]", state="attached")
        shown.evaluate(WATCH)
        waits = {"a new picture, until its maps are drawn": choose(shown, album)}
        for name in ("block", "mass", "discard"):
            waits[f"the slider {name}"] = slide(shown, name)
        waits["a click on a patch"] = click(shown)
        browser.close()
        page.stop()
    rows = [
        [what, f"{len(times)}", f"{statistics.median(times):.0f} ms", f"{max(times):.0f} ms"]
        for what, times in waits.items()
    ]
    print("\n".join(["# In front of the page", "", *machine(), ""]))
    print(f"`python -m benchmarks.latency {' '.join(sys.argv[1:])}`\n")
    print("\n".join(table("Until it is drawn", ("what", "times", "median", "longest"), rows)))


def choose(page: Page, album: list[Path]) -> list[float]:
    """Choose one picture after the other."""
    for number, picture in enumerate(album, start=1):
        page.evaluate("() => window.begin()")
        page.set_input_files("#picture input[type=file]", picture)
        drawn(page, number)
    return taken(page)


def slide(page: Page, name: str) -> list[float]:
    """Move a slider to places that are not beside each other."""
    for number in range(ASKED):
        page.evaluate(SLIDE, [name, (number * 7 + 3) % ASKED / ASKED])
        drawn(page, number + 1)
    return taken(page)


def click(page: Page) -> list[float]:
    """Click along a diagonal."""
    for number in range(ASKED):
        page.evaluate(CLICK, (number + 0.5) / ASKED)
        drawn(page, number + 1)
    return taken(page)


def drawn(page: Page, times: int) -> None:
    """Wait until so many answers are there, and a moment more."""
    page.wait_for_function("times => window.waits.length === times", arg=times)
    page.wait_for_timeout(APART)


def taken(page: Page) -> list[float]:
    """Take what was measured."""
    waits: list[float] = page.evaluate("() => window.waits.splice(0)")
    return waits


if __name__ == "__main__":
    main()
