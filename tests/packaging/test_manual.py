"""The manual beside the hardware and the firmware that it describes, and how soon it answers a question."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tombola_device.config import read_config
from tombola_device.contract.controls import MAX_MODES, MAX_VOICES
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.files import DiskFiles
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.settings import NOTHING, SettingsPage

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "manual.md").read_text()
PIN_MAP = json.loads((ROOT / "hardware" / "generated" / "tombola-pin_map.json").read_text())
FIGURES = json.loads((ROOT / "hardware" / "generated" / "simulation" / "figures.json").read_text())


def section(title: str) -> str:
    return MANUAL.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    found = [line.strip("|").split("|") for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in found][2:]


def specification(name: str) -> str:
    return next(text for row, text in rows("Specification") if row == name)


# The hardware


@pytest.fixture(scope="module")
def hardware():
    pytest.importorskip("ezdxf", reason="ezdxf is not installed; make env")
    from tombola_hardware import instrument, mechanics, ratings
    from tombola_hardware.panel import layout, lettered

    return instrument, mechanics, ratings, layout, lettered


def test_width_depth_and_current_are_those_of_the_hardware(hardware):
    instrument, mechanics, ratings, layout, _ = hardware
    assert specification("Width").startswith(f"{instrument.HP} HP ({layout.WIDTH_MM:g} mm)")
    assert specification("Depth").startswith(f"{-(-mechanics.depth_mm() // 1):.0f} mm ")
    busy_ma = 1e3 * ratings.plus_12_amps(ratings.PI_WATTS["Raspberry Pi 4, four cores busy"])
    idle_ma = 1e3 * ratings.plus_12_amps(ratings.PI_WATTS["Raspberry Pi 4, idle"])
    said = [int(number) for number in re.findall(r"(\d+) mA", specification("Current"))]
    assert said == pytest.approx([busy_ma, idle_ma, 1e3 * ratings.minus_12_amps()], abs=10)


def test_volts_are_those_of_pins_and_simulation():
    volts = [float(part.replace("−", "-")) for part in re.findall(r"[−+]?[\d.]+(?= …| V)", specification("CV inputs"))]
    assert len(volts) == 5
    for jack, low, high in (("V_OCT", *volts[:2]), ("CV_X", *volts[2:4]), ("CV_3", *volts[2:4])):
        pin = PIN_MAP["adc"][jack]
        assert pin["volts_at_full"] < low < high < pin["volts_at_zero"]
    for name, value in (
        ("Gates", round(FIGURES["gate threshold, V"], 1)),
        ("Gates", f"{round(FIGURES['gate out low, V'])} and {round(FIGURES['gate out high, V'])}"),
        ("CV outputs", f"−{-round(FIGURES['CV out low, V'])} … +{round(FIGURES['CV out high, V'])}"),
        ("Sound", f"{round(FIGURES['audio, V peak to peak into 100 kΩ'])} Vpp"),
    ):
        assert str(value) in specification(name)
    control = section("Control voltages")
    assert control.count(f"threshold {round(FIGURES['gate threshold, V'], 1)} V") == 2
    for text in re.findall(r"[−+][\d.]+ … \+[\d.]+ V", specification("CV inputs")):
        assert text in control


def test_voices_modes_and_latency_are_those_of_the_firmware_and_its_measurements():
    assert specification("Polyphony").startswith(f"{MAX_VOICES} voices at most")
    assert specification("Modes in a bundle").startswith(f"{MAX_MODES} at most")
    assert read_config(ROOT / "systemd" / "tombola.toml").voices == int(
        re.search(r"module's says (\d+)", specification("Polyphony"))[1]
    )
    measured = (ROOT / "docs" / "figures.md").read_text()
    gate_ms, midi_ms, cv_ms = re.findall(r"([\d.]+) ms from", specification("Latency"))
    assert f"DIN {midi_ms} ms at the median" in measured
    assert f"CV {cv_ms} and" in measured
    assert f"gates {gate_ms} ±" in measured


def test_every_letter_of_the_picture_stands_in_the_table_with_its_name(hardware):
    *_, lettered = hardware
    letters = lettered.lettering()
    table = rows("Every jack and control")
    assert [row[0] for row in table] == list(letters)
    for (letter, controls), (_, name, text) in zip(letters.items(), table, strict=True):
        legends = {control.legend for control in controls}
        assert name in legends or letter in "ABC", (letter, name)
        if len(controls) == 1 and controls[0].shifted and letter != "F":
            assert f"with SHIFT: {controls[0].shifted.lower().replace('page', 'the next page')}" in text
        kind = type(controls[0]).__name__
        if kind.endswith(("Output", "Input", "Jack")):
            from tombola_hardware.panel.layout import is_output

            assert text.startswith("out: " if is_output(controls[0]) else "in: ")
    picture = (ROOT / "docs" / "pictures" / "panel_lettered.svg").read_text()
    assert picture == lettered.lettered()
    assert re.findall(r">([A-Z])</text>", picture) == [
        letter for letter, controls in letters.items() for _ in (controls if letter != "C" else controls[:1])
    ]


# The firmware


def settings(folder: Path):
    player = Player(5, 4)
    store = SceneStore(DiskFiles(), folder, ())
    return SettingsPage(player, MidiMap(player), PanelMap(player), store, AtOnce()).options()


def test_every_setting_stands_in_the_manual_with_all_its_choices_and_its_first_one(tmp_path):
    table = {row[0].strip("*"): row[1:] for row in rows("Settings")}
    options = settings(tmp_path)
    assert list(table) == [option.name for option in options]
    for option in options:
        first, further = table[option.name]
        if not option.waits:
            assert first == option.choices[option.chosen], option.name
        text = f"{first}, {further}"
        for low, high in re.findall(r"(\d+) … (\d+)", text):
            text += ", " + ", ".join(
                f"{word}{number}" for number in range(int(low), int(high) + 1) for word in ("", "weight ", "word ")
            )
        said = {re.sub(r"[:%].*| semitones", "", part).strip() for part in text.split(",")} | {"all", NOTHING, "–"}
        for choice in option.choices:
            assert choice.removesuffix("%").strip() in said, (option.name, choice)


# Questions

WORDS_PER_MINUTE = 200
BEST_S = 20.0
HIT_WORDS = 5
"""What it costs to look where the search has come to: 1.5 s."""
GIVE_UP_WORDS = 30
"""A reader who has not found the answer in 9 s goes on to the next hit."""
QUESTIONS = {
    "Which MIDI channel does it listen to?": (("MIDI channel", "omni"), "all channels"),
    "Is it flat enough for my case?": (("depth", "behind the panel"), r"42 mm"),
    "How much current does it take?": (("current", "+12 V"), r"780 mA"),
    "How many notes at once?": (("polyphony", "at once"), r"\b16 voices"),
    "How late does it sound?": (("latency",), r"12\.7 ms"),
    "It does not start; what now?": (("boot", "does not boot"), r"no power"),
    "I hear nothing.": (("no sound", "silent"), r"LEVEL|level"),
    "How do sounds get onto it from Windows?": (("Windows",), r"Scripts\\tombola flash"),
    "And from a Mac?": (("macOS", "Mac"), r"tombola flash"),
    "What does V/OCT take?": (("V/OCT",), r"−3 … \+6\.5 V"),
    "How do I keep a scene?": (("save a scene", "scenes"), r"push SAVE"),
    "How do I back up everything?": (("backup", "back up"), r"tar -C"),
    "How do I install it anew?": (("re-install", "reinstall"), r"install\.sh --wheels"),
    "What do the red lamps mean?": (("all red", "LEDs"), r"mute"),
    "It is out of tune.": (("out of tune", "calibrate"), r"calibrate"),
    "Can it play legato?": (("legato",), r"overlapping keys|mono, legato|to \*legato\*"),
    "How do I teach it a controller?": (("learn",), r"move a controller|turn to the target"),
    "Does it speak MPE?": (("MPE",), r"15 is a whole keyboard"),
    "Does it follow a clock?": (("clock",), r"sixteenth"),
    "How do I go back to the state of the first day?": (("factory reset", "reset"), r"rm -r"),
    "Whose sounds does it take?": (("owner",), r"only bundles that an owner signed"),
    "How do I become an owner?": (("pair", "key new"), r"SHIFT and SAVE|SHIFT for 3 s"),
    "How do I get an envelope out?": (("envelope",), r"A [|] out: envelope"),
}


def plain(block: str) -> str:
    """What is read: without pictures, addresses and marks."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", block)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "").replace("*", "").replace("`", "").strip("| ")


def blocks_of(text: str) -> list[str]:
    """Headings, rows of tables, list items, and paragraphs; the contents, one entry a block."""
    blocks: list[str] = []
    for part in re.split(r"\n\s*\n", text):
        if part.startswith("To play:"):
            blocks += re.findall(r"\[[^\]]*\]\([^)]*\)", part)
        elif part.startswith(("|", "- ", "* ")):
            blocks += [line for line in part.splitlines() if not re.fullmatch(r"[|\- ]+", line)]
        else:
            blocks.append(part.replace("\n", " "))
    return [block for block in blocks if plain(block)]


BLOCKS = blocks_of(MANUAL)


def words_until(answer: str, start: int) -> tuple[int, bool]:
    """Words that are read from a block on until the answer is complete, or given up; and whether it was found."""
    read = ""
    for block in BLOCKS[start:]:
        read += " " + plain(block)
        if found := re.search(answer, read):
            words = len(read[: found.end()].split())
            if words <= GIVE_UP_WORDS:
                return words, True
        if len(read.split()) >= GIVE_UP_WORDS:
            break
    return GIVE_UP_WORDS, False


def led_to(block: str) -> int | None:
    """The place of the heading to which an entry of the contents leads; None: the block is none."""
    link = re.fullmatch(r"\[[^\]]*\]\(#([^)]*)\)", block)
    if link is None:
        return None
    headings = {index: heading.lstrip("# ").lower() for index, heading in enumerate(BLOCKS) if heading.startswith("#")}
    return next(index for index, text in headings.items() if re.sub(r"[^\w\- ]", "", text).replace(" ", "-") == link[1])


def seconds_until(answer: str, search: str) -> float:
    """Time of a reader who searches the text for some words, and reads at each hit. Infinite: never found."""
    words = 0
    for place, block in enumerate(BLOCKS):
        if search.lower() not in plain(block).lower():
            continue
        words += HIT_WORDS
        there = led_to(block)
        read, found = words_until(answer, place if there is None else there)
        words += read
        if found:
            return 60.0 * words / WORDS_PER_MINUTE
    return float("inf")


@pytest.mark.parametrize("question", QUESTIONS)
def test_answer_is_found_within_twenty_seconds_of_search_and_reading(question):
    searches, answer = QUESTIONS[question]
    times_s = {search: round(seconds_until(answer, search), 1) for search in searches}
    assert max(times_s.values()) <= BEST_S, times_s


def test_there_are_twenty_questions_and_the_clock_runs():
    assert len(QUESTIONS) >= 20
    assert seconds_until("what no manual says", "MIDI") == float("inf")
    assert seconds_until("42 mm", "Specification") > seconds_until("42 mm", "depth") > 1.0
