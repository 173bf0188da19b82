"""What the report of a build says of tickets: whether one is in the instrument, and what a small lottery gained."""

from __future__ import annotations

from tombola_host.report.data import Table
from tombola_host.runs.store import Run
from tombola_host.study.trial import load_rows, verdict

METHODS_TOLD = {
    "joint": "One network learned all modes from scratch. There is no lottery ticket in it.",
    "core": "The network was merged from a lottery ticket of each mode, which chose its units and their first weights.",
}


def lottery_table(run: Run) -> Table:
    """The small lottery beside a build: each row's time and error."""
    rows, mode = load_rows(run), run.result()["mode"]
    cells = tuple((row.name, row.parameters, row.seconds, round(row.error, 3)) for row in rows)
    caption = (
        f"Spectral error on the notes of {mode} never learned from. Small dense network, short trainings, one seed: a "
        f"hint. Seconds are a processor's, the dense training included where a row needs it. So {verdict(rows)}."
    )
    return Table(("network", "parameters", "seconds", "error"), cells, caption, ("error",))
