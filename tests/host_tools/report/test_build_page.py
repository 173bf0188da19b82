from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace

from tombola_device.contract.manifest import Envelope, Mode
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus
from tombola_host.corpus.summary import summarise
from tombola_host.export.bundle import export_bundle
from tombola_host.generators import family_named
from tombola_host.generators.voice.export import VoiceExport
from tombola_host.report import build_page
from tombola_host.report.lottery import lottery_table
from tombola_host.study import trial

VOICE = family_named("voice")
ENVELOPE = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0)


def test_a_recording_is_said_to_be_unheard_only_if_the_build_held_it_out(voice, clip, trainee, monkeypatch):
    """The folder may have changed since the build."""

    def material(*notes):
        clips = tuple(clip(note, frames=20) for note in notes)
        return from_corpus("toy", Corpus("toy", clips, (), summarise("toy", len(clips), clips, [], [])), "")

    built_from, changed = material(55.0, 57.0, 60.0, 62.0), material(55.0, 57.0, 60.0, 62.0, 64.0)
    network = voice(1, hidden=4)
    mode = Mode("toy", "#e8a33d", (50.0, 70.0), ENVELOPE, dict.fromkeys(("timbre_x", "timbre_y"), (-1.0, 0.0, 1.0)))
    bundle = export_bundle(VoiceExport(network), "toy", "voice", [mode], {"corpus_toy": built_from.recordings}, "")
    monkeypatch.setattr(build_page, "load_trainee", lambda *_: trainee(network))

    def remark(of):
        sounds = build_page._mode_sounds(VOICE, bundle, 0, of, None).sounds
        assert [sound.title for sound in sounds] == ["recording", "following", "Tombola"]
        assert sounds[-1].remark == "played from a key, as the instrument comes"
        return sounds[0].remark

    held_out = built_from.test.notes[0].name
    assert remark(built_from) == f"{held_out}, never learned from"
    assert "never" not in remark(changed)
    assert remark(changed).endswith("the recordings changed since the build: it may have been learned from")

    with_ticket = build_page._mode_sounds(VOICE, bundle, 0, built_from, SimpleNamespace()).sounds
    assert [sound.title for sound in with_ticket] == ["recording", "alone", "following", "Tombola"]


def test_the_page_shows_each_row_of_the_lottery_with_seconds_and_error_and_says_whether_it_paid():
    errors = {trial.DENSE: 1.0, trial.TICKET: 0.99, trial.LOT: 1.01, trial.SCRATCH: 1.02, trial.AS_LONG: 0.9}
    rows = [asdict(trial.Tried(name, 15_000, 7.5, error)) for name, error in errors.items()]
    table = lottery_table(SimpleNamespace(result=lambda: {"mode": "sax", "rows": rows}))
    assert table.columns == ("network", "parameters", "seconds", "error")
    assert [(row[0], row[2], row[3]) for row in table.rows] == [(name, 7.5, error) for name, error in errors.items()]
    assert "the ticket errs 1.10 × as much as a network from scratch in equal time" in table.caption
    assert "a lottery did not pay here" in table.caption
    assert table.lower_is_better == ("error",)
