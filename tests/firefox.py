"""Drives Firefox, where it is installed, over WebDriver BiDi: a socket of this machine, no package.

`Firefox` is one process with one page. Messages are JSON in the frames of a WebSocket (RFC 6455), of which as
much is here as two programs of one machine need: text, whole or in parts, no extensions.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from browser import PATIENCE_SECONDS, PageError

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")
needs_firefox = pytest.mark.skipif(
    FIREFOX is None, reason="Firefox is not installed (apt-get install firefox-esr)"
)
_FOLDER = """(() => {{
  const [input, places] = [document.querySelector({selector}), {places}];
  input.webkitdirectory = false;
  input.multiple = true;
  const place = {{ get() {{ return places[this.name]; }}, configurable: true }};
  Object.defineProperty(File.prototype, 'webkitRelativePath', place);
}})()"""
_READY = "WebDriver BiDi listening on ws://"
# It is to talk to nobody but us; sound and pictures play without a click, as in the other browser's tests.
_PREFERENCES: dict[str, object] = {
    "app.normandy.enabled": False, "app.update.disabledForTesting": True, "browser.region.network.url": "",
    "browser.safebrowsing.malware.enabled": False, "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False, "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.systemAddon.update.enabled": False, "media.autoplay.default": 0, "media.gmp-manager.url": "",
    "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True, "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False, "intl.accept_languages": "en-US",
}  # fmt: skip


class _WebSocket:
    """The client's side of a WebSocket to this machine."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._socket = socket.create_connection((host, port), PATIENCE_SECONDS)
        self._held = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._held:
            self._more()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        if b" 101 " not in head.splitlines()[0]:
            raise PageError(f"Firefox opens no WebSocket: {head!r}")

    def _more(self) -> None:
        try:
            piece = self._socket.recv(1 << 20)
        except TimeoutError:
            raise PageError("Firefox does not answer") from None
        if not piece:
            raise PageError("Firefox has ended")
        self._held += piece

    def _take(self, count: int) -> bytes:
        while len(self._held) < count:
            self._more()
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def send(self, text: str) -> None:
        """Send a message, masked as a client must; Firefox ends if the mask is zero."""
        mask, data = b"\1\2\3\4", text.encode()
        length = len(data)
        wide = (126, 2) if length < 1 << 16 else (127, 8)
        size = (
            bytes([128 | length])
            if length < 126
            else bytes([128 | wide[0]]) + length.to_bytes(wide[1], "big")
        )
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self._socket.sendall(b"\x81" + size + mask + masked)

    def receive(self) -> str:
        """Return the next message."""
        whole = b""
        while True:
            first, length = self._take(2)
            if length in (126, 127):
                length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
            data = self._take(length)
            if first & 15 > 2:
                continue  # a ping, or the end, after which nothing comes
            whole += data
            if first & 128:
                return whole.decode()

    def close(self) -> None:
        self._socket.close()


def _value(told: Any) -> Any:
    """Return what a value of the protocol stands for: such as JSON knows."""
    kind, value = told["type"], told.get("value")
    if kind == "array":
        return [_value(part) for part in value]
    if kind == "object":
        return {name: _value(part) for name, part in value}
    return value


class Firefox:
    """A running Firefox that shows one page; `do` and `give` are those of `browser.Tab`."""

    def __init__(self, profile: Path) -> None:
        assert FIREFOX is not None
        profile.mkdir()
        lines = (
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items()
        )
        (profile / "user.js").write_text("".join(lines))
        self._process = subprocess.Popen(
            [FIREFOX, "--headless", "--remote-debugging-port=0", "--no-remote", "--profile", str(profile)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"},
        )  # fmt: skip
        self._number = 0
        self._talk: threading.Thread | None = None
        try:
            self._socket = _WebSocket("127.0.0.1", self._port(), "/session")
            self.call("session.new", capabilities={})
            self._context = self.call("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self._end()
            raise

    def _port(self) -> int:
        """Return the port that Firefox says it listens on; what it says later is read and forgotten."""
        assert self._process.stderr is not None
        kill = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        kill.start()
        try:
            for line in self._process.stderr:
                text = line.decode(errors="replace")
                if _READY in text:
                    self._talk = threading.Thread(target=self._process.stderr.read)
                    self._talk.start()
                    return int(text.rsplit(":", 1)[1])
        finally:
            kill.cancel()
        raise PageError("Firefox did not start")

    def call(self, method: str, **params: Any) -> Any:
        """Send a command and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while (answer := json.loads(self._socket.receive())).get("id") != self._number:
            pass  # an event
        if answer["type"] == "error":
            raise PageError(f"{method}: {answer['error']} {answer['message']}")
        return answer["result"]

    def open(self, page: Path) -> None:
        """Show a file."""
        self.call(
            "browsingContext.navigate", context=self._context, url=page.resolve().as_uri(), wait="complete"
        )

    def _evaluate(self, expression: str) -> Any:
        answer = self.call(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True,
            userActivation=True,
        )  # fmt: skip
        if answer["type"] == "exception":
            raise PageError(answer["exceptionDetails"]["text"])
        return answer["result"]

    def do(self, expression: str) -> Any:
        """Return what JavaScript makes of `expression`, a promise awaited; raise PageError if it throws."""
        return _value(self._evaluate(expression))

    def front(self) -> None:
        """Do nothing: there is one page."""

    def give(self, selector: str, files: Sequence[Path]) -> None:
        """Have the reader pick files in an input.

        No protocol of Firefox's picks a folder. Its files are given one by one, and only where in the folder
        each lies is told by us instead of by the picker; the files and how they are read are the browser's.
        """
        paths = [path.resolve() for path in files]
        if len(paths) == 1 and paths[0].is_dir():
            folder = paths[0]
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            places = {path.name: str(path.relative_to(folder.parent)) for path in paths}
            if len(places) < len(paths):
                raise ValueError("two files of one name: they can not be told apart")
            self.do(_FOLDER.format(selector=json.dumps(selector), places=json.dumps(places)))
        self.do(
            f"document.querySelector({json.dumps(selector)}).value = ''"
        )  # the same again would be no change
        node = self._evaluate(f"document.querySelector({json.dumps(selector)})")
        self.call(
            "input.setFiles", context=self._context, element={"sharedId": node["sharedId"]},
            files=[str(path) for path in paths],
        )  # fmt: skip

    def picture(self, path: Path) -> None:
        """Save the whole page as PNG."""
        answer = self.call("browsingContext.captureScreenshot", context=self._context, origin="document")
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """End the process and all its children."""
        self._socket.close()
        self._end()

    def _end(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._talk:
            self._talk.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Give a Firefox that is gone afterwards."""
    made = Firefox(folder / "profile")
    try:
        yield made
    finally:
        made.close()
