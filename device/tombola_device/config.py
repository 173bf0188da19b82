"""How the instrument is set up: a TOML file in which everything may be left out."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_VOICES
from tombola_device.contract.errors import BadConfig


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file each; what is left out plays on any computer.

    Args:
        audio: ``auto`` (ALSA's default card, else a wav file), ``alsa``, ``alsa:PCM``, ``wav:FILE`` or ``null``.
        buffer_periods: How many periods of 2.67 ms the card's buffer holds.
        voices: How many notes sound at once.
        midi: ``auto`` (all inputs), ``none``, ``jack`` (all of a JACK server), or a part of an input's name, with
            ``jack:`` before it if it is one of JACK's.
        midi_serial: UART of the DIN or TRS socket, at 31 250 baud; empty: none.
        midi_thru: Whether what comes in there goes out there again.
        midi_socket: HOST:PORT to take MIDI from over TCP; empty: none.
        panel: ``auto`` (on a Raspberry Pi), ``gpio``, ``mock`` or ``none``.
        serial: Port over which bundles are flashed; empty: none.
        unsigned: ``allow`` takes any bundle, ``ask`` only what an owner has signed or the panel allows.
        state_dir: Where slots and status are kept; by default below the user's XDG state folder.
        factory: Bundle that plays while no other has been flashed; by default the one that is shipped.
        measure: Whether to measure at the start how many of the voices this computer can play.
        realtime: Whether the audio process asks for SCHED_FIFO and locked memory.
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
        """Folder of slots, status and lock."""
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
        """The factory's bundle, if there is one."""
        path = (
            Path(self.factory).expanduser()
            if self.factory
            else Path(__file__).parent / "models/quartet/quartet.tombola"
        )
        return path if self.factory or path.is_file() else None


def read_config(path: Path | None) -> Config:
    """Read a configuration file; without one, the defaults.

    Raises:
        BadConfig: It cannot be read, is no TOML, or has an unknown key or a value out of range.
    """
    if path is None:
        return Config()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), type=Config)
    except OSError as error:
        raise BadConfig(f"the configuration {path} cannot be read ({error.strerror}); name another file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"the configuration {path} is no TOML: {error}; correct it there") from error
    except msgspec.ValidationError as error:
        raise BadConfig(f"the configuration {path} cannot be understood: {error}; correct it there") from error
