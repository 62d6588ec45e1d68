"""When a CA wants a leaf renewed (RFC 9773): asked of a real one, and read with suspicion from a broken one."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certloom.domain.errors import Later, Outage
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.acme_renewal import certificate_id
from certloom.storage.interface import Storage
from tests.issuers.acme.fake_ca import FakeCa
from tests.issuers.acme.pebbles import NEW, OLD, Pebbles, issuer_at
from tests.issuers.orders import NOW, order, read, signed

START, END = "2026-12-01T00:00:00Z", "2026-12-03T00:00:00.123456789Z"


async def asked(ca: FakeCa, issuer: AcmeIssuer, body: Any, headers: dict[str, str] | None = None) -> Any:
    ca.renewal_info = lambda _: (200, headers or {}, json.dumps(body).encode())
    leaf = await signed(issuer, order())
    return await issuer.suggest_renewal(leaf.leaf_pem, now=NOW)


async def test_a_window_is_read(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Start, end and explanation are what the CA says, in UTC."""
    window = {"start": "2026-12-01T02:00:00+02:00", "end": END}
    found = await asked(ca, issuer, {"suggestedWindow": window, "explanationURL": "https://ca.example.net/why"})
    assert (found.start, found.end.date()) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 3).date())  # noqa: DTZ001
    assert found.explanation_url == "https://ca.example.net/why"


@pytest.mark.parametrize(
    "window",
    [
        {"start": END, "end": START},
        {"start": START, "end": START},
        {"start": START},
        {"start": "2026-12-01T00:00:00", "end": END},
        {"start": "soon", "end": "later"},
        {"start": 5, "end": None},
        {},
    ],
)
async def test_a_window_that_is_none_is_ignored(ca: FakeCa, issuer: AcmeIssuer, window: dict[str, Any]) -> None:
    """Inverted, empty, naive or broken: there is no window, and it is asked again later."""
    found = await asked(ca, issuer, {"suggestedWindow": window})
    assert (found.start, found.end, found.ask_again_at) == (None, None, NOW + timedelta(hours=6))


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("3600", timedelta(hours=1)),
        ("1", timedelta(minutes=1)),
        ("9999999", timedelta(days=1)),
        ("whenever", timedelta(hours=6)),
    ],
)
async def test_the_next_question_is_within_a_minute_and_a_day(
    ca: FakeCa, issuer: AcmeIssuer, header: str, pause: timedelta
) -> None:
    """Retry-After is followed within limits of our own (section 4.3)."""
    found = await asked(ca, issuer, {"suggestedWindow": {"start": START, "end": END}}, {"Retry-After": header})
    assert found.ask_again_at == NOW + pause


@pytest.mark.parametrize("url", ["http://x.example", "javascript:alert(1)", "https://x.example/ y", "x" * 600, 5])
async def test_an_explanation_that_is_no_web_page_is_not_shown(ca: FakeCa, issuer: AcmeIssuer, url: object) -> None:
    """People are given it as a link."""
    found = await asked(ca, issuer, {"suggestedWindow": {"start": START, "end": END}, "explanationURL": url})
    assert found.explanation_url is None


@pytest.mark.parametrize("answer", [(404, {}, b"{}"), (500, {}, b""), (200, {}, b"no json"), (429, {}, b"")])
async def test_a_question_in_vain_is_an_outage(ca: FakeCa, issuer: AcmeIssuer, answer: Any) -> None:
    """Whatever goes wrong may be asked again, and nothing else is raised."""
    ca.renewal_info = lambda _: answer
    leaf = await signed(issuer, order())
    with pytest.raises(Outage):
        await issuer.suggest_renewal(leaf.leaf_pem, now=NOW)


async def test_a_pause_that_the_ca_wants_is_known(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """503 with Retry-After says when to come again."""
    ca.renewal_info = lambda _: (503, {"Retry-After": "600"}, b"")
    leaf = await signed(issuer, order())
    with pytest.raises(Later) as later:
        await issuer.suggest_renewal(leaf.leaf_pem, now=NOW)
    assert later.value.until == NOW + timedelta(minutes=10)


async def test_a_ca_that_never_says_is_not_asked(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A directory without renewalInfo means: no window, ever."""
    leaf = await signed(issuer, order())
    assert await issuer.suggest_renewal(leaf.leaf_pem, now=NOW) is None


def test_the_identifier_is_that_of_rfc_9773() -> None:
    """The example certificate of section 4.1 has the identifier that stands there."""
    assert certificate_id(EXAMPLE) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_what_is_no_certificate_has_no_identifier() -> None:
    """Nothing is asked about it."""
    assert certificate_id("no certificate") is None


async def test_pebble_suggests_a_window(pebbles: Pebbles, storage: Storage) -> None:
    """The current Pebble's window lies within the leaf's life, and its next question in six hours."""
    with issuer_at(await pebbles.get(NEW), storage) as issuer:
        leaf = await signed(issuer, order())
        found = await issuer.suggest_renewal(leaf.leaf_pem, now=NOW)
    assert found is not None
    assert found.start is not None
    assert found.end is not None
    assert read(leaf).not_valid_before_utc < found.start < found.end < leaf.not_after
    assert found.ask_again_at == NOW + timedelta(hours=6)


async def test_pebble_takes_a_predecessor_once(pebbles: Pebbles, storage: Storage) -> None:
    """The second successor of one leaf is ordered without `replaces`, since the CA knows the first."""
    with issuer_at(await pebbles.get(NEW), storage) as issuer:
        leaf = await signed(issuer, order(key="one"))
        for key in ("two", "three"):
            assert await signed(issuer, order(key=key, replaces=leaf.leaf_pem))


async def test_an_old_pebble_never_says(pebbles: Pebbles, storage: Storage) -> None:
    """Debian's Pebble has no renewal information, and a predecessor is not named to it."""
    with issuer_at(await pebbles.get(OLD), storage) as issuer:
        leaf = await signed(issuer, order(key="one"))
        assert await issuer.suggest_renewal(leaf.leaf_pem, now=NOW) is None
        assert await signed(issuer, order(key="two", replaces=leaf.leaf_pem))


# RFC 9773 appendix A
EXAMPLE = """\
-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
"""
