"""``python -m tombola_host.cost.arm64 ROOT`` makes the tree for counting; it does not count."""

from __future__ import annotations

import sys
from pathlib import Path

from tombola_device.contract.errors import TombolaError

from tombola_host.cost.arm64.root import prepare_root
from tombola_host.terminal import Terminal


def main() -> int:
    """Entry point; the only argument is the folder for the tree."""
    try:
        prepare_root(Path(sys.argv[1]))
    except TombolaError as error:
        Terminal(stderr=True).print(f"tombola: {error}", markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
