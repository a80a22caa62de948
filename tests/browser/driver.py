"""Chromium, driven without a window; everything that goes wrong in it is written down."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"phone": (360, 740), "desktop": (1280, 900)}
SHOTS = Path(__file__).parents[2] / "build" / "browser"


def missing() -> str:
    """What a browser test lacks, and how to get it; empty if nothing."""
    if find_spec("playwright") is None or find_spec("axe_playwright_python") is None:
        return "Playwright is not installed in .venv: `make browser` does that"
    if executable() is None:
        return "there is no Chromium: `apt-get install chromium` (Debian, Ubuntu)"
    return ""


def executable() -> str | None:
    """The browser."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Seen:
    """What a browser said and asked for while a page was open."""

    origin: str
    console: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Write down what this page does."""
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.failed.append(request.url))
        page.on("request", self._request)
        page.on("dialog", self._dialog)

    def _dialog(self, dialog: Any) -> None:
        self.console.append(f"error: a dialog {dialog.message!r}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if not request.url.startswith(f"{self.origin}/"):
            self.strange.append(request.url)


@contextmanager
def browser() -> Iterator[Browser]:
    """One Chromium with an empty profile."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not everybody has it

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def opened(running: Browser, origin: str, *, size: str, scheme: Any, scripts: bool) -> Iterator[tuple[Page, Seen]]:
    """A window of its own."""
    width, height = SIZES[size]
    context = running.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts,
        device_scale_factor=2 if size == "phone" else 1, locale="en-GB",
    )  # fmt: skip
    try:
        page = context.new_page()
        seen = Seen(origin)
        seen.listen(page)
        yield page, seen
    finally:
        context.close()
