"""The ``tombola`` command."""

from __future__ import annotations

import os
import sys

from tombola_device.contract.errors import TombolaError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def main() -> None:
    """Run a command; an error that the user can mend is one sentence on stderr and exit code 1."""
    from tombola_host.cli import fetching, keeping, live, making, owning, playing, staging, studying
    from tombola_host.cli.app import app, errors

    del fetching, keeping, live, making, owning, playing, staging, studying  # Imported for their commands.
    try:
        app()
    except TombolaError as error:
        errors.print(f"tombola: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
