"""The page in Debian's Chromium: in front of a small instrument of the tests' own, and of the real one.

``TOMBOLA_BROWSER=firefox`` runs the same tests in Debian's Firefox; a few ask for what it has not, and are left out.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import os
import shutil
import time
from pathlib import Path

import pytest

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-prefers-reduced-motion", "--hide-scrollbars",
)  # fmt: skip
PATIENCE_S = 40.0
IN_FIREFOX = os.environ.get("TOMBOLA_BROWSER") == "firefox"
NOT_IN_FIREFOX = {
    "test_a_finger_that_slides_plays_what_it_slides_over_and_two_fingers_play_two_keys": "gives one finger alone",
    "test_the_first_paint_waits_for_little": "does not say what its first paint waits for",
}
BROKEN_LINKS = ("WebSocket connection", "net::ERR", "status of 40", "establish a connection", "was interrupted")


class Page:
    """A window of the browser with the page in it; the words of the tests."""

    def __init__(self, driver) -> None:
        self.driver = driver
        self.size(1400, 1000)

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, address: str) -> Page:
        self.driver.get("about:blank")  # So that an address which differs only behind # is loaded too.
        self.driver.get(address)
        self.until("document.body.dataset.ready && document.querySelector('#link').dataset.link === 'up'")
        self.until("document.querySelectorAll('#board button').length > 7")
        self.until("document.querySelector('#KNOB_1').getAttribute('aria-label') !== 'knob 1, no mode'")
        return self

    def js(self, code: str, *arguments: object):
        return self.driver.execute_script(f"return ({code})", *arguments)

    def module(self, code: str, *arguments: object):
        """Run code that may await, as in a module."""
        script = (
            "const done = arguments[arguments.length - 1]; (async (...args) => {"
            + code
            + "})(...arguments).then(done, (e) => done(String(e)))"
        )
        return self.driver.execute_async_script(script, *arguments)

    def until(self, code: str, *arguments: object) -> None:
        eventually(lambda: self.js(code, *arguments), code)

    def find(self, selector: str):
        return self.driver.find_element("css selector", selector)

    def value(self, control: str) -> float:
        return float(self.find(control).get_attribute("aria-valuenow"))

    def words(self, control: str) -> str:
        return self.find(control).get_attribute("aria-valuetext")

    def middle(self, selector: str, right: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        box, before = None, {}
        while box != before:  # What is still being laid out moves.
            before = box
            self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", self.find(selector))
            time.sleep(0.05)
            box = self.js("arguments[0].getBoundingClientRect().toJSON()", self.find(selector))
        return box["x"] + right * box["width"], box["y"] + down * box["height"]

    def mouse(self, kind: str, x: float, y: float) -> None:
        button = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {"button": "left"}
        buttons = 0 if kind == "mouseReleased" else 1
        self.driver.execute_cdp_cmd(
            "Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "buttons": buttons, **button}
        )

    def click(self, selector: str, right: float = 0.5, down: float = 0.5) -> None:
        place = self.middle(selector, right, down)
        self.mouse("mousePressed", *place)
        self.mouse("mouseReleased", *place)

    def touch(self, kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def key(self, key: str, code: str, kind: str = "keyDown", *, shift: bool = False) -> None:
        text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
        numbers = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "PageUp": 33, "End": 35, "Home": 36, "ArrowLeft": 37,
                   "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}  # fmt: skip
        event = {"type": kind, "key": key, "code": code, "modifiers": 8 * shift, **text}
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event | {"windowsVirtualKeyCode": numbers.get(key, 0)})

    def press(self, key: str, code: str = "", *, shift: bool = False) -> None:
        self.key(key, code or key, shift=shift)
        self.key(key, code or key, "keyUp", shift=shift)

    def picture(self, path: Path) -> None:
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the browser has complained of since the last look, connections that broke left out."""
        lines = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [line for line in lines if not any(words in line for words in BROKEN_LINKS)]


def eventually(holds, what: str) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(Exception):
            if holds():
                return
        assert time.monotonic() < end_s, f"it never came: {what}"
        time.sleep(0.02)


def pytest_collection_modifyitems(items):
    for item in items:
        if IN_FIREFOX and item.name in NOT_IN_FIREFOX:
            item.add_marker(pytest.mark.skip(f"Firefox {NOT_IN_FIREFOX[item.name]}"))


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    driver = _firefox(tmp_path_factory) if IN_FIREFOX else _chromium(tmp_path_factory)
    yield driver
    driver.quit()


def _firefox(tmp_path_factory):
    firefox = _beside("firefox")
    if shutil.which(firefox.FIREFOX) is None:
        pytest.skip(f"{firefox.FIREFOX} is not here; install Debian's firefox-esr")
    return firefox.Firefox(tmp_path_factory.mktemp("firefox"))


def _chromium(tmp_path_factory):
    missing = [name for name in (CHROMIUM, DRIVER) if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} are not here; install Debian's chromium and chromium-driver")
    if importlib.util.find_spec("selenium") is None:
        pytest.skip("selenium is not installed; make env")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


@pytest.fixture
def page(driver):
    """A window; at the end the browser must have had nothing to complain of."""
    with _window(driver) as page:
        yield page
        complaints = page.complaints()
    assert complaints == []


@pytest.fixture(scope="module")
def module_page(driver):
    """A window for all tests of a file."""
    with _window(driver) as page:
        yield page


@contextlib.contextmanager
def _window(driver):
    before = driver.window_handles
    driver.switch_to.new_window("tab")  # One that was touched with two fingers takes no finger after it was resized.
    page = Page(driver)
    page.complaints()
    yield page
    for window in driver.window_handles:
        if window not in before:
            driver.switch_to.window(window)
            driver.close()
    driver.switch_to.window(before[-1])


@pytest.fixture
def instrument():
    with _fake().FakeInstrument() as instrument:
        yield instrument


@pytest.fixture(scope="module")
def module_instrument():
    with _fake().FakeInstrument() as instrument:
        yield instrument


@pytest.fixture
def another():
    """Makes a further small instrument: ``with another(port=…, delay_s=…) as instrument``."""
    return _fake().FakeInstrument


def _fake():
    pytest.importorskip("microdot", reason="microdot is not installed; make env")
    return _beside("instrument")


def _beside(name: str):
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(f"browser_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
