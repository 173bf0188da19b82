"""Where recordings lie on the pad: notes that a network plays at a known place of it are found there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.manifest import MAX_RECORDINGS, Mode
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.windows import ModeData, Note
from tombola_host.generators.voice.places import places_of
from tombola_host.generators.voice.shades import fit_directions
from tombola_host.generators.voice.spectrum import DIRECTIONS

NEPER = np.log(10) / 20
OCTAVES = np.log2(np.arange(1, PARTIALS + 1))
PLACES = ((0.0, 0.0), (0.6, -0.4), (-0.8, 0.5), (0.25, 0.95))


def note(pitch: float, slope_db: float = -9.0, noise_db: float = -46.0, frames: int = 375) -> Note:
    """A steady note whose partials fall by so many dB an octave."""
    scalars = np.zeros((frames, len(SCALAR_COLUMNS)), np.float32)
    scalars[:, SCALAR_COLUMNS.index("note")] = pitch
    scalars[:, SCALAR_COLUMNS.index("loudness_db")] = -20.0
    spectrum = np.concatenate([slope_db * OCTAVES, np.full(NOISE_BANDS, noise_db)]) * NEPER
    relative = np.tile(spectrum - np.log(np.exp(2 * spectrum).sum()) / 2, (frames, 1)).astype(np.float32)
    return Note(f"at {pitch}.wav", torch.from_numpy(scalars), torch.from_numpy(relative), torch.zeros(frames * 128))


@pytest.fixture
def network(voice):
    """A network with the directions of dark and bright, clean and breathy notes."""
    network = voice(2, seed=3)
    steps = [(pitch, slope, noise) for pitch in (48, 60, 72) for slope in (-11.0, -7.0) for noise in (-52.0, -40.0)]
    data = ModeData("made", 0.0, tuple(note(*step) for step in steps))
    with torch.no_grad():
        network.directions[1] = fit_directions(data)
    return network


def played_at(network, place: tuple[float, float], pitch: float = 62.0) -> Note:
    """What mode 1 of the network plays at a place of its pad, as if it had been recorded."""
    heard = note(pitch)
    controls = torch.cat([heard.scalars, torch.tensor([0.0, 1.0]).expand(len(heard.scalars), -1)], dim=1)[None]
    own = torch.zeros(1, len(heard.scalars), DIRECTIONS)
    own[..., 0], own[..., 1] = place
    with torch.no_grad():
        shade = network.shade_of(controls[..., len(SCALAR_COLUMNS) :], own)
        log_amplitude, _ = network.log_amplitudes(controls, shade)
        amplitude, _ = network.at_level(log_amplitude, network.note_and_level(controls, shade))
    relative = torch.log(amplitude[0].clamp(min=1e-9)) + 20.0 * NEPER
    return replace(heard, name=f"{place}.wav", relative=relative.float())


@pytest.mark.parametrize("place", PLACES)
def test_a_recording_of_the_network_itself_is_found_where_it_was_played(network, place):
    (found,) = places_of(network, 1, ModeData("made", 0.0, (played_at(network, place),)))
    assert (found.timbre_x, found.timbre_y) == pytest.approx(place, abs=0.11)
    assert found.note == 62.0


def test_what_is_brighter_than_the_pad_reaches_lies_at_its_edge(network):
    (found,) = places_of(network, 1, ModeData("made", 0.0, (played_at(network, (2.5, 0.0)),)))
    assert found.timbre_x == 1.0


def test_a_knob_that_changes_nothing_leaves_recordings_in_its_middle(network):
    with torch.no_grad():
        network.directions[1, :2] = 0.0
    (found,) = places_of(network, 1, ModeData("made", 0.0, (note(62.0, -6.0),)))
    assert (found.timbre_x, found.timbre_y) == (0.0, 0.0)


def test_of_many_recordings_some_of_each_register_are_kept_the_lowest_first(network):
    notes = tuple(note(pitch, frames=60) for pitch in np.linspace(90.0, 40.0, 2 * MAX_RECORDINGS))
    found = places_of(network, 1, ModeData("made", 0.0, notes))
    pitches = [each.note for each in found]
    assert len(found) == MAX_RECORDINGS
    assert pitches == sorted(pitches)
    assert (pitches[0], pitches[-1]) == (40.0, pytest.approx(90.0, abs=1.0))
    assert Mode("made", "#000000", (40.0, 90.0), recordings=list(found)).recordings[0].name.startswith("at 40")
