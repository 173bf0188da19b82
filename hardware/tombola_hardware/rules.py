"""What KiCad may complain about, and why it may."""

from __future__ import annotations

from typing import Final

from tombola_hardware.kicad.cli import Finding

ALLOWED: Final = {
    # Rule, and what its place must hold: why.
    (
        "lib_symbol_mismatch",
        "MCP3208",
    ): "its DOUT is drawn as three-state, which the datasheet says it is; two share one line",
    (
        "lib_symbol_mismatch",
        "AD7689",
    ): "its SDO is drawn as three-state, which the datasheet says it is while CNV is high",
    (
        "lib_footprint_mismatch",
        "Footprint",
    ): "names moved from the silk screen to the fabrication layer, models left out",
}


def not_allowed(findings: list[Finding]) -> list[Finding]:
    """All errors, and warnings without a reason in ALLOWED."""
    return [
        finding
        for finding in findings
        if finding.severity == "error"
        or not any(finding.rule == rule and place in finding.where + finding.text for rule, place in ALLOWED)
    ]
