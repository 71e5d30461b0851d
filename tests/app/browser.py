"""The page in Debian's Chromium: what a person does there, and what the person then sees."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["DESK", "PATIENCE", "PHONE", "Person", "launch"]

PATIENCE = 30_000  # milliseconds, on a slow machine with other work
DESK: dict[str, Any] = {"viewport": {"width": 1300, "height": 1000}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@contextmanager
def launch(*flags: str) -> Iterator[Browser]:
    """Chromium without a screen, but with a camera, which films a test pattern."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", *CAMERA, *flags],
        )
        yield browser
        browser.close()


class Person:
    """Somebody who uses the page.

    Parameters
    ----------
    browser : Browser
        See `launch`.
    address : str
        Of the page.
    **settings
        Of the browser's context, such as `PHONE`, or ``color_scheme="dark"``.
    """

    def __init__(self, browser: Browser, address: str, **settings: Any) -> None:
        self.page: Page = browser.new_page(accept_downloads=True, **{**DESK, **settings})
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self._listen(urlsplit(address).netloc)
        self.page.goto(address)
        self.wait()

    def _listen(self, host: str) -> None:
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request",
            lambda request: (
                self.strangers.append(request.url)
                if urlsplit(request.url).netloc not in ("", host)
                else None
            ),
        )

    def wait(self) -> None:
        """Wait until nothing is being asked."""
        self.page.locator("body[data-state=ready]").wait_for()

    @contextmanager
    def answer(self) -> Iterator[None]:
        """Wait until the page has drawn what the block asked for."""
        from playwright.sync_api import expect

        body = self.page.locator("body")
        before = body.get_attribute("data-answer") or ""
        yield
        expect(body).not_to_have_attribute("data-answer", before, timeout=PATIENCE)
        self.wait()

    def show(self, picture: Path, slot: str = "picture") -> None:
        """Choose a picture, and wait for what the models show of it."""
        with self.answer():
            self.give(picture, slot)

    def give(self, picture: Path, slot: str = "picture") -> None:
        """Choose a file, whatever comes of it."""
        self.page.set_input_files(f"input[data-slot={slot}]", picture)

    def ask(self, probe: str) -> None:
        """Choose a probe."""
        with self.answer():
            self.page.locator(f".chip input[value='{probe}']").check(force=True)

    def option(self, name: str) -> Locator:
        """The control of an option."""
        return self.page.locator(f"#option-{name}")

    def slide(self, name: str, value: float) -> None:
        """Bring a slider to a value."""
        with self.answer():
            self.option(name).fill(str(value))

    def card(self, model: int) -> Locator:
        """One model's part of the page."""
        return self.page.locator(".model").nth(model)

    def map(self, model: int = 0, at: int = 0) -> Locator:
        """One large map of a model."""
        return self.card(model).locator(".side .map").nth(at)

    def models(self) -> list[str]:
        """Names of the models that stand side by side."""
        return list(self.page.locator(".model h2 span:first-child").all_inner_texts())

    def caption(self, model: int = 0) -> str:
        """What stands below a model's first map."""
        return str(self.card(model).locator("figcaption").first.inner_text())

    def framed(self, model: int = 0, at: int = 0) -> tuple[int, int] | None:
        """The patch that is framed in a map: row and column."""
        place = self.map(model, at).get_attribute("data-framed")
        if not place:
            return None
        row, column = place.split(",")
        return int(row), int(column)

    def colours(self, model: int = 0, at: int = 0) -> NDArray[np.uint8]:
        """The pixels of a map, (height, width, 4), as it is drawn."""
        address = self.map(model, at).evaluate("canvas => canvas.toDataURL()")
        with Image.open(BytesIO(base64.b64decode(address.partition(",")[2]))) as opened:
            return np.asarray(opened.convert("RGBA"))

    def point(self, model: int, down: float, across: float) -> None:
        """Click on a map, or touch it, at shares of its height and width."""
        place = self.map(model)
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        assert box is not None
        with self.answer():
            place.click(position={"x": across * box["width"], "y": down * box["height"]})

    def told(self) -> list[dict[str, Any]]:
        """What the made-up engine was asked so far."""
        told: list[dict[str, Any]] = self.page.evaluate("() => window.told")
        return told

    def asked(self) -> list[dict[str, Any]]:
        """The latest question to each model, by the models' order."""
        count = len(self.models())
        return [each for each in self.told() if "ask" in each][-count:]

    def violations(self) -> list[tuple[str, str]]:
        """What axe-core finds that is serious: rules, and where."""
        from axe_playwright_python.sync_playwright import Axe

        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            (violation["id"], node["html"])
            for violation in found
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]
