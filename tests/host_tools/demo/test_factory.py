"""The factory set is built into its folder, and its cards are brought up to date."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadConfig, StoreError
from tombola_host.demo import factory
from tombola_host.demo.factory import build_bundle, main
from tombola_host.progress import Silent
from tombola_host.runs.store import RunStore
from tombola_host.study.build import Settings

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
CARD = "# bells\n\n<!-- figures -->\nold\n<!-- end of figures -->\n\nBy hand.\n"


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    """A set of one bundle, and a build that gives the quartet."""
    (tmp_path / "models" / "bells").mkdir(parents=True)
    bundle = decode_bundle(QUARTET.read_bytes())
    monkeypatch.setattr(factory, "build", lambda *_: SimpleNamespace(bundle=bundle))
    return tmp_path / "models"


@pytest.fixture
def folders(tmp_path) -> dict[str, Path]:
    found = {}
    for count, mode in enumerate(("sax", "violin", "flute", "harp"), 1):
        found[mode] = tmp_path / mode
        found[mode].mkdir()
        for number in range(count):
            (found[mode] / f"{number}.wav").touch()
    return found


def built(models, folders, tmp_path):
    return build_bundle(models, "bells", folders, Settings("quick", seed=7), RunStore(tmp_path / "runs"), Silent())


def test_a_bundle_is_written_and_only_the_figures_of_its_card_change(models, folders, tmp_path):
    card = models / "bells" / "README.md"
    card.write_text(CARD)
    path = built(models, folders, tmp_path)
    assert decode_bundle(path.read_bytes()) == decode_bundle(QUARTET.read_bytes())
    text = card.read_text()
    kilobytes = round(path.stat().st_size / 1000)
    assert "| harp | E1 – F7 | 4 |\n" in text
    assert f"nodes, {kilobytes} kB; effort quick, seed 7.\n<!-- end of figures -->\n\nBy hand.\n" in text
    assert "old" not in text
    built(models, folders, tmp_path)
    assert card.read_text() == text


def test_what_is_written_into_a_card_during_a_build_stays(models, folders, tmp_path, monkeypatch):
    card, bundle = models / "bells" / "README.md", decode_bundle(QUARTET.read_bytes())
    card.write_text(CARD)

    def build(*_):
        card.write_text(CARD.replace("By hand.", "By another hand."))
        return SimpleNamespace(bundle=bundle)

    monkeypatch.setattr(factory, "build", build)
    built(models, folders, tmp_path)
    assert "| harp | E1 – F7 | 4 |" in card.read_text()
    assert card.read_text().endswith("By another hand.\n")


def test_a_card_that_is_missing_or_has_no_place_for_figures_is_told_before_anything_is_built(models, folders, tmp_path):
    with pytest.raises(StoreError, match="every bundle of the set has a card"):
        built(models, folders, tmp_path)
    (models / "bells" / "README.md").write_text("# bells\n")
    with pytest.raises(BadConfig, match="has no lines <!-- figures --> and <!-- end of figures -->"):
        built(models, folders, tmp_path)
    assert not list(models.rglob("*.tombola"))


def test_an_unknown_bundle_or_effort_is_one_sentence_and_code_1(tmp_path, capsys):
    assert main([str(tmp_path), "drums"]) == 1
    assert "factory: no factory bundle is called 'drums'; there are quartet" in capsys.readouterr().out
    assert main([str(tmp_path), "--effort", "fast"]) == 1
    assert "no effort 'fast'" in capsys.readouterr().out
