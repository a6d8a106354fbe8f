"""Firefox without a display, driven through WebDriver BiDi: pages from disk, with the network off.

Playwright drives no Firefox that Debian has. This is as much of the protocol as the tests need.
"""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websocket
from lab import free_port

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
KEYS = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014", "ArrowUp": "\ue013", "ArrowDown": "\ue015", "Enter": "\ue007"}
KEYS |= {"Tab": "\ue004", "Home": "\ue011", "End": "\ue010", "Space": " "}
SETTINGS = {  # no network: what is asked of it goes to a port where nobody listens
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Page:
    """One page. heard: what its console complained of, and each address that it asked for and that is no file."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=30, suppress_origin=True)
        self._ids = itertools.count(1)
        self.heard: list[str] = []
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.context = self.ask("browsingContext.create", type="tab")["context"]
        self.ask("browsingContext.activate", context=self.context)  # or keys press no buttons
        self.ask("browsingContext.setViewport", context=self.context, viewport={"width": 1280, "height": 900})

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and return its result; note what is heard meanwhile."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "log.entryAdded" and params["level"] in ("error", "warn"):
            self.heard.append(params["text"])
        elif message.get("method") == "network.beforeRequestSent":
            address = params["request"]["url"]
            if not address.startswith(("file:", "data:", "blob:", "about:")):
                self.heard.append(address)

    def open(self, path: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self.ask("browsingContext.navigate", context=self.context, url=path.as_uri(), wait="complete")

    def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript is worth, by way of JSON; it may be a promise."""
        answer = self.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({expression})) ?? null))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"]["value"])

    def press(self, *keys: str) -> None:
        """Press keys one after the other, where the focus is."""
        pressed = [KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": key} for key in pressed for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": actions})

    def click(self, x: float, y: float) -> None:
        """Click at a point of what is seen of the page, in pixels."""
        actions = [{"type": "pointerMove", "x": round(x), "y": round(y)}]
        actions += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._act({"type": "pointer", "id": "mouse", "actions": actions})

    def _act(self, source: dict[str, Any]) -> None:
        self.ask("input.performActions", context=self.context, actions=[source])

    def close(self) -> None:
        """Leave the browser."""
        self._socket.close()


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """Start headless Firefox; yield its one page."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "profile")
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in SETTINGS.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = [str(FIREFOX), "--headless", "--no-remote", f"--remote-debugging-port={port}", "--profile", profile]
        process = subprocess.Popen(
            [*map(str, command), "about:blank"],
            env=os.environ | {"HOME": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with contextlib.closing(_connect(f"ws://127.0.0.1:{port}/session", 60)) as page:
                yield page
        finally:
            process.terminate()
            process.wait(30)


def _connect(address: str, seconds: float) -> Page:
    end = time.monotonic() + seconds
    while True:
        try:
            return Page(address)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
