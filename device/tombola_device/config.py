"""The configuration of the instrument: a TOML file in which every key is optional."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_VOICES
from tombola_device.contract.errors import BadConfig
from tombola_device.factory import chosen


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of the file. The defaults work on any computer.

    Args:
        audio: ``auto`` (ALSA's default card, else PortAudio's output, else a wav file), ``card`` (the same without the
            file), ``alsa``, ``alsa:PCM``, ``portaudio``, ``portaudio:DEVICE``, ``wav:FILE`` or ``null``.
        buffer_periods: Length of the card's buffer in periods of 2.67 ms.
        voices: Largest number of notes that sound at once.
        midi: ``auto`` (all inputs, and a terminal's letter keys), ``none``, ``jack`` (all inputs of a JACK server), a
            part of an input's name, or ``jack:`` and a part of the name of a JACK input.
        midi_serial: UART of the DIN or TRS socket, at 31 250 baud; empty: none.
        midi_thru: Whether the UART sends received MIDI out again.
        midi_socket: HOST:PORT on which to receive MIDI over TCP; empty: none.
        panel: ``auto`` (on a Raspberry Pi), ``gpio``, ``mock`` or ``none``.
        serial: Serial port for flashing bundles; empty: none.
        unsigned: ``allow`` accepts any bundle; ``ask`` accepts bundles that an owner signed or the player allows.
        state_dir: Folder of slots and status; empty: below the user's XDG state folder.
        factory: Bundle that plays until another is flashed; empty: that of the factory set which was chosen.
        measure: Whether to measure at the start how many voices this computer can play.
        realtime: Whether the audio process requests SCHED_FIFO and locked memory.
    """

    audio: str = "auto"
    buffer_periods: Annotated[int, Meta(ge=2, le=64)] = 4
    voices: Annotated[int, Meta(ge=1, le=MAX_VOICES)] = 4
    midi: str = "auto"
    midi_serial: str = ""
    midi_thru: bool = True
    midi_socket: str = ""
    panel: str = "auto"
    serial: str = ""
    unsigned: Literal["allow", "ask"] = "allow"
    state_dir: str = ""
    factory: str = ""
    measure: bool = True
    realtime: bool = True

    @property
    def state_path(self) -> Path:
        """Folder of the slots, the status and the lock."""
        if self.state_dir:
            return Path(self.state_dir).expanduser()
        base = os.environ.get("XDG_STATE_HOME", "")
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state") / "tombola"

    @property
    def slots_path(self) -> Path:
        """Folder of the slots."""
        return self.state_path / "slots"

    @property
    def factory_path(self) -> Path | None:
        """File of the factory bundle; None if none is whole."""
        return Path(self.factory).expanduser() if self.factory else chosen(self.state_path)


def read_config(path: Path | None) -> Config:
    """Read a configuration file; for None, return the defaults.

    Raises:
        BadConfig: The file cannot be read, is not TOML, or has an unknown key or a value out of range.

    >>> path = Path("tombola.toml")
    >>> _ = path.write_text('voices = 2')
    >>> read_config(path).voices
    2
    >>> _ = path.write_text('voices = 200')
    >>> read_config(path)
    Traceback (most recent call last):
    tombola_device.contract.errors.BadConfig: the configuration tombola.toml is invalid: Expected `int` <= 16 - at
    `$.voices`; correct it there
    """
    if path is None:
        return Config()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), type=Config)
    except OSError as error:
        raise BadConfig(f"the configuration {path} cannot be read ({error.strerror}); name another file") from error
    except RecursionError as error:  # Some hundred tables within another; its text says nothing.
        raise BadConfig(f"the configuration {path} is nested too deeply; correct it there") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"the configuration {path} is not TOML: {error}; correct it there") from error
    except msgspec.ValidationError as error:
        raise BadConfig(f"the configuration {path} is invalid: {error}; correct it there") from error
