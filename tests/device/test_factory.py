"""The factory set: which bundles there are, which one is chosen, and that one always plays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tombola_device import factory
from tombola_device.__main__ import main
from tombola_device.config import Config, read_config
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.errors import BadConfig, StoreError
from tombola_device.daemon.status import Lock
from tombola_device.disk.fake import FakeFiles
from tombola_device.factory import CHOICE_NAME, FOLDER, choose, chosen, shipped
from tombola_device.slots.store import Store
from tombola_device.surface.scenes import Scene, SceneStore, shipped_scenes

STATE = Path("/state")


@pytest.fixture
def write_bundle(tmp_path, make_bundle):
    """Write a small bundle's file."""

    def write(name: str) -> Path:
        path = tmp_path / f"{name}.tombola"
        path.write_bytes(encode_bundle(make_bundle(name=name)))
        return path

    return write


@pytest.fixture
def models(tmp_path, monkeypatch, write_bundle) -> Path:
    """A set of two small bundles beside the real one."""
    folder = tmp_path / "models"
    for name in ("bells", "wood"):
        (folder / name).mkdir(parents=True)
        shutil.copy(write_bundle(name), folder / name / f"{name}.tombola")
    shutil.copytree(FOLDER / "quartet", folder / "quartet")
    monkeypatch.setattr(factory, "FOLDER", folder)
    return folder


@pytest.fixture
def config_file(tmp_path) -> Path:
    path = tmp_path / "tombola.toml"
    path.write_text(f'state_dir = "{tmp_path / "state"}"\n')
    return path


def test_the_quartet_is_shipped_and_plays_until_another_one_is_chosen():
    assert "quartet" in shipped()
    assert chosen(STATE, FakeFiles()) == FOLDER / "quartet" / "quartet.tombola"
    assert Config(state_dir="/no/such/folder").factory_path == FOLDER / "quartet" / "quartet.tombola"


@pytest.mark.usefixtures("models")
def test_what_is_chosen_plays_and_an_unknown_name_is_told_the_known_ones(models):
    files = FakeFiles()
    choose("wood", STATE, files)
    assert chosen(STATE, files) == models / "wood" / "wood.tombola"
    with pytest.raises(BadConfig, match="no factory bundle is called 'drums'; choose one of bells, quartet, wood"):
        choose("drums", STATE, files)
    assert chosen(STATE, files) == models / "wood" / "wood.tombola"


def test_a_choice_that_is_missing_or_damaged_leads_to_the_quartet_and_then_to_any_whole_bundle(models):
    files = FakeFiles()
    choose("wood", STATE, files)
    (models / "wood" / "wood.tombola").write_bytes(b"torn")
    assert chosen(STATE, files) == models / "quartet" / "quartet.tombola"
    shutil.rmtree(models / "quartet")
    assert chosen(STATE, files) == models / "bells" / "bells.tombola"
    shutil.rmtree(models / "bells")
    assert chosen(STATE, files) is None


def test_a_damaged_choice_is_no_choice(models):
    files = FakeFiles()
    choose("wood", STATE, files)
    files.flip_bit(STATE / CHOICE_NAME, 12)
    assert chosen(STATE, files) == models / "quartet" / "quartet.tombola"


def test_a_disk_that_refuses_the_choice_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"factory\.json cannot be kept"):
        choose("quartet", tmp_path / "file")


def test_a_flashed_bundle_makes_way_for_the_factory_and_can_be_gone_back_to(tmp_path, write_bundle):
    flashed, store = (
        write_bundle("mine").read_bytes(),
        Store(tmp_path, lambda _: None, FOLDER / "quartet/quartet.tombola"),
    )
    sha256 = bundle_sha256(flashed)
    store.begin(sha256, len(flashed))
    store.write(flashed)
    store.finish()
    store.confirm()
    store.play_factory()
    again = Store(tmp_path, lambda _: None, FOLDER / "quartet/quartet.tombola")
    assert again.boot() == FOLDER / "quartet/quartet.tombola"
    assert again.slots.previous == sha256
    assert again.revert() == tmp_path / f"{sha256}.tombola"
    assert Store(tmp_path, lambda _: None).boot() == tmp_path / f"{sha256}.tombola"


def test_the_factory_has_nothing_to_go_back_to_when_nothing_was_flashed(tmp_path):
    store = Store(tmp_path, lambda _: None, FOLDER / "quartet/quartet.tombola")
    store.play_factory()
    with pytest.raises(StoreError, match="no previous bundle to return to"):
        store.revert()


@pytest.mark.usefixtures("models")
def test_the_command_lists_the_set_and_chooses(config_file, capsys):
    assert main(["slots", "--config", str(config_file)]) == 0
    assert "factory   bells, quartet, wood; choose one with --factory NAME" in capsys.readouterr().out
    assert main(["slots", "--config", str(config_file), "--factory", "bells", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert Path(facts["factory"]).name == "bells.tombola"
    assert facts["factory_set"] == ["bells", "quartet", "wood"]
    assert read_config(config_file).factory_path.name == "bells.tombola"


def test_while_the_instrument_runs_or_its_configuration_names_a_bundle_nothing_can_be_chosen(
    config_file, capsys, write_bundle
):
    with Lock(read_config(config_file).state_path):
        assert main(["slots", "--config", str(config_file), "--factory", "quartet"]) == 1
    assert not (read_config(config_file).state_path / CHOICE_NAME).exists()
    with config_file.open("a") as file:
        file.write(f'factory = "{write_bundle("mine")}"\n')
    assert main(["slots", "--config", str(config_file), "--factory", "quartet"]) == 1
    assert "remove `factory` from it to choose one" in capsys.readouterr().err


def test_shipped_scenes_fill_empty_places_until_one_is_saved_there(tmp_path):
    (tmp_path / "scenes.json").write_text(
        '{"dawn": {"blend": {"harp": 1}}, "dusk": {"blend": {"sax": 0.5}, "glide_s": 0.1}}'
    )
    files, scenes = FakeFiles(), shipped_scenes(tmp_path / "any.tombola")
    store = SceneStore(files, STATE, scenes)
    assert [store.scene(place) for place in range(3)] == [
        Scene({"harp": 1}, name="dawn"),
        Scene({"sax": 0.5}, glide_s=0.1, name="dusk"),
        None,
    ]
    store.save_scene(0, Scene({"flute": 1}))
    assert SceneStore(files, STATE, scenes).scene(0) == Scene({"flute": 1})
    files.flip_bit(STATE / "scene-01.json", 20)
    assert store.scene(0) is None  # Damaged, which the player is told.


@pytest.mark.parametrize("content", ["", "[]", '{"dawn": {"blend": {"harp": 2}}}', '{"dawn": {"colour": 1}}', "\x00"])
def test_scenes_that_are_not_understood_are_left_out(tmp_path, content):
    (tmp_path / "scenes.json").write_text(content)
    assert shipped_scenes(tmp_path / "any.tombola") == ()
    assert shipped_scenes(tmp_path / "elsewhere" / "any.tombola") == ()
    assert shipped_scenes(None) == ()
