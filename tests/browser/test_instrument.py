"""The page in front of the real instrument: ``tombolad run --browser``, with its engine, slots and restarts."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
START_S = 60.0
LOG = logging.getLogger(__name__)


class Running:
    """An instrument in a process of its own, without a card."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        config = folder / "tombola.toml"
        config.write_text(
            f'state_dir = "{folder / "state"}"\naudio = "null"\nmidi = "none"\nmeasure = false\nrealtime = false\n'
        )
        command = [sys.executable, "-m", "tombola_device", "run", "--browser", "--no-open", "--config", str(config)]
        command += ["--port", str(port)] if port else []
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.address = self._read_address()
        self.port = int(re.search(r":(\d+)/", self.address)[1])

    def _read_address(self) -> str:
        end_s, said = time.monotonic() + START_S, b""
        while time.monotonic() < end_s:
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                piece = os.read(self.process.stdout.fileno(), 4096)
                said += piece
                found = re.search(rb"http://127\.0\.0\.1:\d+/#[\w-]+", said)
                if found:
                    return found[0].decode()
                assert piece, f"tombolad has ended: {said.decode()}"
        raise AssertionError(f"no address came: {said.decode()}")

    def kill(self) -> None:
        """As a power cut would: no process of it gets to say goodbye."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process.stdout.close()

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
            self.process.stdout.close()
        except subprocess.TimeoutExpired:
            self.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    pytest.importorskip("microdot", reason="microdot is not installed; make env")
    running = Running(tmp_path_factory.mktemp("instrument"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def one_page(module_page, running):
    module_page.size(1400, 1000)
    return module_page.open(running.address)


@pytest.fixture
def page(one_page):
    yield one_page
    assert one_page.complaints() == []


def figure(page, name: str) -> str:
    return page.js(
        "[...document.querySelectorAll('#figures div')].find((it) => it.firstChild.textContent === arguments[0]).lastChild.textContent",
        name,
    )


def test_the_quartet_plays_a_key_and_the_time_to_its_sound_is_shown(page):
    page.until("document.querySelector('#bundle').textContent === 'quartet'")
    page.key("z", "KeyZ")
    page.until("document.querySelector('#board [data-note=\"48\"]').classList.contains('lit')")
    page.until("[...document.querySelectorAll('#figures dd')][5].textContent.startsWith('1 of')")
    page.until("/dBFS/.test(document.querySelector('#figures').textContent)")
    page.key("z", "KeyZ", "keyUp")
    page.until("/^\\d+\\.\\d ms, at most/.test(document.querySelector('#figures dd').textContent)")
    assert figure(page, "bundle's delay") == "0 ms"
    assert re.fullmatch(r"207 \d{3} \+ 59 \d{3}", figure(page, "bundle's cost"))


def test_a_knob_moves_the_blend_that_the_engine_plays(page):
    page.js("document.querySelector('#KNOB_3').focus()")
    page.press("End")
    page.until("document.querySelector('#KNOB_3').getAttribute('aria-valuenow') === '1'")
    page.until("/flute 50 %/.test(document.querySelector('#blend-pad canvas').getAttribute('aria-valuetext'))")
    page.press("Home")
    page.until("/sax 100 %/.test(document.querySelector('#blend-pad canvas').getAttribute('aria-valuetext'))")


def test_pads_are_painted_with_maps_of_2500_points_that_follow_the_blend(page):
    for pad in ("blend", "timbre"):
        page.until(f"document.querySelector('#{pad}-scale').textContent.includes(' … ')")
    before = page.find("#timbre-scale").text
    page.click("#blend-pad canvas", 0.5, 0.97)
    page.until("document.querySelector('#timbre-scale').textContent !== arguments[0]", before)
    page.press("Delete")


def test_the_page_and_the_instrument_have_one_rule_for_the_blend_pad(page):
    from tombola_device.surface.browser.places import blends_at, grid

    for modes in (1, 2, 3, 4, 5, 8):
        theirs = page.module(
            """const [modes] = args, { weightsAt } = await import("./polygon.js"), side = 20, all = [];
            for (let row = 0; row < side; row++)
              for (let column = 0; column < side; column++)
                all.push(weightsAt(2 * (column + 0.5) / side - 1, 2 * (row + 0.5) / side - 1, modes));
            return all;""",
            modes,
        )
        assert np.abs(np.array(theirs) - blends_at(grid(20), modes)).max() < 1e-6


def test_the_display_is_the_oled_and_its_menu_goes_on(page):
    lit = "[...document.querySelector('#display').getContext('2d').getImageData(0, 0, 128, 64).data].filter((red, at) => at % 4 === 0 && red === 191).length"
    if page.js("document.querySelector('#display') === null"):
        pytest.skip("pillow is not installed")
    page.until(f"{lit} > 100")
    rows = "[...document.querySelector('#display').getContext('2d').getImageData(0, 0, 128, 9).data].filter((red, at) => at % 4 === 0 && red === 191).length"
    assert page.js(rows) < 400
    page.click("#SHIFT")
    page.js("document.querySelector('#ENC').focus()")
    page.press("ArrowUp")
    page.until(f"{rows} > 600")  # The head of a page is white.
    page.press("ArrowDown")
    page.until(f"{rows} < 400")
    page.click("#SHIFT")


def test_a_gate_at_the_jack_plays_the_pitch_that_is_patched_into_v_oct_and_the_gate_output_glows(page):
    page.js("document.querySelector('#V_OCT').focus()")
    for _ in range(10):
        page.press("PageUp")  # Ten times a fifteenth of 9.5 V.
    page.until("document.querySelector('#V_OCT').getAttribute('aria-valuetext') === '+6.33 V'")
    page.press("Delete")
    page.until("document.querySelector('#V_OCT').getAttribute('aria-valuetext') === '+0.00 V'")
    x, y = page.middle("#GATE_IN")
    page.mouse("mousePressed", x, y)
    page.until("document.querySelector('#GATE_OUT .plug').getAttribute('fill-opacity') === '1.00'")
    page.until("[...document.querySelectorAll('#figures dd')][5].textContent.startsWith('1 of')")
    page.mouse("mouseReleased", x, y)
    page.until("document.querySelector('#GATE_OUT .plug').getAttribute('fill-opacity') === '0.00'")


def test_a_scene_is_saved_named_and_recalled(page):
    page.click("#tabs button:nth-child(1)")
    page.click("#timbre-pad canvas", 0.9, 0.9)
    page.until("Number(document.querySelector('#KNOB_6').getAttribute('aria-valuenow')) > 0.85")
    page.click(".scenes li:nth-child(5) button:nth-of-type(2)")
    page.until("!document.querySelector('.scenes li:nth-child(5) input').disabled")
    page.click(".scenes li:nth-child(5) input")
    page.find(".scenes li:nth-child(5) input").send_keys("dusk", "\n")
    page.click("#timbre-pad canvas", 0.2, 0.9)
    page.until("Number(document.querySelector('#KNOB_6').getAttribute('aria-valuenow')) < 0.25")
    page.click(".scenes li:nth-child(5) button:nth-of-type(1)")
    page.until("Number(document.querySelector('#KNOB_6').getAttribute('aria-valuenow')) > 0.85")
    page.until("document.querySelector('.scenes li:nth-child(5) input').value === 'dusk'")


def test_scope_and_spectrum_show_a_note(page):
    drawn = "(() => { const c = document.querySelector('#spectrum'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"
    page.js("document.querySelector('#shows').scrollIntoView()")
    page.key("q", "KeyQ")
    quiet = page.js(drawn)
    page.until(f"{drawn} > {quiet} * 1.2 + 500")
    page.key("q", "KeyQ", "keyUp")


def test_the_engine_is_heard_in_the_browser(page):
    page.click("#listen")
    page.until("/Listening, \\d+ ms/.test(document.querySelector('#listen').textContent)")
    late_ms = int(page.find("#listen").text.split()[1])
    LOG.info("from the engine to this browser's output: %d ms", late_ms)
    assert late_ms < 1000
    page.click("#listen")


def test_a_setting_is_chosen_and_shown_by_a_second_window(page, running):
    page.click("#tabs button:nth-child(3)")
    page.until("document.querySelectorAll('.settings select').length > 10")
    page.js(
        "(() => { const it = [...document.querySelectorAll('.settings label')].find((row) => row.textContent.startsWith('Voices')).querySelector('select'); it.value = 'mono'; it.dispatchEvent(new Event('change')); })()"
    )
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("window")
    page.driver.get(running.address.partition("#")[0])  # The cookie is enough.
    page.until("document.body.dataset.ready")
    page.until(
        "[...document.querySelectorAll('.settings label')].some((row) => row.textContent.startsWith('Voices') && row.querySelector('select').value === 'mono')"
    )
    page.driver.close()
    page.driver.switch_to.window(first)


def test_another_bundle_is_flashed_by_a_drop_while_a_note_sounds(page):
    data = (MODELS / "struck" / "struck.tombola").read_bytes()
    page.key("z", "KeyZ")
    page.module(
        """const [text] = args, files = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        files.items.add(new File([bytes], "struck.tombola"));
        for (const kind of ["dragover", "drop"])
          document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));""",
        base64.b64encode(data).decode(),
    )
    page.until("document.querySelector('#bundle').textContent === 'struck'")
    page.until("document.querySelector('#KNOB_1').getAttribute('aria-label') === 'weight of piano'")
    page.key("z", "KeyZ", "keyUp")
    page.click("#tabs button:nth-child(2)")
    page.click("[data-page=Sounds] > p button")
    page.until("document.querySelector('#bundle').textContent === 'quartet'")


def test_what_is_no_bundle_is_refused_in_a_sentence_and_the_quartet_plays_on(page):
    page.module(
        """const files = new DataTransfer();
        files.items.add(new File(["TOMBOLA, but not one"], "mine.tombola"));
        document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: files }));"""
    )
    page.until(
        "/bundle/.test(document.querySelector('#notice').textContent) && !/on its way/.test(document.querySelector('#notice').textContent)"
    )
    assert page.find("#bundle").text == "quartet"
    page.key("z", "KeyZ")
    page.until("[...document.querySelectorAll('#figures dd')][5].textContent.startsWith('1 of')")
    page.key("z", "KeyZ", "keyUp")


def test_a_backup_holds_the_scene_and_can_be_restored(page, running):
    text = page.module("return await (await fetch('backup')).text();")
    assert "dusk" in text
    assert "dusk" in json.dumps(json.loads(text))
    said = page.module(
        "const a = await fetch('restore', { method: 'POST', body: args[0], headers: { 'Content-Type': 'application/json' } }); return [a.status, await a.json()];",
        text,
    )
    assert said[0] == 200


def test_the_page_of_a_killed_instrument_comes_back_with_the_next_one_and_nothing_is_lost(module_page, tmp_path):
    first = Running(tmp_path)
    try:
        module_page.open(first.address)
        module_page.click("#tabs button:nth-child(1)")
        module_page.click(".scenes li:nth-child(7) button:nth-of-type(2)")
        module_page.until("!document.querySelector('.scenes li:nth-child(7) button').disabled")
        module_page.key("z", "KeyZ")
    finally:
        first.kill()
    module_page.until("document.querySelector('#link').dataset.link === 'down'")
    module_page.key("z", "KeyZ", "keyUp")
    second = Running(tmp_path, first.port)
    try:
        module_page.until("document.querySelector('#link').dataset.link === 'up'")
        module_page.until("!document.querySelector('.scenes li:nth-child(7) button').disabled")
        # The page is there before the engine has started again; a key before that is not heard.
        module_page.until("document.querySelector('#bundle').textContent === 'quartet'")
        module_page.until("/ of [1-9]/.test(document.querySelector('#summary').textContent.replace('/', ' of '))")
        module_page.key("q", "KeyQ")
        module_page.until("/^\\d+\\.\\d ms, at most/.test(document.querySelector('#figures dd').textContent)")
    finally:
        second.stop()
    module_page.complaints()
