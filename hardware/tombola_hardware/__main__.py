"""``python -m tombola_hardware build``: generate everything; ``check``: see that it holds together."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tombola_hardware import mechanics
from tombola_hardware.board import desktop, module
from tombola_hardware.errors import HardwareError
from tombola_hardware.oracle import checks
from tombola_hardware.panel import layout

GENERATED = Path(__file__).parents[1] / "generated"


def main() -> int:
    """The command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="tombola_hardware", description="The module's circuit, panel and documents from one description."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="generate schematics, panel, bill of materials, pin map, simulation")
    building.add_argument(
        "--output", type=Path, help="another folder than hardware/generated; leaves the firmware alone"
    )
    commands.add_parser("route", help="find the tracks of both boards anew, into hardware/routes; some minutes")
    commands.add_parser(
        "check", help="see that circuit, mechanics and panel are as the golden tables want them; needs no tool"
    )
    asked = parser.parse_args()
    try:
        if asked.command == "check":
            return _check()
        if asked.command == "route":
            return _route()
        from tombola_hardware.build import build, install

        build(asked.output or GENERATED, lambda text: print(f"· {text}", flush=True))
        if not asked.output:
            install(GENERATED)
    except HardwareError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


def _route() -> int:
    from tombola_hardware.panel.boards import control_grid, main_grid
    from tombola_hardware.routing import routes
    from tombola_hardware.routing.router import Router

    for name, grid in (("control", control_grid), ("main", main_grid)):
        router = Router(grid(module().board), lambda text: print(f"· {text}", flush=True))
        if not router.run():
            print("the router found no way for all nets; move parts apart, or route the rest by hand", file=sys.stderr)
            return 1
        print(f"· {routes.save(name, routes.laid(router))}")
    return 0


def _check() -> int:
    faults = [*layout.faults(), *mechanics.faults()]
    for design in (module(), desktop()):
        faults += checks.faults(design.board)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"· {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
