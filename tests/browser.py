"""Drives the system's Chromium through the DevTools protocol over a pipe: no server, no port, no package.

`Browser` is one process; `Tab` shows one page. Messages are JSON, each ended by a zero byte, on file
descriptors 3 and 4 of the browser.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_SECONDS = 60
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"
)
_SWITCHES = (
    "--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--lang=en-US",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
)  # fmt: skip


class PageError(AssertionError):
    """The page threw, or did not do in time what was waited for."""


class Browser:
    """A running Chromium."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        # The browser finds its ends of the pipes at 3 and 4; a shell puts them there.
        line = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        command = ["bash", "-c", line, CHROMIUM, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_read, to_write), start_new_session=True, stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        self._number, self._buffer = 0, b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **params: Any) -> Any:
        """Send a command and return its result; events that come meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                break
            self.events.append(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0, end - time.monotonic()))[0]:
                raise PageError("the browser does not answer")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise PageError("the browser has ended")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def tab(self, page: Path, width: int = 1280, height: int = 900, scale: float = 1) -> Tab:
        """Open a file in a new tab of this size."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Tab(self, target, session, page, width, height, scale)

    def close(self) -> None:
        """End the process and all its children."""
        os.close(self._write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._read)


class Tab:
    """One page in the browser."""

    def __init__(
        self,
        browser: Browser,
        target: str,
        session: str,
        page: Path,
        width: int,
        height: int,
        scale: float,
    ) -> None:
        self._browser, self._target, self._session = browser, target, session
        for domain in ("Page", "Runtime", "DOM", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=width < 600,
        )  # fmt: skip
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.wait_for("document.readyState === 'complete'")

    def call(self, method: str, **params: Any) -> Any:
        """Send a command to this tab."""
        return self._browser.call(method, self._session, **params)

    def do(self, expression: str) -> Any:
        """Return what JavaScript makes of `expression`, a promise awaited; raise PageError if it throws."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"].get("exception", {})
            raise PageError(thrown.get("description", answer["exceptionDetails"]["text"]))
        return answer["result"].get("value")

    def front(self) -> None:
        """Bring the tab before all others: one behind another is slowed down."""
        self.call("Page.bringToFront")

    def wait_for(self, expression: str) -> None:
        """Look until `expression` holds; raise PageError if it takes too long."""
        end = time.monotonic() + PATIENCE_SECONDS
        turn = "new Promise((go) => setTimeout(go, 10))"
        while not self.do(f"({expression}) || {turn}.then(() => ({expression}))"):
            if time.monotonic() > end:
                raise PageError(f"waited too long until {expression}")

    def give(self, selector: str, files: Sequence[Path]) -> None:
        """Have the reader pick files (or a folder) in an input."""
        root = self.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in files])

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def picture(self, path: Path) -> None:
        """Save the whole page as PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def said(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of events of this kind, of this tab, so far."""
        self.do("0")
        return [
            event["params"]
            for event in self._browser.events
            if event.get("method") == method and event.get("sessionId") == self._session
        ]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Give a browser that is gone afterwards."""
    made = Browser(folder / "profile")
    try:
        yield made
    finally:
        made.close()
