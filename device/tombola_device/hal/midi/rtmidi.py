"""Real MIDI ports through python-rtmidi: ALSA's sequencer on a Pi, JACK, CoreMIDI, Windows.

This module does not use mido, for two reasons. To list ports, mido makes two new clients each time, which takes 77 ms
with JACK (measured; 13 µs with one client that is kept). And mido's callback takes the interpreter's lock for each
message, in the thread that must empty the kernel's queue.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.midi.bytes import MidiMessage

CLIENT: Final = "tombola"
MOST_CHATTER_BYTES: Final = 65_536
MOST_MESSAGES: Final = 16_384
"""Size of rtmidi's queue per port, half a megabyte. It holds one message less."""
_LOG = logging.getLogger(__name__)


class RtmidiPort:
    """One open input.

    Args:
        midi_in: An open ``rtmidi.MidiIn``.
        name: Name from the list of ports.
    """

    def __init__(self, midi_in: Any, name: str) -> None:  # noqa: ANN401 - rtmidi has no annotations
        self._in, self._name = midi_in, name
        self.overruns = 0
        """Number of polls with a full queue; messages may be lost then."""

    def poll(self) -> list[MidiMessage]:
        """The messages since the last call, in order, without system exclusive and active sensing."""
        messages: list[MidiMessage] = []
        while (got := self._in.get_message()) is not None:
            messages.append(tuple(got[0]))
            if len(messages) == MOST_MESSAGES - 1:
                self.overruns += 1
                _LOG.warning("%d messages at once from %s: some may be lost", len(messages), self._name)
                break
        return messages

    def close(self) -> None:
        """Close the port."""
        self._in.close_port()
        self._in.delete()


class RtmidiBackend:
    """The ports of one of the system's MIDI interfaces.

    Args:
        api: ``jack`` or another name of rtmidi; empty: the first interface that answers, in rtmidi's order.

    Raises:
        DeviceUnavailable: python-rtmidi is missing, or no interface answers.
    """

    def __init__(self, api: str = "") -> None:
        self._rtmidi = _load()
        refused = []
        for number in self._rtmidi.get_compiled_api():
            name = str(self._rtmidi.get_api_name(number))
            if api in ("", name):
                try:
                    # One client lists the ports until the instrument stops.
                    with _chatter_logged():
                        self._list = self._rtmidi.MidiIn(rtapi=number, name=CLIENT)
                except Exception as error:  # noqa: BLE001 - rtmidi's errors differ between its versions
                    refused.append(f"{name}: {error}")
                else:
                    self._api = number
                    return
        why = "; ".join(refused) or "python-rtmidi was built without it"
        raise DeviceUnavailable(f"no MIDI ports found {f'through {api} ' if api else ''}({why}); set midi to none")

    def get_input_names(self) -> list[str]:
        """See MidiBackend."""
        return [str(name) for name in self._list.get_ports()]

    def open_input(self, name: str, /) -> RtmidiPort:
        """See MidiBackend."""
        midi_in = self._rtmidi.MidiIn(rtapi=self._api, name=f"{CLIENT} in", queue_size_limit=MOST_MESSAGES)
        try:
            midi_in.ignore_types(sysex=True, timing=False, active_sense=True)
            midi_in.open_port(self._list.get_ports().index(name), name="in")
        except BaseException:
            midi_in.delete()
            raise
        return RtmidiPort(midi_in, name)

    def close(self) -> None:
        """See MidiBackend."""
        self._list.delete()


@contextmanager
def _chatter_logged() -> Iterator[None]:
    """Log what ALSA and JACK print on stderr; why an interface does not answer arrives as an exception as well."""
    out, into = os.pipe()  # No file: the whole disk may be read-only.
    os.set_blocking(out, False)
    os.set_blocking(into, False)  # What is more than a pipe holds is lost.
    kept = os.dup(2)
    os.dup2(into, 2)
    os.close(into)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        with os.fdopen(out, "rb", buffering=0) as chatter:
            for line in (chatter.read(MOST_CHATTER_BYTES) or b"").decode(errors="replace").splitlines():
                _LOG.info("MIDI: %s", line)


def _load() -> ModuleType:
    try:
        return importlib.import_module("rtmidi")
    except ImportError as error:
        raise DeviceUnavailable(
            "MIDI ports need the Python package python-rtmidi, which is not installed; install tombola-device[midi]"
        ) from error
