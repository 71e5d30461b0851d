"""How long somebody in front of the page waits: `python -m benchmarks.latency`, with Chromium.

Of the static page by default, whose models run in the browser; with --served, of `vitonnx app`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from benchmarks.tables import machine, table
from benchmarks.visitors.album import make_album
from benchmarks.visitors.served import serve

if TYPE_CHECKING:
    from playwright.sync_api import Page

ASKED = 20  # times, of each kind

# From what a hand does until the answer is drawn, in milliseconds: the first that was wanted.
WATCH = """() => {
    window.until = () => new Promise((resolve) => {
        const begun = performance.now();
        const seen = new MutationObserver(() => {
            seen.disconnect();
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
        });
        seen.observe(document.body, { attributeFilter: ["data-answer"] });
    });
}"""
SLIDE = """async ([name, share]) => {
    const slider = document.querySelector(`#option-${name}`);
    const [low, high, step] = [slider.min, slider.max, slider.step].map(Number);
    slider.value = low + Math.round(share * (high - low) / step) * step;
    const drawn = window.until();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    return drawn;
}"""
CLICK = """async (share) => {
    const map = document.querySelector("#maps .map[tabindex]");
    const { left, top, width, height } = map.getBoundingClientRect();
    const drawn = window.until();
    map.dispatchEvent(new MouseEvent("click", {
        bubbles: true, clientX: left + share * width, clientY: top + (1 - share) * height,
    }));
    return drawn;
}"""
DROP = """async ([name, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const held = new DataTransfer();
    held.items.add(new File([bytes], name, { type: "image/png" }));
    const drawn = window.until();
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: held }));
    return drawn;
}"""
CHOOSE = """async (name) => {
    const drawn = window.until();
    document.querySelector(`input[name=probe][value=${name}]`).click();
    return drawn;
}"""
READY = "body[data-state=ready]"


class Isolating(SimpleHTTPRequestHandler):
    """A web server that sends the headers for threads, as a good host does."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def static_page(folder: Path, models: list[str], options: list[str]) -> Iterator[str]:
    """Write the page, unless the folder has one, and serve it."""
    if not (folder / "catalogue.json").exists():
        command = [sys.executable, "-m", "vitonnx", "app", *models, "--static", str(folder)]
        subprocess.run([*command, *options], check=True)
    handler = partial(Isolating, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def served_page(models: list[str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), models) as page:
        yield page.address
        page.stop()


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--models", nargs="+", default=[], help="files, if not the package's own")
    parser.add_argument("--served", action="store_true", help="measure the served page")
    parser.add_argument("--folder", type=Path, help="keep the static page here, for another run")
    parser.add_argument("--options", nargs="+", default=[], help="of `vitonnx app --static`")
    parser.add_argument("--flags", nargs="+", default=[], help="of Chromium")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing, sync_playwright() as playwright:
        folder = asked.folder or Path(passing) / "page"
        page = (
            served_page(asked.models)
            if asked.served
            else static_page(folder, asked.models, asked.options)
        )
        album = make_album(Path(passing), ASKED // 2)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", *asked.flags],
        )
        with page as address:
            shown = browser.new_page()
            shown.goto(address)
            shown.wait_for_selector(READY)
            shown.evaluate(WATCH)
            for card in shown.locator("#maps .backend").all():  # it says what has loaded the model
                card.filter(has_text=re.compile(".")).wait_for(state="attached", timeout=60_000)
            waits = dict(waited(shown, album))
        browser.close()
    rows = [
        [what, f"{len(times)}", f"{statistics.median(times):.0f} ms", f"{max(times):.0f} ms"]
        for what, times in waits.items()
    ]
    print("\n".join(["# In front of the page", "", *machine(), ""]))
    print(f"`python -m benchmarks.latency {' '.join(sys.argv[1:])}`\n")
    print("\n".join(table("Until it is drawn", ("what", "times", "median", "longest"), rows)))


def waited(page: Page, album: list[Path]) -> Iterator[tuple[str, list[float]]]:
    """Do what people do, and tell how long each took."""
    import base64

    def drop(path: Path) -> float:
        data = base64.b64encode(path.read_bytes()).decode()
        return settled(page.evaluate(DROP, [path.name, data]))

    def settled(time: float) -> float:
        page.wait_for_selector(READY)
        return time

    shares = [(number + 0.5) / ASKED for number in range(ASKED)]
    first, *others = album
    yield "the first picture, until its map is drawn", [drop(first)]
    yield "another picture", [drop(path) for path in others]
    yield "a click on a patch", [settled(page.evaluate(CLICK, share)) for share in shares]
    for name in ("mass", "block"):
        times = [settled(page.evaluate(SLIDE, [name, share])) for share in shares]
        yield f"the slider {name}", times[1:]
    yield "rollout, first", [settled(page.evaluate(CHOOSE, "rollout"))]
    discards = [settled(page.evaluate(SLIDE, ["discard", 0.2 + 0.7 * share])) for share in shares]
    yield "rollout's discard, first", discards[:1]
    yield "rollout's discard, then", discards[1:]
    if page.locator("input[name=probe][value=attribution]").count():
        yield "the map of a class, first", [settled(page.evaluate(CHOOSE, "attribution"))]


if __name__ == "__main__":
    main()
