"""Where a proof may lead to, as rules without a network."""

import pytest

from certloom.net.interface import AddressRefused, RedirectRefused
from certloom.net.redirects import Ports, Target, follow, read_target, shorten

START = Target("http", "www.example.com", 80, "/.well-known/x")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://www.example.com/y", Target("https", "www.example.com", 443, "/y")),
        ("http://other.example:80/y?z=1", Target("http", "other.example", 80, "/y?z=1")),
        ("http://other.example:443/", Target("http", "other.example", 443, "/")),
        ("HTTP://OTHER.example", Target("http", "other.example", 80, "/")),
        ("/y", Target("http", "www.example.com", 80, "/y")),
        ("y", Target("http", "www.example.com", 80, "/.well-known/y")),
        ("//other.example/y#fragment", Target("http", "other.example", 80, "/y")),
        ("http://8.8.8.8/", Target("http", "8.8.8.8", 80, "/")),
        ("http://[2606:4700::1]/", Target("http", "[2606:4700::1]", 80, "/")),
    ],
)
def test_allowed_redirects_are_followed(location: str, target: Target) -> None:
    """Absolute and relative places on ports 80 and 443 are next hops."""
    assert target == follow(START, location, [START], Ports())


@pytest.mark.parametrize(
    ("location", "why"),
    [
        (None, "no Location"),
        ("", "no Location"),
        ("ftp://www.example.com/", "neither http nor https"),
        ("file:///etc/passwd", "neither http nor https"),
        ("javascript:alert(1)", "neither http nor https"),
        ("http://www.example.com:22/", "port 22"),
        ("http://www.example.com:8080/", "port 8080"),
        ("http://www.example.com:99999/", "cannot be read"),
        ("http://user@www.example.com/", "user name"),
        ("http://@www.example.com/", "user name"),
        ("http:///x", "no full host name"),
        ("http://localhost/", "no full host name"),
        ("http://intranet/", "no full host name"),
        ("http://www.example.com./", "no full host name"),
        ("http://-bad.example.com/", "no full host name"),
        ("http://www..example.com/", "no full host name"),
        ("http://www.example.com\\@10.0.0.1/", "percent-encoded"),
        ("http://www.example.com/a b", "percent-encoded"),
        ("http://www.example.com/\x7f", "percent-encoded"),
        ("http://www.example.com/ü", "percent-encoded"),
        ("http://www.example.com/" + "a" * 2000, "more than 2000"),
        ("/.well-known/x", "circle"),
        ("http://[::1", "cannot be read"),
    ],
)
def test_other_redirects_are_refused_with_the_reason(location: str | None, why: str) -> None:
    """Each rule refuses with a sentence that says which one it was."""
    with pytest.raises(RedirectRefused, match=why):
        follow(START, location, [START], Ports())


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]"])
def test_odd_ip_literals_are_refused(host: str) -> None:
    """An address in disguise is refused before anything is asked."""
    with pytest.raises(AddressRefused):
        follow(START, f"http://{host}/", [START], Ports())


def test_the_tenth_redirect_is_followed_and_the_eleventh_is_not() -> None:
    """Ten redirects are the limit."""
    visited = [Target("http", "www.example.com", 80, f"/{number}") for number in range(10)]

    follow(visited[-1], "/10", visited, Ports())
    with pytest.raises(RedirectRefused, match="More than 10"):
        follow(visited[-1], "/11", [*visited, START], Ports())


def test_a_configured_port_is_what_plain_urls_mean() -> None:
    """In a lab, plain http means the configured port, also in a redirect, and may be named."""
    ports = Ports(http=8053)

    assert [read_target(url, ports).port for url in ("http://a.test/", "http://a.test:8053/", "http://a.test:80/")] == [
        8053,
        8053,
        80,
    ]


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (START, "www.example.com"),
        (Target("https", "a.test", 443, "/"), "a.test"),
        (Target("http", "a.test", 443, "/"), "a.test:443"),
        (Target("http", "[::1]", 8053, "/"), "[::1]:8053"),
    ],
)
def test_the_host_header_has_the_port_only_when_needed(target: Target, authority: str) -> None:
    """Web servers choose their site by it, so it is what a browser would send."""
    assert authority == target.authority


def test_foreign_text_is_shortened_and_escaped() -> None:
    """A hostile Location can neither forge a line nor fill a page."""
    assert shorten("a\nb\x1b") == "a\\nb\\x1b"
    assert len(shorten("x" * 5000)) == 120
