"""Habits: what is counted, that suggestions come near to it, that nothing is kept unasked, that all can be erased."""

from __future__ import annotations

import random
import timeit

import pytest
from tombola_device.__main__ import main
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.fake import FakeFiles
from tombola_device.disk.files import DiskFiles
from tombola_device.play.player import Player
from tombola_device.surface import habits as habits_file
from tombola_device.surface.actions import Choose, MorphBy, RandomScene, RecallScene, SaveScene, Suggest
from tombola_device.surface.habits import FULL_S, KEEP_S, MOST_CELLS, Habits, Idea, erase, read_habits
from tombola_device.surface.oled.menu import Page

MODES = ("sax", "violin", "flute", "harp")
LIKED = Idea((0.0, 0.6, 0.4, 0.0), (0.75, 0.3), 0.5)


def _habits(tmp_path, seed=1, files=None):
    player = Player(4, 2)
    habits = Habits(player, files or DiskFiles(), tmp_path, AtOnce(), random.Random(seed))
    habits.learns = True
    return player, habits


def _set(player, idea):
    player.set_blend(idea.blend)
    for axis, value in enumerate(idea.timbre):
        player.set_timbre(axis, value)
    player.set_life(idea.life)


def _play(player, habits, rng, minutes=30, home=0.6):
    """A player who spends a share of the time around one region and wanders otherwise, 4 s a setting."""
    player.note_on(60, 0.8)
    now_s = 0.0
    anywhere = Habits(player, FakeFiles(), habits._path.parent, AtOnce(), rng)
    while now_s < 60 * minutes:
        if rng.random() < home:
            moved = [max(w + rng.gauss(0, 0.06), 0.0) if w else 0.0 for w in LIKED.blend]
            x, y = (min(max(v + rng.gauss(0, 0.06), 0), 1) for v in LIKED.timbre)
            idea = Idea(tuple(w / sum(moved) for w in moved), (x, y), LIKED.life)
        else:
            idea = anywhere.random(MODES)
        _set(player, idea)
        for _ in range(8):
            now_s += 0.5
            habits.tick(MODES, now_s)
    return now_s


def _hold(bench, seconds):
    """Hold a key; the surface ticks twice a second only, so that the test does not take a minute."""
    bench.player.note_on(60, 0.8)
    for _ in range(2 * seconds):
        bench.now_s += 0.5
        bench.surface.tick(bench.now_s)


def test_suggestions_come_nearer_to_where_a_player_returns_than_chance(tmp_path):
    player, habits = _habits(tmp_path)
    _play(player, habits, random.Random(5))
    suggested, chance = [], []
    for _ in range(200):
        _set(player, habits.suggest(MODES))
        suggested.append(habits.now().distance(LIKED))
    habits.learns = False
    chance = [habits.random(MODES).distance(LIKED) for _ in range(200)]
    assert sum(suggested) / sum(chance) < 0.7
    near = [sum(d < 0.45 for d in each) / len(each) for each in (suggested, chance)]
    assert near[0] > 0.4
    assert near[1] < 0.05


def test_a_suggestion_is_something_else_than_what_is_set(tmp_path):
    player, habits = _habits(tmp_path)
    _play(player, habits, random.Random(6))
    for _ in range(50):
        before = habits.now()
        idea = habits.suggest(MODES)
        assert idea.distance(before) >= 0.2
        assert sum(idea.blend) == pytest.approx(1.0)
        _set(player, idea)


def test_random_scenes_lean_towards_habits_and_come_from_anywhere_without(tmp_path):
    player, habits = _habits(tmp_path)
    _play(player, habits, random.Random(7), home=1.0)
    leaning = [habits.random(MODES).distance(LIKED) for _ in range(200)]
    habits.learns = False
    free = [habits.random(MODES).distance(LIKED) for _ in range(200)]
    assert sum(d < 0.4 for d in leaning) / 200 == pytest.approx(0.7, abs=0.1)
    assert sum(d < 0.4 for d in free) / 200 < 0.05


def test_the_morph_is_finer_where_the_player_dwells_and_comes_back_the_same_way(tmp_path):
    player, habits = _habits(tmp_path)
    _play(player, habits, random.Random(8), minutes=10, home=1.0)
    home = (1 * 0.6 + 2 * 0.4) / 3
    step = 1 / 48
    near = habits.moved(home, step, MODES) - home
    far = habits.moved(0.9, step, MODES) - 0.9
    assert near < 0.5 * step
    assert far > 1.5 * step
    assert habits.moved(habits.moved(home, step, MODES), -step, MODES) == pytest.approx(home)
    place = 0.0
    for _ in range(48):
        place = habits.moved(place, step, MODES)
    assert place == pytest.approx(1.0)
    habits.learns = False
    assert habits.moved(0.4, step, MODES) == 0.4 + step


def test_nothing_is_counted_while_no_key_is_held_or_it_is_off(tmp_path):
    player, habits = _habits(tmp_path)
    for tick in range(2000):
        habits.tick(MODES, tick * 0.05)
    assert habits.kept.cells == []
    player.note_on(60, 0.8)
    habits.learns = False
    for tick in range(2000, 4000):
        habits.tick(MODES, tick * 0.05)
    assert habits.kept.cells == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_counted_is_the_time_and_a_jump_of_the_clock_adds_little(tmp_path):
    player, habits = _habits(tmp_path)
    player.note_on(60, 0.8)
    for tick in range(201):
        habits.tick(MODES, tick * 0.05)
    habits.tick(MODES, 1e6)
    habits.tick(MODES, 5.0)
    (cell,) = habits.kept.cells
    assert cell.seconds == pytest.approx(10.5, abs=0.05)
    assert cell.blend == {"sax": 1.0}


def test_counts_are_kept_every_minute_and_read_again(tmp_path):
    player, habits = _habits(tmp_path)
    _play(player, habits, random.Random(9), minutes=3)
    kept = read_habits(DiskFiles(), tmp_path)
    total = sum(cell.seconds for cell in kept.cells)
    assert 180 - KEEP_S - 1 <= total <= 181
    again = Habits(Player(4, 2), DiskFiles(), tmp_path, AtOnce())
    assert again.kept == kept


@pytest.mark.parametrize("fail", ["write", "sync", "rename", "sync_folder"])
def test_a_disk_that_refuses_loses_no_counts_and_says_so_once(tmp_path, fail, monkeypatch):
    files = DiskFiles()
    player, habits = _habits(tmp_path, files=files)
    said = []

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, fail, refuse)
        now_s = _play(player, habits, random.Random(1), minutes=3)
        said = habits._errands.collect()
    assert len(said) == 1
    assert "check the card" in said[0]
    habits.tick(MODES, now_s + KEEP_S)
    assert read_habits(DiskFiles(), tmp_path) == habits.kept
    assert sum(cell.seconds for cell in habits.kept.cells) > 179


def test_a_power_cut_leaves_the_old_file_or_the_new_one(tmp_path):
    player, habits = _habits(tmp_path)
    _play(player, habits, random.Random(2), minutes=2)
    old = read_habits(DiskFiles(), tmp_path)
    path = tmp_path / "habits.json"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert read_habits(DiskFiles(), tmp_path).cells == []
    assert Habits(Player(4, 2), DiskFiles(), tmp_path, AtOnce()).kept.cells == []
    path.write_bytes(data)
    (tmp_path / "habits.json.new").write_bytes(b"torn")
    assert read_habits(DiskFiles(), tmp_path) == old


def test_the_file_stays_small_and_old_habits_fade(tmp_path, monkeypatch):
    monkeypatch.setattr(habits_file, "FULL_S", FULL_S / 10)
    player, habits = _habits(tmp_path)
    rng = random.Random(3)
    player.note_on(60, 0.8)
    now_s = 0.0
    for _ in range(3 * MOST_CELLS):
        _set(player, Idea(tuple(rng.random() for _ in MODES), (rng.random(), rng.random()), 1.0))
        for _ in range(4):
            now_s += 0.5
            habits.tick(MODES, now_s)
    assert len(habits.kept.cells) == MOST_CELLS
    assert (tmp_path / "habits.json").stat().st_size < 40_000
    _set(player, LIKED)
    for _ in range(round(0.15 * FULL_S / 0.5)):
        now_s += 0.5
        habits.tick(MODES, now_s)
    assert sum(cell.seconds for cell in habits.kept.cells) <= FULL_S / 10
    assert habits.kept.cells[0].timbre == (0.75, 0.25)


def test_counting_costs_less_than_half_of_what_a_view_costs(tmp_path, make_bench):
    bench = make_bench()
    player, habits = _habits(tmp_path)
    player.note_on(60, 0.8)
    ticks = iter(range(10**9))
    count = min(timeit.repeat(lambda: habits.tick(MODES, next(ticks) * 1e-3), number=200, repeat=5))
    view = min(timeit.repeat(lambda: bench.view, number=200, repeat=5))
    assert count < view / 2


def test_on_the_instrument_learns_is_off_and_suggest_says_what_to_do(make_bench, tmp_path):
    bench = make_bench(face="fake")
    assert next(option for option in bench.view.options if option.name == "learns").chosen == 0
    _hold(bench, 70)
    bench.face.press(Suggest())
    bench.run(0.1)
    assert "set learns to on" in bench.view.notice
    assert not (tmp_path / "habits.json").exists()
    bench.face.press(Choose("learns", "on"))
    bench.run(0.1)
    bench.face.press(Suggest())
    bench.run(0.1)
    assert "a minute more" in bench.view.notice


def test_on_the_instrument_suggest_moves_the_sound_and_forget_erases(make_bench, tmp_path):
    bench = make_bench(face="fake")
    for action in (Choose("learns", "on"), SaveScene(3)):
        bench.face.press(action)
    bench.run(0.1)
    _hold(bench, 40)
    bench.player.set_blend((0, 0, 1, 0))
    _hold(bench, 85)
    assert (tmp_path / "habits.json").exists()
    bench.face.press(RecallScene(3))
    bench.run(0.1)
    assert bench.habits.kept.scenes == {4: 1}
    blend = bench.player.hand_blend.tolist()
    bench.face.press(Suggest())
    bench.run(0.1)
    assert bench.player.hand_blend.tolist() != blend
    assert "X 0." in bench.view.notice
    bench.face.press(RandomScene())
    bench.face.press(MorphBy(0.02))
    bench.run(0.1)
    bench.face.press(Choose("learns", "forget"))
    bench.run(0.1)
    assert bench.view.notice == "what was learned is erased"
    assert not (tmp_path / "habits.json").exists()
    assert bench.habits.kept.cells == []
    assert next(option for option in bench.view.options if option.name == "learns").chosen == 0


def test_at_the_panel_the_rows_after_the_scenes_suggest_and_draw(make_bench):
    bench = make_bench()
    bench.go(Page.SCENES)
    bench.click(17)
    before = bench.player.hand_blend.tolist()
    bench.hold("ENC_SW")
    assert bench.player.hand_blend.tolist() != before
    bench.click(-1)
    bench.hold("ENC_SW")
    assert "learns" in bench.view.notice
    bench.hold("SAVE")
    assert bench.view.scenes[0]


def test_tombolad_shows_and_erases_habits(tmp_path, capsys):
    config = tmp_path / "tombola.toml"
    config.write_text(f'state_dir = "{tmp_path / "state"}"\n')
    player, habits = _habits(tmp_path / "state" / "scenes")
    assert main(["habits", "--config", str(config)]) == 0
    assert "nothing is learned" in capsys.readouterr().out
    _play(player, habits, random.Random(4), minutes=2, home=1.0)
    assert main(["habits", "--config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "violin" in shown
    assert "min" in shown
    assert main(["habits", "--forget", "--config", str(config)]) == 0
    assert read_habits(DiskFiles(), tmp_path / "state" / "scenes").cells == []
    assert main(["habits", "--forget", "--config", str(config)]) == 0


def test_erasing_where_nothing_is_is_no_error(tmp_path):
    erase(DiskFiles(), tmp_path / "none" / "habits.json")
