"""The bundles: closing them ends what is under way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tombola_device.config import Config
from tombola_device.contract.errors import StoreError
from tombola_device.daemon.bundles import Bundles
from tombola_device.engine.probe_child import ChildProbe


def test_closing_stops_the_check_of_a_bundle_before_it_waits_for_the_serial_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle
) -> None:
    stopped, checked = threading.Event(), []
    monkeypatch.setattr(ChildProbe, "stop", lambda _: stopped.set())
    bundles = Bundles(Config(state_dir=str(tmp_path)), dict)

    def serve() -> None:  # As a serial line that waits for the end of an installation.
        checked.append(stopped.wait(30))

    bundles._threads.append(threading.Thread(target=serve))
    bundles._threads[0].start()
    bundles.close()
    assert checked == [True]
    monkeypatch.undo()
    bundles.close()
    with pytest.raises(StoreError, match="is ending"):
        bundles._probe(bundle)
