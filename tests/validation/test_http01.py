"""Looks at proofs on web servers: what is enough, and what a customer reads when it is not."""

import pytest

from certloom.domain.errors import InvalidInput
from certloom.validation.validator import NetworkValidator
from lab.httpd import Page
from lab.web import lab_web
from lab.world import LabWorld
from lab.zone import Trouble
from tests.validation.challenges import http_challenge
from tests.validation.conftest import validator_in

PATH = "/.well-known/certloom-challenge/token-1"


async def test_the_expected_content_proves(lab: LabWorld, validator: NetworkValidator) -> None:
    """A file with the content is the proof, found at the configured port."""
    lab.publish(http_challenge())

    look = await validator.look(http_challenge())

    assert (look.proven, look.seen, look.error) == (True, '"token-1"', None)


@pytest.mark.parametrize("body", [b"token-1\n", b"token-1\r\n", b"  token-1\t\n\n"])
async def test_blanks_around_the_content_do_not_matter(lab: LabWorld, validator: NetworkValidator, body: bytes) -> None:
    """An editor's last newline is forgiven."""
    lab.site.put("www.lab.test", PATH, body)

    assert (await validator.look(http_challenge())).proven


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"token-2", "other content"),
        (b"token-1 token-1", "other content"),
        (b"TOKEN-1", "other content"),
        (b"", "empty file"),
        (b"token-1" + b" " * 200, "more than 128 bytes"),
    ],
)
async def test_other_content_does_not_prove(lab: LabWorld, validator: NetworkValidator, body: bytes, why: str) -> None:
    """Only the exact content counts, and the sentence says what is wrong."""
    lab.site.put("www.lab.test", PATH, body)

    look = await validator.look(http_challenge())

    assert not look.proven
    assert why in (look.error or "")


@pytest.mark.parametrize("status", [400, 404, 500, 304])
async def test_the_right_content_with_a_wrong_status_does_not_prove(
    lab: LabWorld, validator: NetworkValidator, status: int
) -> None:
    """Error pages that echo the path prove nothing (BR 3.2.2.4.19 wants a 2xx)."""
    lab.site.put("www.lab.test", PATH, Page(status=status, body=b"" if status == 304 else b"token-1"))

    look = await validator.look(http_challenge())

    assert not look.proven
    assert f"status {status}" in (look.seen or "")


async def test_a_redirected_proof_counts(lab: LabWorld, validator: NetworkValidator) -> None:
    """The file may be served elsewhere."""
    lab.site.redirect("www.lab.test", PATH, "http://proofs.lab.test/token-1", status=301)
    lab.site.put("proofs.lab.test", "/token-1", b"token-1")

    assert (await validator.look(http_challenge())).proven


async def test_what_is_seen_is_printable(lab: LabWorld, validator: NetworkValidator) -> None:
    """Bytes of a foreign server are escaped."""
    lab.site.put("www.lab.test", PATH, b'<b>\x1b[31m\xff\n"')

    seen = (await validator.look(http_challenge())).seen

    assert seen == '"<b>\\x1b[31m\\xff\\n\\""'


async def test_an_ipv6_address_is_asked_itself(lab: LabWorld) -> None:
    """Its URL and Host header have it in brackets (RFC 8738 section 5), and DNS has nothing to do with it."""
    asked = lab_web(lab.site, host="::1")
    await asked.start(lab.http_port)
    lab.site.put("[::1]", PATH, b"token-1")
    challenge = http_challenge("::1").model_copy(update={"url": f"http://[::1]{PATH}"})

    look = await validator_in(lab, allow="::1/128").look(challenge)
    await asked.stop()

    assert (look.proven, lab.site.requests[-1].host) == (True, "[::1]")


async def test_a_closed_port_is_named(lab: LabWorld, validator: NetworkValidator) -> None:
    """A customer reads which port of which address does not listen."""
    port = lab.http_port
    await lab.web.stop()

    look = await validator.look(http_challenge())

    assert look.error == f"Nothing listens on port {port} of 127.0.0.1 (www.lab.test)."


async def test_a_refused_address_is_named_and_shows_nothing(lab: LabWorld) -> None:
    """A name that points inwards is not contacted, and nothing from there is told."""
    lab.publish(http_challenge())

    look = await validator_in(lab, allow="192.0.2.0/24").look(http_challenge())

    assert (look.proven, look.seen) == (False, None)
    assert "127.0.0.1 is refused: it is this machine itself" in (look.error or "")
    assert lab.web.connections == 0


async def test_a_redirect_inwards_is_named_and_shows_nothing(lab: LabWorld, validator: NetworkValidator) -> None:
    """A redirect to a private address is not followed, and nothing of the first answer is shown either."""
    lab.site.redirect("www.lab.test", PATH, "http://10.0.0.1/token-1")

    look = await validator.look(http_challenge())

    assert (look.proven, look.seen) == (False, None)
    assert "10.0.0.1 is refused: it is private" in (look.error or "")


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Page(raw=b"hello"), "proper HTTP"),
        (Page(delay=30), "no complete answer within 1 s"),
        (Page(status=302, headers=(("Location", "http://www.lab.test:22/"),)), "port 22"),
    ],
)
async def test_misbehaving_servers_are_an_error_of_the_look(
    lab: LabWorld, validator: NetworkValidator, page: Page, why: str
) -> None:
    """A look never raises for what the other side does."""
    lab.site.put("www.lab.test", PATH, page)

    look = await validator.look(http_challenge())

    assert not look.proven
    assert why in (look.error or "")


async def test_failing_name_servers_are_an_error_of_the_look(lab: LabWorld, validator: NetworkValidator) -> None:
    """When the host cannot be looked up, the sentence says so."""
    lab.zone.trouble("www.lab.test", Trouble.SERVFAIL)

    assert "No name server could answer" in ((await validator.look(http_challenge())).error or "")


@pytest.mark.parametrize("field", ["url", "content"])
async def test_an_incomplete_challenge_is_invalid(validator: NetworkValidator, field: str) -> None:
    """Nothing to look for is never proven; it is the caller's fault."""
    with pytest.raises(InvalidInput, match=field):
        await validator.look(http_challenge().model_copy(update={field: None}))
