"""Scenes and settings on the disk."""

from __future__ import annotations

import zlib

import pytest
from tombola_device.contract.errors import StoreError
from tombola_device.disk.files import DiskFiles
from tombola_device.play.blending import BlendMode
from tombola_device.play.midi_map import MidiSettings
from tombola_device.play.player import Player
from tombola_device.play.voices import VoiceMode
from tombola_device.surface.scenes import Scene, SceneStore, Settings, capture, recall


def test_scene_brings_everything_back_and_finds_its_modes_by_name():
    player = Player(3, 2)
    player.set_blend([0.2, 0.0, 0.8])
    player.set_timbre(1, 0.9)
    player.glide(0.3)
    player.set_life(1.7)
    player.voice_mode, player.blend_mode = VoiceMode.LEGATO, BlendMode.HELD
    scene = capture(player, ["a", "b", "c"])
    other = Player(2, 2)
    recall(scene, other, ["c", "a"])
    assert other.blend.tolist() == pytest.approx([0.8, 0.2])
    assert other.timbre == (0.5, 0.9)
    assert other.life == 1.7
    assert (other.glide_s, other.voice_mode, other.blend_mode) == (0.3, VoiceMode.LEGATO, BlendMode.HELD)
    recall(scene, other, ["x", "y"])
    assert other.blend.tolist() == pytest.approx([0.8, 0.2])


def test_damaged_settings_and_those_of_another_version_are_said_and_the_defaults_hold(tmp_path):
    store = SceneStore(DiskFiles(), tmp_path)
    assert store.settings() == (Settings(), "")
    kept = Settings(midi=MidiSettings(channel=3, learnt={21: "timbre x"}, mpe_members=7))
    store.save_settings(kept)
    assert store.settings() == (kept, "")
    path = tmp_path / "settings.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"timbre x", b"timbre y"))
    assert store.settings() == (Settings(), "the settings are damaged; set them again")
    text = whole.rpartition(b"\n")[0].replace(b'"version":1', b'"version":2')
    path.write_bytes(text + f"\n{zlib.crc32(text):08x}".encode())
    assert store.settings()[0] == Settings()
    assert store.settings()[1]


def test_settings_that_were_kept_before_there_were_versions_are_read(tmp_path):
    text = b'{"midi":{"channel":5,"velocity_curve":"hard","bend_semitones":7.0,"learnt":{"44":"morph"}}}'
    (tmp_path / "settings.json").write_bytes(text + f"\n{zlib.crc32(text):08x}".encode())
    settings, said = SceneStore(DiskFiles(), tmp_path).settings()
    assert (settings.midi.channel, settings.midi.learnt, settings.midi.mpe_members, said) == (5, {44: "morph"}, 0, "")


def test_scenes_and_settings_are_kept_and_damage_loses_only_what_it_hits(tmp_path):
    store = SceneStore(DiskFiles(), tmp_path / "scenes")
    assert store.scene(0) is None
    for place in (0, 1):
        store.save_scene(place, Scene({"harp": 0.5 * place}))
    path = tmp_path / "scenes" / "scene-01.json"
    path.write_bytes(path.read_bytes().replace(b"harp", b"harq"))
    again = SceneStore(DiskFiles(), tmp_path / "scenes")
    assert again.scene(0) is None
    assert again.scene(1) == Scene({"harp": 0.5})
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="scene-01.json cannot be kept"):
        SceneStore(DiskFiles(), tmp_path / "file").save_scene(0, Scene({}))
