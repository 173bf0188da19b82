"""Tells systemd that the instrument is ready, alive, and what it does."""

from __future__ import annotations

from tombola_device.daemon.systemd import Notifier


class Watchdog:
    """Tells systemd that the instrument is alive as long as its pulse goes on.

    Args:
        notifier: Where it is told.

    >>> class Log(Notifier):
    ...     def _tell(self, line: str) -> None:
    ...         print(line)
    >>> Watchdog(Log({})).tick(pulse=1, doing="playing quartet", now_s=0.0)
    READY=1
    STATUS=playing quartet
    """

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._ready = False
        self._doing = ""
        self._told_s, self._told_pulse = 0.0, 0

    def tick(self, pulse: int, doing: str, now_s: float) -> None:
        """Take the pulse.

        Args:
            pulse: Changes as long as all is well: while a bundle plays, the periods rendered; 0: not begun.
            doing: One line for ``systemctl status``.
            now_s: By ``time.monotonic``.
        """
        if not self._ready and pulse > 0:
            self._ready = True
            self._notifier.ready()
        if self._ready and doing != self._doing:
            self._doing = doing
            self._notifier.status(doing)
        self._keep_alive(pulse, now_s)

    def stopping(self) -> None:
        """Tell systemd that the instrument ends."""
        self._notifier.stopping()

    def close(self) -> None:
        """Tell no more."""
        self._notifier.close()

    def _keep_alive(self, pulse: int, now_s: float) -> None:
        every_s = self._notifier.watchdog_s
        if self._ready and every_s and now_s - self._told_s >= every_s and pulse != self._told_pulse:
            self._told_s, self._told_pulse = now_s, pulse
            self._notifier.alive()
