"""Firefox by WebDriver BiDi, which it speaks itself, in as many of selenium's words as the tests of the page need.

Selenium drives Firefox through geckodriver, which Debian does not package for this browser.
Source of the messages: https://www.w3.org/TR/webdriver-bidi/
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

FIREFOX = "/usr/bin/firefox-esr"
PATIENCE_S = 120.0
PREFERENCES = {
    "ui.prefersReducedMotion": 1,
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
KEYS = {
    "Shift": "\ue008", "Tab": "\ue004", "Enter": "\ue007", "\n": "\ue007", "Escape": "\ue00c", "PageUp": "\ue00e",
    "PageDown": "\ue00f", "End": "\ue010", "Home": "\ue011", "ArrowLeft": "\ue012", "ArrowUp": "\ue013",
    "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Delete": "\ue017",
}  # fmt: skip
SHIFT = 8
GIVEN = "const given = [...arguments].map((it) => (typeof it === 'string' ? JSON.parse(it) : it));"


class Element:
    """An element of the page."""

    def __init__(self, driver: Firefox, shared_id: str) -> None:
        self._driver, self.shared_id = driver, shared_id

    def _do(self, code: str, *arguments: object):
        return self._driver.execute_script(code, self, *arguments)

    def get_attribute(self, name: str) -> str | None:
        return self._do("return arguments[0].getAttribute(arguments[1]) ?? arguments[0][arguments[1]] ?? null", name)

    @property
    def text(self) -> str:
        return self._do("return arguments[0].innerText")

    def send_keys(self, *texts: str) -> None:
        text = "".join(texts)
        if self.get_attribute("type") == "file":
            self._driver.command("input.setFiles", element={"sharedId": self.shared_id}, files=[text])
            return
        self._do("arguments[0].focus()")
        letters = [KEYS.get(letter, letter) for letter in text]
        self._driver.perform(
            "key", "keys", [{"type": kind, "value": letter} for letter in letters for kind in ("keyDown", "keyUp")]
        )


class Windows:
    """What selenium calls ``switch_to``."""

    def __init__(self, driver: Firefox) -> None:
        self._driver = driver

    def new_window(self, kind: str) -> None:
        self._driver.current_window_handle = self._driver.send("browsingContext.create", type=kind)["context"]

    def window(self, handle: str) -> None:
        self._driver.current_window_handle = handle
        self._driver.command("browsingContext.activate")


class Firefox:
    """A browser without windows on a screen. ``profile``: an empty folder."""

    def __init__(self, profile: Path) -> None:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [FIREFOX, "--headless", "--no-remote", "--profile", str(profile), f"--remote-debugging-port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._line, self._last, self._events = _connect(port), 0, []
        self._fingers: set[int] = set()
        self.send("session.new", capabilities={"alwaysMatch": {}})
        self.send("session.subscribe", events=["log.entryAdded"])
        self.current_window_handle, self.switch_to = self.window_handles[0], Windows(self)

    def send(self, method: str, **parameters: object) -> dict:
        """Send a command and return its result; keep the events that come meanwhile."""
        self._last += 1
        self._line.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._line.recv())
            if answer.get("id") == self._last:
                assert answer["type"] != "error", f"{method}: {answer}"
                return answer["result"]
            self._events.append(answer)

    def command(self, method: str, **parameters: object) -> dict:
        """The same, for the current window."""
        return self.send(method, context=self.current_window_handle, **parameters)

    def perform(self, kind: str, name: str, actions: list[dict], pointer: str = "mouse") -> None:
        self.command("input.performActions", actions=[_source(kind, name, actions, pointer)])

    @property
    def window_handles(self) -> list[str]:
        return [window["context"] for window in self.send("browsingContext.getTree", maxDepth=0)["contexts"]]

    @property
    def current_url(self) -> str:
        return self.execute_script("return location.href")

    def get(self, address: str) -> None:
        self.command("browsingContext.navigate", url=address, wait="complete")

    def refresh(self) -> None:
        self.command("browsingContext.reload", wait="complete")

    def close(self) -> None:
        self.command("browsingContext.close")

    def quit(self) -> None:
        self.send("browser.close")
        self._process.wait(PATIENCE_S)
        self._line.close()

    def delete_all_cookies(self) -> None:
        self.send("storage.deleteCookies", partition={"type": "context", "context": self.current_window_handle})

    def find_element(self, _by: str, selector: str) -> Element:
        found = self._call(f"function () {{ return document.querySelector({json.dumps(selector)}); }}")
        assert found["type"] == "node", f"nothing is {selector}"
        return Element(self, found["sharedId"])

    def execute_script(self, code: str, *arguments: object):
        body = f"return JSON.stringify((function () {{ {code} }}).apply(null, given));"
        return _value(self._call(f"function () {{ {GIVEN} {body} }}", *arguments))

    def execute_async_script(self, code: str, *arguments: object):
        told = "[...given, (value) => tell(JSON.stringify(value))]"
        body = f"return new Promise((tell) => (function () {{ {code} }}).apply(null, {told}));"
        return _value(self._call(f"function () {{ {GIVEN} {body} }}", *arguments))

    def get_log(self, _kind: str) -> list[dict[str, str]]:
        self.execute_script("return 1")  # Events come before the answer.
        entries = [event["params"] for event in self._events if event.get("method") == "log.entryAdded"]
        self._events.clear()
        return [
            {"level": "SEVERE" if entry["level"] == "error" else "INFO", "message": str(entry.get("text"))}
            for entry in entries
        ]

    def execute_cdp_cmd(self, name: str, told: dict) -> dict:
        """What the tests ask of Chromium's own protocol."""
        match name:
            case "Emulation.setDeviceMetricsOverride":
                size = {"width": told["width"], "height": told["height"]}
                return self.command("browsingContext.setViewport", viewport=size, devicePixelRatio=1)
            case "Page.captureScreenshot":
                return self.command("browsingContext.captureScreenshot")
            case "Input.dispatchMouseEvent":
                button = {"mouseMoved": [], "mousePressed": [_button("Down")], "mouseReleased": [_button("Up")]}
                self.perform("pointer", "mouse", [_move(told), *button[told["type"]]])
            case "Input.dispatchTouchEvent":
                self._touch({point["id"]: point for point in told["touchPoints"]}, ends=told["type"] == "touchEnd")
            case "Input.dispatchKeyEvent":
                press = [{"type": told["type"], "value": KEYS.get(told["key"], told["key"])}]
                shift = [{"type": kind, "value": KEYS["Shift"]} for kind in ("keyDown", "keyUp")]
                self.perform("key", "keys", [*shift[:1], *press, *shift[1:]] if told["modifiers"] & SHIFT else press)
        return {}

    def _touch(self, points: dict[int, dict], *, ends: bool) -> None:
        sources = []
        for finger in sorted(self._fingers | set(points)):
            actions = [_move(points[finger])] if finger in points else [_button("Up")] if ends else []
            actions += [_button("Down")] if finger not in self._fingers else []
            sources.append(_source("pointer", f"finger {finger}", actions, "touch"))
        self.command("input.performActions", actions=sources)
        self._fingers = set(points)

    def _call(self, declaration: str, *arguments: object) -> dict:
        given = [
            {"sharedId": it.shared_id} if isinstance(it, Element) else {"type": "string", "value": json.dumps(it)}
            for it in arguments
        ]
        answer = self.send(
            "script.callFunction",
            functionDeclaration=declaration,
            awaitPromise=True,
            arguments=given,
            target={"context": self.current_window_handle},
        )
        assert answer["type"] == "success", answer
        return answer["result"]


def _connect(port: int):
    import websocket

    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return websocket.create_connection(
                f"ws://127.0.0.1:{port}/session", suppress_origin=True, timeout=PATIENCE_S
            )
        except OSError:
            assert time.monotonic() < until_s, "Firefox does not listen"
            time.sleep(0.1)


def _source(kind: str, name: str, actions: list[dict], pointer: str) -> dict:
    more = {"parameters": {"pointerType": pointer}} if kind == "pointer" else {}
    return {"type": kind, "id": name, "actions": actions, **more}


def _move(place: dict) -> dict:
    return {"type": "pointerMove", "x": place["x"], "y": place["y"]}


def _button(which: str) -> dict:
    return {"type": f"pointer{which}", "button": 0}


def _value(answer: dict):
    return json.loads(answer["value"]) if answer["type"] == "string" else None
