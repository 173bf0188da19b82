"""``python -m tombola_host.cost.arm64 ROOT`` makes the tree for counting; it does not count."""

from __future__ import annotations

import sys
from pathlib import Path

from tombola_host.cost.arm64.root import prepare_root
from tombola_host.terminal import with_exit_code


@with_exit_code
def main() -> None:
    """Entry point; the only argument is the folder for the tree."""
    prepare_root(Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
