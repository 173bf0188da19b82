"""The command that plays a bundle live, on this computer's sound output, with letter keys and MIDI: play."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group
from rich.live import Live as Screen
from rich.text import Text
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SILENCE_DB

from tombola_host.cli.app import BundleArgument, app, output, read_bundle, say, working
from tombola_host.playing.performance import blend_point
from tombola_host.playing.rehearsal import CHECKED_S, CHECKING, rehearse
from tombola_host.playing.screen import Seen, count, picture
from tombola_host.progress import Part

if TYPE_CHECKING:
    from tombola_host.playing.live import Live, TypedIn

TICK_S: Final = 0.003
PICTURE_S: Final = 0.1


@app.command()
def play(
    bundle: BundleArgument,
    blend: Annotated[str, typer.Option("--blend", help="Where to begin, such as sax=0.7,harp=0.3.")] = "",
    voices: Annotated[int, typer.Option("--voices", min=1, max=16, help="How many notes at once.")] = 4,
    layout: Annotated[str, typer.Option("--layout", help="Of the letter keys: qwerty, qwertz or azerty.")] = "qwerty",
    midi: Annotated[str, typer.Option("--midi", help="auto, none, or a part of a MIDI input's name.")] = "auto",
    audio: Annotated[
        str, typer.Option("--audio", help="card, portaudio:NAME, alsa:PCM, or wav:FILE to record instead.")
    ] = "card",
    buffer_periods: Annotated[
        int,
        typer.Option("--buffer", min=2, max=64, help="Of the card, in periods of 2.67 ms; more is safer and later."),
    ] = 6,
    test_note: Annotated[bool, typer.Option(help="Begin with a note that says whether sound works.")] = True,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0, help="End by itself after so long.")] = None,
) -> None:
    """Play a bundle with the letter keys, or a MIDI keyboard. Sound comes out of this computer.

    Example:  tombola play mine.tombola
    """
    from tombola_host.playing.live import Live, open_inputs  # onnxruntime, which other commands would wait for.

    loaded = read_bundle(bundle)
    weights = blend_point(loaded, blend) if blend else None
    with working() as reporter:
        reporter.plan([Part(CHECKING, CHECKED_S)])
        rehearse(loaded, reporter)
    for name in ("SIGTERM", "SIGHUP"):  # The terminal must be restored; Windows has no SIGHUP.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    typed, sources = open_inputs(midi, layout, [word.name for word in loaded.manifest.words])
    try:
        live = Live(loaded, sources, audio=audio, voices=voices, buffer_periods=buffer_periods)
    except BaseException:
        for source in sources:
            source.close()
        raise
    try:
        if weights is not None:
            live.player.set_blend(weights)
        if test_note:
            low, high = loaded.manifest.modes[0].note_range
            live.sound_test_note(round((low + high) / 2))
            say(f"A test note sounds on {live.output}. If you hear nothing: the volume? Another output, with --audio?")
        _play(live, loaded, typed, seconds)
    except KeyboardInterrupt:
        pass
    finally:
        live.close()
    latency = f", {live.status.latency_p50_ms:.0f} ms from key to card" if live.status.latency_p50_ms else ""
    loudest = f"peak {live.loudest_db:.0f} dBFS" if live.loudest_db > SILENCE_DB else "silence"
    say(f"{live.output}: {loudest}, {count(live.status.xruns, 'gap')}{latency}")


def _play(live: Live, bundle: Bundle, typed: TypedIn | None, seconds: float | None) -> None:
    """Pass on what is played, and show it, until Ctrl-C or for ``seconds``."""
    start_s = shown_s = time.monotonic()
    with Screen(console=output, auto_refresh=False, transient=True) as screen:
        while seconds is None or time.monotonic() - start_s < seconds:
            live.tick()
            if output.is_terminal and time.monotonic() - shown_s >= PICTURE_S:
                shown_s = time.monotonic()
                lines = (Text(line, no_wrap=True, overflow="crop") for line in picture(_see(live, bundle, typed)))
                screen.update(Group(*lines), refresh=True)
            time.sleep(TICK_S)


def _see(live: Live, bundle: Bundle, typed: TypedIn | None) -> Seen:
    manifest, status = bundle.manifest, live.status
    seen = Seen(
        bundle=manifest.name,
        output=live.output,
        modes=tuple(mode.name for mode in manifest.modes),
        blend=tuple(live.player.blend.tolist()),
        peak_db=live.take_peak_db(),
        sounding=sum(level_db > SILENCE_DB for level_db in status.levels_db),
        voices=status.voice_limit,
        latency_ms=status.latency_p50_ms,
        xruns=status.xruns,
        lost=status.lost,
        midi=live.midi,
    )
    if typed is None:
        return seen
    from tombola_host.playing.live import LEVEL

    player = live.player
    values = (*player.timbre, player.life, typed.value(LEVEL) / 127, *(place for _, place in player.words))
    dials = tuple((dial.name, value) for dial, value in zip(typed.dials, values, strict=True))
    return replace(seen, dials=dials, dial=typed.dial.name, octave=typed.octave, holding=typed.holding)
