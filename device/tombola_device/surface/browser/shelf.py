"""Finds the bundle that plays among the files of the instrument, for its facts and its maps."""

from __future__ import annotations

from pathlib import Path

from tombola_device.contract.bundle import Bundle, bundle_sha256, decode_bundle
from tombola_device.contract.errors import BadBundle


class BundleShelf:
    """The bundles in the slots, and the factory bundle.

    Args:
        slots: Folder of the slots.
        factory: File of the factory bundle; None: there is none.
    """

    def __init__(self, slots: Path, factory: Path | None) -> None:
        self._slots, self._factory = slots, factory

    def find(self, sha256: str) -> Bundle | None:
        """The bundle with this hash; None: no file has it, or not any more."""
        for path in (self._slots / f"{sha256}.tombola", self._factory):
            try:
                if path is not None and bundle_sha256(data := path.read_bytes()) == sha256:
                    return decode_bundle(data)
            except (OSError, BadBundle):
                continue
        return None
