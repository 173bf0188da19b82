"""What a session teaches is what the instrument reads."""

from __future__ import annotations

from tombola_device.play.player import Player
from tombola_device.surface.scenes import recall, shipped_scenes
from tombola_host.study.sessions.applying import Learned, write_learned
from tombola_host.study.sessions.setting import Setting


def test_the_scenes_that_a_session_writes_are_recalled_by_the_instrument(tmp_path):
    learned = Learned({"warm": Setting({"sax": 0.25, "harp": 0.75}, (0.7, 0.2), 1.5)})
    write_learned(learned, None, tmp_path)
    (scene,) = shipped_scenes(tmp_path / "any.tombola")
    player = Player(2)
    recall(scene, player, ["harp", "sax"])
    assert player.hand_blend.tolist() == [0.75, 0.25]
    assert (player.timbre, player.life) == ((0.7, 0.2), 1.5)
