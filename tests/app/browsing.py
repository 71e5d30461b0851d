"""The page in a real browser: what a person does there, and what the person then sees."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["PATIENCE", "Person", "launch"]

PATIENCE = 30_000  # milliseconds, on a slow machine with other work
DESK = {"width": 1300, "height": 1000}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


@contextmanager
def launch() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )
        yield browser
        browser.close()


class Person:
    """Somebody who uses the page, at a desk or with a phone.

    Parameters
    ----------
    browser : Browser
        See `launch`.
    address : str
        Of the page.
    phone : bool
        A small screen and a finger, instead of a large one and a mouse.
    dark : bool
        Whether everything shall be dark.
    """

    def __init__(
        self, browser: Browser, address: str, *, phone: bool = False, dark: bool = False
    ) -> None:
        settings = PHONE if phone else {"viewport": DESK}
        self.phone = phone
        self.page: Page = browser.new_page(
            **settings, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self._listen(urlsplit(address).netloc)
        self.page.goto(address)
        self.page.wait_for_selector("#picture input[type=file]", state="attached")

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

    def show(self, picture: Path) -> None:
        """Upload a picture, and wait for its maps."""
        with self.another_picture():
            self.page.set_input_files("#picture input[type=file]", picture)

    @contextmanager
    def another_picture(self) -> Iterator[None]:
        """Wait until the viewer shows another picture than before the block."""
        before = self.page.locator(".viewer").get_attribute("data-visit")
        yield
        self.page.wait_for_function(
            """before => {
                const { visit } = document.querySelector(".viewer").dataset;
                return visit && visit !== before;
            }""",
            arg=before,
        )

    def models(self) -> list[str]:
        """Names of the models that stand side by side."""
        return _texts(self.page.locator(".model h2"))

    def wait_for_models(self, *names: str) -> None:
        """See these models come to stand side by side: an earlier answer may still be drawn."""
        from playwright.sync_api import expect

        expect(self.page.locator(".model h2")).to_have_text(list(names))

    def card(self, model: int) -> Locator:
        """One model's part of the viewer."""
        return self.page.locator(".model").nth(model)

    def prediction(self, model: int) -> list[str]:
        """The classes that a model names, the best first."""
        return _texts(self.card(model).locator(".classes li span:first-child"))

    def captions(self, kind: str) -> list[str]:
        """What stands below the maps of a kind, ``heads`` or ``rollout``."""
        return _texts(self.page.locator(f"figure.{kind} figcaption"))

    def asked(self, model: int) -> tuple[int, int]:
        """The patch that is framed in a model's map: row and column."""
        frame = self.card(model).locator("figure.heads svg rect")
        return int(frame.get_attribute("y") or -1), int(frame.get_attribute("x") or -1)

    def colours(self, model: int, kind: str = "heads") -> NDArray[np.uint8]:
        """The colours of a map, (rows, columns, 4), as they are drawn."""
        canvas = self.card(model).locator(f"figure.{kind} .map canvas")
        text, width, height = canvas.evaluate(
            """canvas => {
                const data = canvas.getContext("2d")
                    .getImageData(0, 0, canvas.width, canvas.height).data;
                return [btoa(String.fromCharCode(...data)), canvas.width, canvas.height];
            }"""
        )
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)

    def point(self, model: int, down: float, across: float) -> None:
        """Click on a map, or touch it, at shares of its height and width; wait for the answer."""
        place = self.card(model).locator("figure.heads .map")
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        assert box is not None
        position = {"x": across * box["width"], "y": down * box["height"]}
        with self.answer():
            if self.phone:
                place.tap(position=position)
            else:
                place.click(position=position)

    def slide(self, name: str, value: float) -> None:
        """Bring a slider to a value; wait for the answer."""
        with self.answer():
            self.page.locator(f"#{name} input[type=range]").fill(str(value))

    def pick(self, name: str, label: str) -> None:
        """Choose one of several words; wait for the answer."""
        with self.answer():
            self.page.locator(f"#{name} label", has_text=label).first.click()

    def head(self, model: int, index: int | None) -> None:
        """Choose a head by its small map; None is the mean."""
        self.card(model).locator(".tile").nth(0 if index is None else 1 + index).click()

    def tab(self, name: str) -> None:
        """Open a tab; on a phone it may be behind the three dots."""
        wanted = self.page.get_by_role("tab", name=name, exact=True).first
        others = self.page.locator(".overflow-menu > button")
        # Until Gradio has measured its tabs, it shows neither.
        for _ in range(PATIENCE // 50):
            if wanted.is_visible() or others.is_visible():
                break
            self.page.wait_for_timeout(50)
        if wanted.is_visible():
            wanted.click()
        else:
            others.click()
            self.page.locator(".overflow-dropdown button", has_text=name).click()

    @contextmanager
    def answer(self) -> Iterator[None]:
        """Wait until the viewer has drawn what the block asked for."""
        before = self.page.locator(".viewer").get_attribute("data-answer")
        yield
        self.page.wait_for_function(
            "before => document.querySelector('.viewer').dataset.answer !== before", arg=before
        )

    def said(self) -> str:
        """What the page says in a corner when it refuses something."""
        message = self.page.locator(".toast-text, .toast-body").first
        message.wait_for()
        return str(message.inner_text())


def _texts(places: Locator) -> list[str]:
    return [str(text) for text in places.all_inner_texts()]
