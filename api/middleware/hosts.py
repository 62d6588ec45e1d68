"""Answers only for host names that are ours: a page elsewhere cannot reach a local service by DNS rebinding."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import render

# A probe comes by address, reads nothing of worth, and changes nothing.
_ANY_HOST: Final = frozenset({"/healthz", "/readyz"})


class HostGuard:
    """Refuses requests without exactly one well-formed Host (RFC 9112 3.2), or with one that is not in *hosts*."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the host, then hand on."""
        if scope["type"] != "http" or scope["path"] in _ANY_HOST:
            await self._app(scope, receive, send)
            return
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(given) != 1 or not given[0]:
            await render("bad_host", "Send exactly one Host header.")(scope, receive, send)
        elif host_name(given[0]) not in self._hosts:
            await render("unknown_host", "This service does not answer under this name.")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def host_name(header: str) -> str:
    """Return the name of a Host header without its port, lower-case; an IPv6 literal without its brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].rstrip(".").lower()
