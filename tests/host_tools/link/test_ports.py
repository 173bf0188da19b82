from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from tombola_device.contract.errors import DeviceUnavailable
from tombola_host.link.ports import PRODUCT, PRODUCT_ID, VENDOR_ID, find_port

GADGET = Path(__file__).parents[3] / "systemd/gadget.sh"


@dataclass
class Fake:
    device: str
    vid: int | None = VENDOR_ID
    pid: int | None = PRODUCT_ID
    product: str | None = PRODUCT


UART = Fake("/dev/ttyS0", None, None, None)
ARDUINO = Fake("/dev/ttyACM0", 0x2341, 0x0043, None)
OTHER_GADGET = Fake("/dev/ttyACM1", product="Webcam gadget")


def test_the_one_instrument_is_found_among_other_ports():
    ports = [UART, ARDUINO, OTHER_GADGET, Fake("/dev/ttyACM2")]
    assert find_port(lambda: ports) == "/dev/ttyACM2"


def test_windows_does_not_tell_the_product_and_the_numbers_decide():
    assert find_port(lambda: [Fake("COM1", None, None, None), Fake("COM5", product=None)]) == "COM5"


def test_without_an_instrument_the_other_ports_are_listed():
    with pytest.raises(DeviceUnavailable) as caught:
        find_port(lambda: [UART, ARDUINO, OTHER_GADGET])
    assert str(caught.value) == (
        "no instrument was found on USB; the serial ports here are /dev/ttyACM0, /dev/ttyACM1, /dev/ttyS0; "
        "plug the instrument in, or name its port with --port"
    )
    with pytest.raises(DeviceUnavailable, match=r"found on USB, nor any other serial port; plug .* with --port"):
        find_port(list)


def test_several_instruments_are_listed_and_none_is_chosen():
    with pytest.raises(DeviceUnavailable) as caught:
        find_port(lambda: [Fake("/dev/ttyACM3"), UART, Fake("/dev/ttyACM1")])
    assert str(caught.value) == ("2 instruments are plugged in: /dev/ttyACM1, /dev/ttyACM3; choose one with --port")


def test_the_gadget_calls_itself_what_is_looked_for():
    script = GADGET.read_text("utf-8")
    values = dict(re.findall(r'echo "?(\w+)"? >"\$gadget/(?:strings/0x409/)?(idVendor|idProduct|product)"', script))
    named = {name: value for value, name in values.items()}
    assert {name: named[name] for name in ("idVendor", "idProduct", "product")} == {
        "idVendor": f"{VENDOR_ID:#06x}",
        "idProduct": f"{PRODUCT_ID:#06x}",
        "product": PRODUCT,
    }
