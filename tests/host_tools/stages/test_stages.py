from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadAudio, BadConfig
from tombola_device.contract.graph import TIMBRE
from tombola_device.engine.life_tables import TAKE_FRAMES, played
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB, Corpus
from tombola_host.corpus.material import from_corpus, gather
from tombola_host.corpus.summary import summarise
from tombola_host.evaluation.held_out import bundle_playback, trainee_playback
from tombola_host.export.parity import PARITY
from tombola_host.generators import family_named
from tombola_host.generators.base import count_parameters
from tombola_host.generators.hits.network import HitsSize
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.merging.size import MergedSize
from tombola_host.progress import Silent
from tombola_host.runs.store import RunStore
from tombola_host.stages import compare as compare_stage
from tombola_host.stages import ticket as ticket_stage
from tombola_host.stages.bundle import COLORS, make_bundle, write_bundle
from tombola_host.stages.ticket import Lot, draw, load_ticket
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.study.build import Settings, build, draw_all, merge_all, train_all
from tombola_host.training.effort import EFFORTS, Effort, Length

STEPS = Length(control_steps=2, audio_steps=1, control_windows=2, audio_windows=1)
TINY = Effort(dense=Length(2, 0, 2, 1), shares=(0.7, 0.5), ticket=STEPS, merge=STEPS, scratch=STEPS)
VOICE = family_named("voice")
SIZE = {"dense": VoiceSize(24, 24), "size": MergedSize(12, 10, 2), "workers": 1, "method": "core"}


class Counting(Silent):
    """Remembers each part and its last text."""

    def __init__(self):
        self.words = {}

    def task(self, title):
        return lambda done, total, word: self.words.update({title: word})


@pytest.fixture(scope="module")
def materials(clip):
    made = []
    for name, tilt in (("dull", 0.6), ("bright", 0.15)):
        clips = tuple(clip(note, frames=130, tilt=tilt) for note in (55.0, 57.0, 60.0, 62.0))
        corpus = Corpus(name, clips, (), summarise(name, 4, clips, [], []))
        made.append(from_corpus(name, corpus, "CC0"))
    return tuple(made)


@pytest.fixture(scope="module")
def built(materials, tmp_path_factory):
    store = RunStore(tmp_path_factory.mktemp("runs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "tiny", TINY)
        settings = Settings(effort="tiny", **SIZE)
        dense = train_all(materials, settings, store, Silent())
        tickets = draw_all(materials, dense, settings, store, Silent())
        merged, joint = merge_all(materials, tickets, settings, store, Silent(), baselines=True)
        comparison = compare_stage.open_run(store, VOICE, merged, joint, tickets)
        compare_stage.compare(comparison, VOICE, merged, joint, tickets, materials, Silent().task(""))
        yield store, dense, tickets, merged, joint, comparison


def test_a_held_out_note_is_not_used_for_training(materials):
    for material in materials:
        assert len(material.training.notes) == 3
        assert len(material.test.notes) == 1
        assert material.test.notes[0].name not in {note.name for note in material.training.notes}
        assert material.note_range == (55.0, 62.0)
    assert materials[0].fingerprint != materials[1].fingerprint


def test_finished_stages_are_not_repeated(materials, built):
    store, dense, tickets, merged, joint, comparison = built
    told, settings = Counting(), Settings(effort="tiny", **SIZE)
    assert train_all(materials, settings, store, told) == dense
    assert draw_all(materials, dense, settings, store, told) == tickets
    assert merge_all(materials, tickets, settings, store, told, baselines=True) == (merged, joint)
    assert set(told.words.values()) == {"done before"}
    assert len(told.words) == 6
    assert all(run.done for run in (*dense, *tickets, merged, joint, comparison))


def test_another_seed_or_size_is_another_run(materials, built):
    store, dense, *_ = built
    from tombola_host.stages import train as train_stage

    others = [(VoiceSize(24, 24), 1), (VoiceSize(25, 24), 0)]
    names = {train_stage.open_run(store, VOICE, materials[0], TINY.dense, size, seed).name for size, seed in others}
    assert len({dense[0].name, *names}) == 3


def test_a_ticket_comes_back_from_its_run_as_it_was(built):
    _, dense, tickets, *_ = built
    loaded = load_ticket(VOICE, tickets[0])
    facts = tickets[0].result()
    assert loaded.ticket.parameters(VOICE) == facts["parameters"] <= 0.5 * facts["dense_parameters"]
    assert facts["removed"] == pytest.approx(1 - facts["parameters"] / facts["dense_parameters"], abs=1e-5)
    assert [len(mask) for mask in loaded.ticket.mask.values()] == [24, 24]
    assert loaded.weights["trunk.weight_hh_l0"].shape == loaded.ticket.weights["trunk.weight_hh_l0"].shape
    assert not torch.equal(loaded.weights["trunk.weight_hh_l0"], loaded.ticket.weights["trunk.weight_hh_l0"])
    assert facts["rounds"][0]["parameters"] == dense[0].result()["parameters"]


def test_every_training_leaves_its_losses(built):
    _, dense, tickets, merged, joint, _ = built
    for run, steps in ((dense[0], (2, 0)), (tickets[0], (2, 1)), (merged, (2, 1)), (joint, (2, 1))):
        history = run.result()["history"]
        assert (len(history["control"]), len(history["audio"])) == steps


def test_merged_and_joint_are_of_one_size_and_load_again(built):
    _, _, _, merged, joint, _ = built
    first, second = load_trainee(VOICE, merged, "merged"), load_trainee(VOICE, joint, "merged")
    assert count_parameters(first.network) == count_parameters(second.network) == merged.result()["parameters"]
    assert first.network.activity.tolist() == MergedSize(12, 10, 2).activity(2).tolist()
    assert second.network.activity.min() == 1.0


def test_the_comparison_has_a_row_for_each_network(built):
    _, _, tickets, _, _, comparison = built
    rows = compare_stage.load_rows(comparison)
    assert [row.name for row in rows] == ["isolated", "mixture", "joint", "merged"]
    isolated, mixture, of_joint, of_merged = rows
    assert isolated.parameters == sum(run.result()["parameters"] for run in tickets)
    assert mixture.errors == isolated.errors
    assert of_merged.parameters == of_joint.parameters
    for row in rows:
        assert set(row.errors) == set(row.encoded) == {"dull", "bright"}
        assert 0 < row.mean < 5
    assert isolated.blend is None
    assert of_merged.blend.worst_dip_db < 3


def test_the_bundle_names_its_origin(built, materials, tmp_path):
    _, _, _, merged, *_ = built
    bundle = make_bundle(VOICE, merged, materials, "tiny")
    write_bundle(bundle, tmp_path / "tiny.tombola")
    read = decode_bundle((tmp_path / "tiny.tombola").read_bytes())
    assert read == bundle
    assert [mode.name for mode in read.manifest.modes] == ["dull", "bright"]
    assert [mode.color for mode in read.manifest.modes] == list(COLORS[:2])
    assert read.manifest.provenance["run"] == merged.name
    assert read.manifest.provenance["corpus_dull"] == materials[0].recordings
    assert read.manifest.licence == "CC0"
    assert read.manifest.cost.nodes <= 60


def test_a_bundle_says_what_its_knobs_do_and_how_its_recordings_were_played(built, materials):
    _, _, _, merged, *_ = built
    network = load_trainee(VOICE, merged, "merged").network
    for index, mode in enumerate(make_bundle(VOICE, merged, materials, "tiny").manifest.modes):
        assert mode.knobs == {"timbre_x": "brighter", "timbre_y": "breathier"}
        assert mode.controls == dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0))
        assert mode.recorded_db == pytest.approx(float(network.recorded_db[index]), abs=1e-3)
        assert mode.recorded_db == pytest.approx(-0.2 * VELOCITY_RANGE_DB, abs=1e-3)  # Played at velocity 0.8.
        # Recordings of a third of a second show how they begin and go on, and no flutter.
        assert mode.life.attacks.notes == sorted(mode.life.attacks.notes)
        assert len(mode.life.attacks.notes) == len(materials[index].training.notes)
        assert len(played(mode.life)) == len(mode.life.attacks.notes) * TAKE_FRAMES
        assert not np.any(mode.life.takes)


def test_a_folder_with_nothing_usable_is_refused_by_name(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadAudio, match=r"nothing in .*empty can be learned from; `tombola corpus"):
        gather({"a": tmp_path / "empty"}, Silent(), tmp_path / "cache")


@pytest.mark.parametrize("count", [0, 17])
def test_no_modes_or_too_many_are_refused(tmp_path, count):
    folders = {f"mode {number}": tmp_path for number in range(count)}
    with pytest.raises(BadConfig, match=f"{count} modes were given; a bundle has 1 to 16"):
        build("none", folders, Settings(), RunStore(tmp_path), Silent())


class Interrupted(Exception):
    pass


def test_an_interrupted_lottery_continues_and_draws_the_same_ticket(materials, tmp_path, monkeypatch):
    """Once it began again from its start: three rounds of a long effort take an hour."""
    effort = Effort(dense=Length(2, 0, 2, 1), shares=(0.8, 0.65, 0.5), ticket=STEPS, merge=STEPS, scratch=STEPS)
    monkeypatch.setitem(EFFORTS, "three rounds", effort)
    lot, settings = Lot(effort, 0), Settings(effort="three rounds", **SIZE)
    tickets = []
    for folder, interrupted in (("whole", False), ("cut", True)):
        store = RunStore(tmp_path / folder)
        dense = train_all(materials[:1], settings, store, Silent())[0]
        run = ticket_stage.open_run(store, VOICE, materials[0], dense, lot)
        steps = []

        def step(done, total, word, steps=steps, interrupted=interrupted):
            steps.append(word)
            if interrupted and len(steps) == 3:  # In the second step of round 2.
                raise Interrupted

        if interrupted:
            with pytest.raises(Interrupted):
                draw(run, VOICE, dense, materials[0], lot, step)
            assert len(list((tmp_path / folder).glob("round-*/result.json"))) == 1
        draw(run, VOICE, dense, materials[0], lot, step)
        assert steps.count("done before") == int(interrupted)
        assert len(list((tmp_path / folder).glob("round-*/result.json"))) == 2
        tickets.append(load_ticket(VOICE, run).ticket)
    first, again = tickets
    assert all(torch.equal(mask, again.mask[name]) for name, mask in first.mask.items())
    assert all(torch.equal(tensor, again.weights[name]) for name, tensor in first.weights.items())
    assert first.rounds == again.rounds
    assert len(first.rounds) == 3


def test_a_stage_alone_and_in_a_build_share_a_run_and_its_weights(materials, built, tmp_path, monkeypatch):
    """Once a merge alone used all threads, and one beside its baseline: one run name had two sets of weights."""
    store, _, tickets, merged, *_ = built
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    torch.set_num_threads(2)
    try:
        other = RunStore(tmp_path)
        for run in store.root.iterdir():
            if not run.name.startswith("merge-"):
                shutil.copytree(run, tmp_path / run.name)
        alone, _ = merge_all(materials, tickets, Settings(effort="tiny", **SIZE), other, Silent(), baselines=False)
    finally:
        torch.set_num_threads(1)
    assert alone.name == merged.name
    ours, theirs = alone.load("merged"), merged.load("merged")
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


@pytest.mark.parametrize("option", ["family", "criterion", "schedule", "method", "effort"])
def test_an_unknown_name_is_refused_before_anything_is_analysed(option):
    with pytest.raises(BadConfig, match="'nonsense'; choose one of"):
        Settings(**{option: "nonsense"})


def test_the_family_hits_is_built_to_its_end(materials, tmp_path, monkeypatch):
    """Dense, ticket and joint network; tickets of this family cannot share a core."""
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    settings = Settings(effort="tiny", family="hits", dense=HitsSize(8, 12, 12), workers=1)
    store = RunStore(tmp_path)
    dense = train_all(materials, settings, store, Silent())
    tickets = draw_all(materials, dense, settings, store, Silent())
    merged, joint = merge_all(materials, tickets, settings, store, Silent(), baselines=True)
    assert (settings.method, settings.needs_tickets) == ("joint", True)
    assert merged == joint
    assert merged.result()["family"] == "hits"
    bundle = make_bundle(settings.networks, merged, materials, "hits")
    assert [(mode.gate, mode.graph, mode.envelope) for mode in bundle.manifest.modes] == [
        ("one_shot", "onset", None)
    ] * 2
    note = materials[0].test.notes[0]
    trainee = load_trainee(settings.networks, merged, "merged")
    played = bundle_playback(bundle, 1)(note)
    expected = trainee_playback(settings.networks, trainee, 1)(note)
    assert np.abs(played - expected).max() < PARITY
