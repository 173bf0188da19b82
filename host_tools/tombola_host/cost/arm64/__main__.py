"""``python -m tombola_host.cost.arm64 ROOT`` makes the tree in which counts are taken, and counts nothing itself."""

from __future__ import annotations

import sys
from pathlib import Path

from tombola_device.contract.errors import TombolaError

from tombola_host.cost.arm64.root import prepare_root


def main() -> int:
    """Entry point; the only argument is where the tree is, or will be."""
    try:
        prepare_root(Path(sys.argv[1]))
    except TombolaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
