"""A session in a real browser: listen, vote by keys, undo, reload in the middle, a full disk, a restart."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
import threading
import time
from pathlib import Path

import pytest
from tombola_host.study.sessions import ballot as votes
from tombola_host.study.sessions.ballot import ballot_of
from tombola_host.study.sessions.desk import Desk
from tombola_host.study.sessions.serving import serve

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed; make env installs it")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed (Debian: chromium-driver)"
)
PORT = 8672
LONGEST_S = 60.0
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage--window-size=360,800"),
    "--autoplay-policy=no-user-gesture-required",
)


class Served:
    """A session on a port, which can end and begin again."""

    def __init__(self, session) -> None:
        self.session, self.address = session, ""

    def start(self) -> None:
        self.loop, self.stop, up = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

        def ready(address: str) -> None:
            self.address = address
            up.set()

        work = serve(Desk(self.session), PORT, ready, self.stop)
        self.thread = threading.Thread(target=lambda: self.loop.run_until_complete(work))
        self.thread.start()
        assert up.wait(10)

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, as small as a telephone."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(LONGEST_S)
    narrow = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    yield driver
    driver.quit()


@pytest.fixture
def served(session):
    """Serves a session of a kind."""
    made = []

    def start(*arguments, given=None, **changes):
        made.append(Served(given or session(*arguments, **changes)))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.end()


def _until(told, seconds=LONGEST_S):
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        with contextlib.suppress(Exception):
            if found := told():
                return found
        time.sleep(0.02)
    return told()


def _shown(browser, name):
    return _until(lambda: browser.find_element(By.ID, name).is_displayed())


def _text(browser, name):
    return browser.find_element(By.ID, name).text


def _enter(browser, served, listener="anna"):
    browser.get("about:blank")
    browser.get(served.address)
    assert _until(
        lambda: browser.find_element(By.ID, "who").is_displayed() or browser.find_element(By.ID, "trial").is_displayed()
    )
    if browser.find_element(By.ID, "who").is_displayed():
        browser.find_element(By.ID, "name").send_keys(listener, Keys.ENTER)
    assert _shown(browser, "trial"), _text(browser, "error")


def _leave(browser):
    browser.execute_script("localStorage.clear(); sessionStorage.clear()")


def _key(browser, *keys):
    browser.find_element(By.ID, "question").send_keys(*keys)


def _progress(browser):
    return browser.find_element(By.ID, "progress-text").text


def test_pairs_are_heard_and_voted_on_by_keys_with_words_undo_and_a_reload(browser, served):
    running = served("pairs", stimuli=3)
    _enter(browser, running)
    answer = browser.find_element(By.ID, "answer-a")
    assert not answer.is_enabled()  # Nothing was heard yet.
    _key(browser, "1")
    assert _until(lambda: browser.find_element(By.ID, "slot-A").get_attribute("aria-pressed") == "true")
    _key(browser, "2")
    assert _until(lambda: browser.find_element(By.ID, "slot-B").get_attribute("aria-pressed") == "true")
    assert browser.find_element(By.ID, "slot-A").get_attribute("aria-pressed") == "false"
    assert _until(answer.is_enabled)
    browser.find_element(By.ID, "words").send_keys("A is hollow, b n 1")
    assert _progress(browser).startswith("0 of 3")  # Letters in the text field are no answers.
    browser.refresh()
    assert _shown(browser, "trial")
    assert browser.find_element(By.ID, "words").get_attribute("value") == "A is hollow, b n 1"
    _key(browser, "1", "2")
    assert _until(browser.find_element(By.ID, "answer-a").is_enabled)
    _key(browser, "n")
    assert _until(lambda: _progress(browser).startswith("1 of 3"))
    _until(lambda: browser.find_element(By.ID, "trial").is_displayed())
    browser.find_element(By.ID, "undo").click()
    assert _until(lambda: _progress(browser).startswith("0 of 3"))
    for place in range(3):
        assert _shown(browser, "trial")
        _key(browser, "1", "2")
        assert _until(browser.find_element(By.ID, "answer-b").is_enabled)
        _key(browser, "b")
        assert _until(lambda done=place + 1: _progress(browser).startswith(f"{done} of 3"))
    assert _shown(browser, "end")
    ballot = ballot_of(running.session.listeners, "anna")
    assert [vote.answer for vote in ballot.votes.values()] == ["b", "b", "b"]
    assert ballot.history(0)[0].words == "A is hollow, b n 1"
    assert all(vote.seconds > 0 for vote in ballot.votes.values())
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    _leave(browser)


def test_ratings_have_a_slider_each_and_marks(browser, served):
    running = served("ratings", stimuli=2)
    _enter(browser, running)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    sliders = browser.find_elements(By.CSS_SELECTOR, "#slots input")
    assert len(sliders) == 5  # Two stimuli, the hidden reference, two anchors.
    for number in range(1, 7):
        _key(browser, str(number))
    for slider in sliders:
        slider.send_keys(Keys.ARROW_RIGHT)
    assert _until(browser.find_element(By.ID, "answer-rated").is_enabled)
    browser.find_element(By.CSS_SELECTOR, "#wrong summary").click()
    browser.find_element(By.CSS_SELECTOR, "#marks input").click()
    browser.find_element(By.ID, "answer-rated").click()
    assert _shown(browser, "end")
    (vote,) = ballot_of(running.session.listeners, "anna").votes.values()
    assert set(vote.ratings.values()) == {51.0}
    assert vote.marks == {"A": ["low"]}
    _leave(browser)


def test_a_tuning_session_asks_for_the_best_of_four_and_goes_on_from_the_answer(browser, served, planned):
    made = planned(
        'name = "t"\nkind = "tune"\nbundle = "FACTORY"\nvotes = 2\n'
        'passage = [{name = "short", notes = [[0.0, 0.5, 64, 0.7]]}]\n'
    )
    running = served(given=made)
    _enter(browser, running)
    for done in range(2):
        assert _shown(browser, "trial")
        _key(browser, "1", "2", "3", "4")
        assert _until(browser.find_element(By.ID, "answer-d").is_enabled)
        _key(browser, "d")
        assert _until(lambda done=done: _progress(browser).startswith(f"{done + 1} of 2"))
    assert _shown(browser, "end")
    votes_cast = ballot_of(made.listeners, "anna").votes
    assert [vote.answer for vote in votes_cast.values()] == ["d", "d"]
    first, second = ({str(heard.setting) for heard in vote.heard.values()} for vote in votes_cast.values())
    assert first & second == {str(votes_cast[0].heard["D"].setting)}, "what was best, beside three new ones"
    assert len(second) == 4
    _leave(browser)


def test_a_full_disk_and_a_restart_lose_no_answer(browser, served, monkeypatch):
    running = served("pairs", stimuli=2)
    _enter(browser, running)
    _key(browser, "1", "2")
    assert _until(browser.find_element(By.ID, "answer-a").is_enabled)
    browser.find_element(By.ID, "words").send_keys("stays")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(votes.os, "fsync", full)
        _key(browser, "a")
        assert _until(lambda: "free some space and vote again" in _text(browser, "error"))
    assert browser.find_element(By.ID, "words").get_attribute("value") == "stays"
    running.end()
    assert _until(browser.find_element(By.ID, "answer-a").is_enabled)
    _key(browser, "a")
    assert _until(lambda: "still running" in _text(browser, "error"))
    running.start()
    _key(browser, "a")
    assert _until(lambda: "not logged in" in _text(browser, "error"))
    browser.get("about:blank")
    browser.get(running.address)
    assert _shown(browser, "trial")
    assert browser.find_element(By.ID, "words").get_attribute("value") == "stays"
    _key(browser, "1", "2")
    assert _until(browser.find_element(By.ID, "answer-a").is_enabled)
    _key(browser, "a")
    assert _shown(browser, "end")
    assert ballot_of(running.session.listeners, "anna").votes[0].words == "stays"
    _leave(browser)


def test_every_control_has_a_name_and_the_page_fetches_nothing_from_elsewhere(browser, served):
    _enter(browser, served("abx", stimuli=2, repeats=1))
    for control in browser.find_elements(By.CSS_SELECTOR, "button, input, textarea, progress"):
        assert control.accessible_name or not control.is_displayed(), control.get_attribute("outerHTML")
    for letter in "ABX":
        assert browser.find_element(By.ID, f"slot-{letter}").is_displayed()
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(name.startswith(f"http://127.0.0.1:{PORT}/") for name in fetched)
    size = sum(path.stat().st_size for path in (Path(votes.__file__).parent / "page").iterdir())
    assert size < 40_000
    _leave(browser)
