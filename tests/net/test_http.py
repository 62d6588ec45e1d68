"""The guarded GET against the lab's web server."""

from pathlib import Path

import pytest

from certloom.net.dialer import GuardedDialer
from certloom.net.http import GuardedHttp
from certloom.net.interface import AddressRefused, BrokenAnswer, NoAddress, RedirectRefused, Unreachable
from certloom.net.redirects import Ports
from lab.httpd import Page
from lab.web import lab_web
from lab.world import LabWorld
from tests.net.servers import self_signed

URL = "http://www.lab.test/proof"


@pytest.fixture
def http(lab: LabWorld, dialer: GuardedDialer) -> GuardedHttp:
    return GuardedHttp(dialer, ports=Ports(http=lab.http_port), deadline=2.0)


async def test_a_small_body_is_fetched(lab: LabWorld, http: GuardedHttp) -> None:
    """Status and body come back, and where they came from."""
    lab.site.put("www.lab.test", "/proof", b"content\n")

    fetched = await http.get(URL)

    assert (
        fetched.status,
        fetched.body,
        fetched.truncated,
        str(fetched.address),
    ) == (200, b"content\n", False, "127.0.0.1")


async def test_the_site_is_asked_for_by_its_name(lab: LabWorld, http: GuardedHttp) -> None:
    """The Host header names the host, although the connection goes to an address."""
    await http.get(URL)

    assert [(request.host, request.path) for request in lab.site.requests] == [("www.lab.test", "/proof")]


async def test_another_status_is_an_answer(http: GuardedHttp) -> None:
    """A 404 is told, not raised."""
    assert (await http.get(URL)).status == 404


@pytest.mark.parametrize(("size", "truncated"), [(127, False), (128, False), (129, True), (100_000, True)])
async def test_no_more_than_128_bytes_are_kept(lab: LabWorld, http: GuardedHttp, size: int, truncated: bool) -> None:  # noqa: FBT001
    """A longer body is cut, and said to be."""
    lab.site.put("www.lab.test", "/proof", b"x" * size)

    fetched = await http.get(URL)

    assert (min(size, 128), truncated) == (len(fetched.body), fetched.truncated)


async def test_chunked_bodies_are_put_together(lab: LabWorld, http: GuardedHttp) -> None:
    """A body in chunks is read like any other."""
    lab.site.put("www.lab.test", "/proof", Page(body=b"content", chunked=True))

    assert (await http.get(URL)).body == b"content"


async def test_a_body_that_ends_with_the_connection_is_read(lab: LabWorld, http: GuardedHttp) -> None:
    """An old server that gives no length is understood."""
    lab.site.put("www.lab.test", "/proof", Page(raw=b"HTTP/1.0 200 OK\r\n\r\ncontent"))

    assert (await http.get(URL)).body == b"content"


async def test_interim_answers_are_skipped(lab: LabWorld, http: GuardedHttp) -> None:
    """The final answer counts."""
    raw = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    lab.site.put("www.lab.test", "/proof", Page(raw=raw))

    assert (await http.get(URL)).body == b"ok"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_followed_to_another_host(lab: LabWorld, http: GuardedHttp, status: int) -> None:
    """Each of the four redirects leads on, and the last place is told."""
    lab.site.redirect("www.lab.test", "/proof", "http://other.lab.test/there", status=status)
    lab.site.put("other.lab.test", "/there", b"found")

    fetched = await http.get(URL)

    assert (b"found", f"http://other.lab.test:{lab.http_port}/there") == (fetched.body, fetched.url)


@pytest.mark.parametrize("status", [300, 303, 304, 305])
async def test_other_3xx_are_plain_answers(lab: LabWorld, http: GuardedHttp, status: int) -> None:
    """What is no redirect for a proof is not followed."""
    lab.site.redirect("www.lab.test", "/proof", "/there", status=status)

    assert (await http.get(URL)).status == status


async def test_redirects_to_https_need_no_trusted_certificate(
    lab: LabWorld, dialer: GuardedDialer, tmp_path: Path
) -> None:
    """A host without a good certificate yet can still show its proof by https."""
    server = lab_web(lab.site, tls=self_signed(tmp_path, "old.example"))
    await server.start()
    lab.site.redirect("www.lab.test", "/proof", "https://www.lab.test/secure")
    lab.site.put("www.lab.test", "/secure", b"found")

    fetched = await GuardedHttp(dialer, ports=Ports(lab.http_port, server.port)).get(URL)
    await server.stop()

    assert fetched.body == b"found"


@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/", "http://inside.example.com/", "http://169.254.169.254/latest/", "http://[::ffff:7f00:1]/"],
)
async def test_redirects_inwards_are_refused(lab: LabWorld, http: GuardedHttp, location: str) -> None:
    """Every hop is checked, by address and by what its name resolves to."""
    lab.zone.add("inside.example.com", "A", "192.168.0.1")
    lab.site.redirect("www.lab.test", "/proof", location)

    with pytest.raises(AddressRefused):
        await http.get(URL)


async def test_redirects_without_end_are_refused(lab: LabWorld, http: GuardedHttp) -> None:
    """The eleventh redirect is not followed."""
    lab.site.redirect("www.lab.test", "/proof", "/0")
    for number in range(20):
        lab.site.redirect("www.lab.test", f"/{number}", f"/{number + 1}")

    with pytest.raises(RedirectRefused):
        await http.get(URL)
    assert len(lab.site.requests) == 11


async def test_redirects_in_a_circle_are_refused(lab: LabWorld, http: GuardedHttp) -> None:
    """A page that was asked before is not asked again."""
    lab.site.redirect("www.lab.test", "/proof", "/there")
    lab.site.redirect("www.lab.test", "/there", "/proof")

    with pytest.raises(RedirectRefused, match="circle"):
        await http.get(URL)
    assert len(lab.site.requests) == 2


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "closed before an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "without sending complete"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, "too long"),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 20_000, "too large"),
    ],
    ids=["nothing", "other protocol", "cut off", "bad chunk", "huge header", "interim answers without end"],
)
async def test_improper_answers_are_broken(lab: LabWorld, http: GuardedHttp, raw: bytes, why: str) -> None:
    """What is no complete HTTP answer of sane size is refused as such."""
    lab.site.put("www.lab.test", "/proof", Page(raw=raw))

    with pytest.raises(BrokenAnswer, match=f"proper HTTP.*{why}"):
        await http.get(URL)


@pytest.mark.parametrize(
    "page", [Page(delay=30), Page(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", hang=True)]
)
async def test_slow_answers_are_given_up(lab: LabWorld, dialer: GuardedDialer, page: Page) -> None:
    """One deadline covers everything, before and within the answer."""
    lab.site.put("www.lab.test", "/proof", page)

    with pytest.raises(BrokenAnswer, match=r"within 0\.3 s"):
        await GuardedHttp(dialer, ports=Ports(http=lab.http_port), deadline=0.3).get(URL)


async def test_a_body_that_goes_on_is_not_waited_for(lab: LabWorld, http: GuardedHttp) -> None:
    """Enough bytes end the reading, although the server goes on sending."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + b"x" * 200
    lab.site.put("www.lab.test", "/proof", Page(raw=raw, hang=True))

    assert (await http.get(URL)).truncated


async def test_a_missing_host_and_a_closed_port_are_told_apart(lab: LabWorld, dialer: GuardedDialer) -> None:
    """No address and no listener are different errors."""
    await lab.web.stop()
    http = GuardedHttp(dialer, ports=Ports(http=lab.http_port))

    with pytest.raises(Unreachable, match="Nothing listens"):
        await http.get(URL)
    with pytest.raises(NoAddress):
        await http.get("http://missing.example.com/")
