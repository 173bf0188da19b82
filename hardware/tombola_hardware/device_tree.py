"""A device tree overlay that names and pulls the board's GPIOs, and the stock overlays for all else."""

from __future__ import annotations

from typing import Final

from tombola_hardware.model import Board

STOCK: Final = (
    ("dtoverlay=hifiberry-dac", "audio: a PCM5102A that needs no clock and no settings", "I2S"),
    ("dtparam=spi=on", "both converters, as spidev0.0 and spidev0.1", "SPI0"),
    ("dtparam=i2c_arm=on,i2c_arm_baudrate=400000", "display, lamps, DAC and memory", "I2C1"),
    ("dtoverlay=disable-bt", "Raspberry Pi 4: the good UART is free for MIDI", ""),
    ("dtoverlay=midi-uart0", "31 250 baud at GPIO 14 and 15; Raspberry Pi 5: midi-uart0-pi5", "UART0"),
    ("dtoverlay=dwc2,dr_mode=peripheral", "the USB-C port becomes a serial line to a computer", ""),
)
"""Line of config.txt, what it is for, name of the bus in model.CLAIMED whose GPIOs it takes.

Source: overlays/README of the Raspberry Pi kernel.
"""
PULL_UP: Final = ("ENC_A", "ENC_B", "ENC_SW", "SHIFT", "SAVE", "PWR_FAIL")
OUTPUTS: Final = ("AUDIO_MUTE", "GATE_OUT", "MIDI_TX")
OFF, DOWN, UP = 0, 1, 2
IN, OUT = 0, 1


def overlay(board: Board) -> str:
    """Source of the overlay, for BCM2711 (Raspberry Pi 4). AUDIO_MUTE is pulled low until somebody drives it."""
    mine = {name: number for name, number in board.gpio.items() if not name.startswith("MIDI_")}
    pins = " ".join(str(number) for number in mine.values())
    functions = " ".join(str(OUT if name in OUTPUTS else IN) for name in mine)
    pulls = " ".join(str(UP if name in PULL_UP else DOWN if name in OUTPUTS else OFF) for name in mine)
    names = {number: name for name, number in board.gpio.items()}
    lines = ", ".join(f'"{names.get(number, "")}"' for number in range(28))
    listed = "\n".join(f" *   {line:<45} {what}" for line, what, _ in STOCK)
    return f"""/*
 * {board.name} revision {board.revision}: names and pulls of its GPIOs. Generated; change the circuit instead.
 * Wanted beside it in config.txt:
{listed}
 */
/dts-v1/;
/plugin/;

/ {{
	compatible = "brcm,bcm2711";

	fragment@0 {{
		target = <&gpio>;
		__overlay__ {{
			gpio-line-names = {lines};
			pinctrl-names = "default";
			pinctrl-0 = <&tombola_pins>;

			tombola_pins: tombola_pins {{
				brcm,pins = <{pins}>;
				brcm,function = <{functions}>;
				brcm,pull = <{pulls}>;
			}};
		}};
	}};
}};
"""
