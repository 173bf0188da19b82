from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import onnx
import pytest
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.graph import FRAME, TIMBRE, block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus
from tombola_host.corpus.sources import EARLIER_FINGERPRINTS
from tombola_host.corpus.summary import summarise
from tombola_host.evaluation.held_out import bundle_playback
from tombola_host.evaluation.judge import Depth, built_from, judge, never_learned_from

NOTES = (64.0, 65.0, 66.23, 67.0)
ENVELOPE = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0)
GRAPH = """
<ir_version: 8, opset_import: ["" : 18]>
still (float[voices, columns] controls) => (float[voices, 128] audio) {
  loudness_db = Slice (controls, start, stop, axis)
  logarithm = Mul (loudness_db, neper_per_db)
  amplitude = Exp (logarithm)
  audio = Mul (amplitude, wave)
}
"""


SHALLOW = Depth(
    training=1, calibration=1, performed=1, likened=2, dynamics_every=12, velocities=2, timbre_notes=1, positions=2
)


def silent_step(done, total, word):
    del done, total, word


@pytest.fixture
def bundle(material):
    """A graph without noise bands or state: one period of a sine, 375 Hz, as loud as it is asked to be."""
    graph = onnx.parser.parse_model(GRAPH.replace("columns", str(len(SCALAR_COLUMNS) + 1)))
    wave = np.sqrt(2) * np.sin(2 * np.pi * np.arange(128) / 128)
    column = SCALAR_COLUMNS.index("loudness_db")
    for name, value in (("wave", wave[None].astype("f4")), ("neper_per_db", np.float32(np.log(10) / 20))):
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    for name, value in (("start", column), ("stop", column + 1), ("axis", 1)):
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([value]), name))
    mode = Mode("sine", "#a0b0c0", (60.0, 70.0), ENVELOPE, dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0)))
    data = graph.SerializeToString()
    cost = Cost(parameters=1, onnx_bytes=len(data), nodes=4, state_tensors=0)
    provenance = {"corpus_sine": material.recordings}
    manifest = Manifest("still", "sine", [mode], {FRAME: block_graph(modes=1)}, cost, provenance=provenance)
    return Bundle(manifest, {FRAME: data})


@pytest.fixture
def material(clip):
    return _material(tuple(clip(note, frames=400) for note in NOTES))


def _material(clips):
    return from_corpus("sine", Corpus("sine", clips, (), summarise("sine", len(clips), clips, [], [])), "CC0")


def stating(bundle, fingerprint):
    """The same bundle, said to be built from other recordings."""
    manifest = msgspec.structs.replace(bundle.manifest, provenance={"corpus_sine": fingerprint})
    return Bundle(manifest, bundle.graphs)


def test_a_graph_without_noise_bands_is_played_and_judged(bundle, material):
    note = material.training.notes[0]
    sound = bundle_playback(bundle, 0)(note)
    assert sound.shape == note.audio.shape
    assert 10 * np.log10(np.mean(sound**2)) == pytest.approx(-20.0, abs=0.1)
    (judged,) = judge(bundle, [material], silent_step, SHALLOW)
    assert (judged.mode, judged.held_out, judged.notes) == ("sine", True, 1)
    assert 0 < judged.spectral_error < 5


def test_only_notes_held_out_are_judged_where_the_recordings_are_known(bundle, material):
    (known,) = judge(bundle, [material], silent_step, SHALLOW)
    assert list(known.spectral_error_per_note) == [note.name for note in material.test.notes]
    (unknown,) = judge(stating(bundle, "0123456789abcdef"), [material], silent_step, SHALLOW)
    assert (unknown.held_out, unknown.notes) == (False, len(NOTES))


def test_a_note_of_a_folder_that_changed_is_not_said_to_be_unheard(bundle, material, clip):
    """With one note more another one is held out, which the bundle learned from."""
    more = _material(tuple(clip(note, frames=400) for note in (*NOTES, 69.0)))
    assert more.test.notes
    assert {note.name for note in more.test.notes} & {note.name for note in material.training.notes}
    assert not built_from(bundle, more)
    assert never_learned_from(bundle, more) == ()
    assert never_learned_from(bundle, material) == material.test.notes


def test_a_bundle_that_states_a_hash_of_the_analysed_sound_is_known_by_the_table(bundle, material):
    recordings, earlier = next(iter(EARLIER_FINGERPRINTS.items()))
    of_the_table = replace(material, recordings=recordings)
    assert built_from(stating(bundle, earlier), of_the_table)
    assert not built_from(stating(bundle, earlier), material)
    nothing = msgspec.structs.replace(bundle.manifest, provenance={})
    assert not built_from(Bundle(nothing, bundle.graphs), of_the_table)


def test_a_mode_that_the_bundle_has_not_is_named(bundle, material):
    with pytest.raises(BadConfig, match="no mode 'sax'; name one of sine"):
        judge(bundle, [replace(material, name="sax")], silent_step)
