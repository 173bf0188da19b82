"""Which requests are let in, by their headers alone; and the headers that every answer has. Pure.

``Origin`` that equals ``Host`` proves nothing: under DNS rebinding both are the attacker's. So ``Host`` is compared
with a list first. A page of another origin can send a request, but neither with the right ``Origin`` nor with the
cookie; what another program on this computer sends passes with the cookie only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OWN_SITES: Final = ("same-origin", "none")
"""What ``Sec-Fetch-Site`` says of our own page, and of an address that the user typed."""


class Refusal(Exception):
    """A request is refused: the status, and one sentence for the user."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True)
class Guard:
    """The addresses under which one server is reached.

    Args:
        port: Its port on the loopback interface.

    >>> guard = Guard(8662)
    >>> guard.check_host({"Host": "127.0.0.1:8662"})
    >>> guard.check_host({"Host": "evil.example:8662"})
    Traceback (most recent call last):
    tombola_device.web.guard.Refusal: (421, 'this server is reached as 127.0.0.1:8662 only; open that address')
    """

    port: int

    @property
    def hosts(self) -> tuple[str, ...]:
        """The values of ``Host`` that are let in."""
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    @property
    def cookie(self) -> str:
        """Name of the cookie; with the port, because browsers share cookies between the ports of a host."""
        return f"tombola-{self.port}"

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Let in only who names this server exactly.

        Raises:
            Refusal: 421.
        """
        if headers.get("Host", "") not in self.hosts:
            raise Refusal(421, f"this server is reached as {self.hosts[0]} only; open that address")

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Let in only our own page, served from the host that the request names.

        Raises:
            Refusal: 403.
        """
        if headers.get("Origin", "") != f"http://{headers.get('Host', '')}":
            raise Refusal(403, "only the instrument's own page may ask this; open its address")

    def check_site(self, headers: Mapping[str, str]) -> None:
        """Turn away what a browser says comes from another site.

        Raises:
            Refusal: 403.
        """
        if headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
            raise Refusal(403, "another page may not ask this; open the instrument's own address")

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every answer: nothing from elsewhere runs, and nobody else reads or frames it. No CORS."""
        sockets = " ".join(f"ws://{host}" for host in self.hosts)
        policy = (
            f"default-src 'self'; connect-src 'self' {sockets}; img-src 'self' data: blob:; object-src 'none'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-cache",
        }
