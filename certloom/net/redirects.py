"""Which URLs a proof of control may lead to: the rules of Boulder's http-01 (CA/B Forum BR 3.2.2.4.19)."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from certloom.net.addresses import read_literal
from certloom.net.interface import RedirectRefused

FOLLOWED = frozenset({301, 302, 307, 308})
MAX_REDIRECTS = 10
MAX_PATH = 2000

# One host name, at least two labels; the underscore is no host name but is in use.
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
# Printable ASCII but for the backslash, which some parsers take for a slash.
_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]+\Z")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that plain URLs mean here; 80 and 443 may always be named in a redirect."""

    http: int = 80
    https: int = 443

    def default(self, scheme: str) -> int:
        """The port of a URL that names none."""
        return self.https if scheme == "https" else self.http

    @property
    def allowed(self) -> frozenset[int]:
        """The ports that a URL may name."""
        return frozenset({80, 443, self.http, self.https})


@dataclass(frozen=True, slots=True)
class Target:
    """One hop: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: without the port when the scheme implies it."""
        implied = 443 if self.scheme == "https" else 80
        return self.host if self.port == implied else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The hop as a person reads it."""
        return f"{self.scheme}://{self.authority}{self.path}"


def read_target(url: str, ports: Ports) -> Target:
    """Read one URL by the rules; raises RedirectRefused (or AddressRefused for an odd IP literal) with the rule."""
    if not _URL.match(url):
        raise RedirectRefused(f"The URL {shorten(url)} is empty or holds characters that must be percent-encoded.")
    try:
        parts = urlsplit(url)
        explicit = parts.port
    except ValueError as error:
        raise RedirectRefused(f"The URL {shorten(url)} cannot be read: {error}.") from error
    if parts.scheme not in {"http", "https"}:
        raise RedirectRefused(f"The URL {shorten(url)} is neither http nor https.")
    if parts.username is not None or parts.password is not None:
        raise RedirectRefused(f"The URL {shorten(url)} holds a user name; that is not followed.")
    host = _read_host(url, parts.hostname or "")
    port = ports.default(parts.scheme) if explicit is None else explicit
    if port not in ports.allowed:
        raise RedirectRefused(f"The URL {shorten(url)} names port {port}; only ports 80 and 443 are followed.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if len(path) > MAX_PATH:
        raise RedirectRefused(f"The URL {shorten(url)} has a path of more than {MAX_PATH} characters.")
    return Target(parts.scheme, host, port, path)


def follow(current: Target, location: str | None, visited: Collection[Target], ports: Ports) -> Target:
    """Return the next hop; raises RedirectRefused when there is none, it loops, or there were too many."""
    if not location:
        raise RedirectRefused(f"{shorten(current.url)} answers with a redirect that has no Location.")
    if not _URL.match(location):
        raise RedirectRefused(f"The Location {shorten(location)} holds characters that must be percent-encoded.")
    if len(visited) > MAX_REDIRECTS:
        raise RedirectRefused(f"More than {MAX_REDIRECTS} redirects; the last one led to {shorten(location)}.")
    try:
        # An absolute Location is not joined, because joining would lend it the current host when it names none.
        base = f"{current.scheme}://{current.host}:{current.port}{current.path}"
        joined = location if urlsplit(location).scheme else urljoin(base, location)
    except ValueError as error:
        raise RedirectRefused(f"The Location {shorten(location)} cannot be read: {error}.") from error
    target = read_target(joined, ports)
    if target in visited:
        raise RedirectRefused(f"The redirects go in a circle: {shorten(target.url)} was asked before.")
    return target


def shorten(text: str, limit: int = 120) -> str:
    """Return foreign text for a sentence: printable ASCII only, and not too long."""
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= limit else escaped[: limit - 3] + "..."


def _read_host(url: str, host: str) -> str:
    literal = read_literal(host) if host else None
    if literal is not None:
        return f"[{literal}]" if literal.version == 6 else str(literal)
    if not _HOST.match(host):
        raise RedirectRefused(f"The URL {shorten(url)} names no full host name such as www.example.com.")
    return host
