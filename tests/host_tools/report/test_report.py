from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_device.contract.errors import ShapeError, StoreError
from tombola_host.cost.bench import BenchReport, Timing
from tombola_host.report.data import BlendSweep, Curve, Goal, ModeSounds, Plot, ReportData, Sound, Table
from tombola_host.report.page import encode_audio, render_page, write_report
from tombola_host.report.pictures import HIGHEST_HZ, LOWEST_HZ, plot_svg, spectrogram_db

COLORS = ("#d1603d", "#3d7dd1")


def note(hz, seconds=0.5, seed=0):
    time = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = sum(np.sin(2 * np.pi * h * hz * time) / h for h in range(1, 12)) * np.exp(-time)
    return (0.2 * wave + 0.001 * np.random.default_rng(seed).standard_normal(time.size)).astype(np.float32)


def data(title="Two & <modes>"):
    time_s = np.arange(0, 1.0, 1 / 375)
    share = np.clip(np.linspace(-0.3, 1.3, time_s.size), 0, 1)
    steps = np.arange(1, 1201)
    timing = Timing(1, 3750, 118.4, 131.0, 160.2, 402.0, 0.0444, 150.0, 61.0, 80.0)
    return ReportData(
        title=title,
        summary="Made from two folders.",
        facts={"parameters": "38 912", "bundle": "171 kB"},
        sweep=BlendSweep(time_s, np.stack([1 - share, share], axis=1), note(220.0, 1.0), "A3, from one to the other"),
        modes=tuple(
            ModeSounds(
                name,
                color,
                tuple(Sound(t, note(330.0, seed=i)) for i, t in enumerate(("recording", "alone", "Tombola"))),
                "MIT",
                note(440.0, seed=3),
            )
            for name, color in zip(("sax", "harp"), COLORS, strict=True)
        ),
        judged=(Table(("played", "sax", "harp"), (("level moves, dB", "0.05 (2)", "0.21 (2.8)"),)),),
        comparison=Table(
            ("network", "parameters", "sax", "harp", "mean"),
            (("isolated tickets", 40_000, 1.21, 1.3, 1.255), ("merged", 38_912, 1.1, None, 1.10)),
            "Held-out notes, 3 seeds.",
            ("sax", "harp", "mean"),
        ),
        plots=(
            Plot(
                "loss",
                "step",
                "loss",
                (Curve("sax", steps, 3 / steps**0.3), Curve("harp", steps, 4 / steps**0.3)),
                log_y=True,
            ),
            Plot(
                "density", "weights kept", "error", (Curve("ticket", [1.0, 0.1, 0.01], [1.0, 0.98, 0.99]),), log_x=True
            ),
        ),
        bench=BenchReport("two", 38_912, 171_000, 165_000, 52, 1, 0, (timing,), "a machine", 1, fifo=True),
        goals=(Goal("parameters", "≤ 40 000", "38 912", met=True), Goal("flash", "≥ 80 %", "–", met=None)),
        provenance={"seed": 1, "run": "a1b2c3"},
        remarks=("The back end is a wav file, since there is no ALSA here.",),
    )


class Links(HTMLParser):
    """Collects what a page refers to, and the tags it leaves open."""

    def __init__(self):
        super().__init__()
        self.references, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.references += [value for name, value in attrs if name in {"src", "href", "xlink:href", "data", "srcset"}]
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.references += [value for name, value in attrs if name in {"src", "href", "xlink:href"}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page():
    return render_page(data())


def test_the_page_refers_to_nothing_outside_itself_and_closes_its_tags(page):
    links = Links()
    links.feed(page)
    assert not links.open
    assert all(value.startswith(("data:", "#")) for value in links.references)
    assert not re.findall(r"@import|url\((?!#)", page)


def test_the_page_holds_nine_players_six_spectrograms_and_three_drawings(page):
    """The blend; phrase, recording, alone and Tombola of two modes."""
    assert page.count("<audio") == 9
    assert page.count("<img") == 6
    assert page.count("<svg") == 3


def test_the_first_screen_is_for_the_ears(page):
    """Players come before figures, pictures, remarks and credits."""
    first_player = page.index("<audio")
    for later in ('class="facts"', "<svg", "<img", "<table", "no ALSA here", ">MIT<"):
        assert page.index(later) > page.index("</ul>") > first_player, later
    visible = re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]+>", "", page[: page.index("</ul>")], flags=re.DOTALL)
    assert len(visible.split()) < 40


def test_a_mode_has_phrase_recording_and_own_sound_side_by_side(page):
    rows = re.findall(r"<li>(.*?)</li>", page)
    assert [re.findall(r"<button[^>]*>([^<]+)<", row) for row in rows] == [["phrase", "recording", "Tombola"]] * 2
    for row in rows:
        assert re.findall(r'data-plays="([^"]+)"', row) == re.findall(r'<audio[^>]* id="([^"]+)"', row)


def test_the_spectrograms_of_recording_and_own_sound_stand_next_to_each_other(page):
    shown = re.findall(r'alt="spectrogram of sax, (\w+)"', page)
    assert shown == ["recording", "Tombola", "alone"]


def test_how_it_compares_with_the_recordings_is_a_section_of_its_own(page):
    section = page.partition("<h2>Against the recordings</h2>")[2].partition("</section>")[0]
    assert re.findall(r"<td>([^<]+)</td>", section) == ["level moves, dB", "0.05 (2)", "0.21 (2.8)"]


def test_every_button_starts_a_player_that_is_there_once(page):
    players = re.findall(r'<audio[^>]* id="([^"]+)"', page)
    assert len(players) == len(set(players)) == 6
    started = re.findall(r'<button data-plays="([^"]+)" aria-label="play (\w+), (\w+)"', page)
    labels = dict(re.findall(r'<audio[^>]* id="([^"]+)" aria-label="([^"]+)"', page))
    assert len(started) == 10
    for name, mode, title in started:
        assert labels[name] == f"{mode}, {title}"


def test_no_picture_is_wider_than_a_phone_and_no_caption_is_as_wide_as_a_table(page):
    assert "min-width: 34rem" not in page
    assert "<caption" not in page
    assert "figure svg { display: block; width: 100%" in page


def test_words_of_the_run_cannot_become_markup(page):
    assert "<h1>Two &amp; &lt;modes&gt;</h1>" in page


def test_the_best_figure_of_a_column_is_marked_and_what_was_not_measured_is_a_dash(page):
    assert re.findall(r'class="best">([^<]+)<', page) == ["1.300", "1.100", "1.100"]
    assert "<td>–</td>" in page
    assert "<td>38 912</td>" in page


def test_two_seconds_of_each_of_twelve_sounds_stay_below_4_mb():
    sounds = tuple(Sound(str(i), note(220.0 + i, 2.0)) for i in range(12))
    assert len(render_page(ReportData("big", modes=(ModeSounds("sax", COLORS[0], sounds),)))) < 4_000_000


def test_a_sound_survives_its_compression():
    sound = note(440.0, 1.0)
    _, compressed = encode_audio(sound)
    with_header = soundfile.read(io.BytesIO(compressed))[0]
    assert len(compressed) < sound.size
    level = [20 * np.log10(np.sqrt(np.mean(part[4800:43_200] ** 2))) for part in (sound, with_header)]
    assert level[0] == pytest.approx(level[1], abs=0.2)


def test_a_sound_beyond_full_scale_is_turned_down_and_not_clipped():
    _, compressed = encode_audio(10 * note(440.0))
    decoded = soundfile.read(io.BytesIO(compressed))[0]
    assert np.mean(np.abs(decoded) > 0.97) < 0.01


def test_the_spectrogram_shows_a_sine_where_it_is_at_its_level():
    time = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    picture = spectrogram_db((0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32), columns=50, rows=400)
    hz = np.geomspace(LOWEST_HZ, HIGHEST_HZ, 400)
    assert hz[picture[:, 25].argmax()] == pytest.approx(1000, rel=0.02)
    assert picture[:, 25].max() == pytest.approx(-6.0, abs=1.5)


def test_a_drawing_takes_the_colour_of_the_text_and_the_width_of_the_page():
    svg = plot_svg(data().plots[0])
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert not re.search(r"<svg[^>]* (width|height)=", svg)
    assert "<style" not in svg


def test_the_same_data_give_the_same_page(page):
    assert render_page(data()) == page


def test_a_report_of_nothing_but_a_title_is_a_page():
    page = render_page(ReportData("bare"))
    assert "<h1>bare</h1>" in page
    assert "<section" not in page


def test_a_report_replaces_the_old_one_and_says_its_size(tmp_path):
    path = tmp_path / "build" / "report.html"
    for title in ("first", "second"):
        assert write_report(ReportData(title), path) == path.stat().st_size
    assert "<h1>second</h1>" in path.read_text()
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="choose another folder"):
        write_report(ReportData("x"), tmp_path / "file" / "report.html")


def test_wrong_shapes_are_refused():
    with pytest.raises(ShapeError, match="not as long as its headings"):
        Table(("a", "b"), (("x",),))
    with pytest.raises(ShapeError, match="weights of the sweep"):
        render_page(ReportData("x", sweep=BlendSweep(np.zeros(3), np.zeros((3, 2)), note(220.0))))
    with pytest.raises(ShapeError, match="one channel of finite samples"):
        encode_audio(np.zeros((2, 100), np.float32))


def test_pictures_are_png(page):
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert all(base64.b64decode(image).startswith(b"\x89PNG") for image in images)
