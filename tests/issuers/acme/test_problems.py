"""What a CA's noes are in words: which name, what the CA saw, what to do; and when to come again."""

import json
from datetime import timedelta
from typing import Any

import pytest

from certloom.domain.application import ValidationMethod
from certloom.domain.errors import IssuerRefused, Later, Outage
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.acme_problems import WORDS, refusal_of
from certloom.issuers.acme_replies import LONGEST_SHOWN, Reply, shown
from certloom.storage.interface import Storage
from lab.pebble import Hostility, LabChalltestsrv
from tests.issuers.acme.fake_ca import FakeCa, Fault, saying
from tests.issuers.acme.fake_orders import problem
from tests.issuers.acme.pebbles import OLD, Pebbles, issuer_at, programs
from tests.issuers.orders import END, NOW, finished, order, signed


@pytest.mark.parametrize(
    ("code", "help_"),
    [
        ("caa", "CAA records"),
        ("dns", "name servers"),
        ("connection", "port 80"),
        ("unauthorized", "exactly as shown"),
        ("incorrectResponse", "exactly as shown"),
        ("dnssec", "DNSSEC"),
        ("tls", "redirect"),
    ],
)
async def test_a_failed_proof_is_told(ca: FakeCa, issuer: AcmeIssuer, code: str, help_: str) -> None:
    """The sentence has the name, what the CA saw, and what to do; the reason is the CA's code."""
    ca.orders.verdicts["bad.example.com"] = problem(code, "it saw 203.0.113.9")
    opened = await issuer.begin(order("www.example.com", "bad.example.com"), now=NOW)
    with pytest.raises(IssuerRefused) as refused:
        await finished(issuer, opened.order_ref)
    told = refused.value.detail
    assert (refused.value.reason, refused.value.names) == (code, ("bad.example.com",))
    assert "bad.example.com" in told
    assert "www.example.com" not in told
    assert "it saw 203.0.113.9" in told
    assert help_ in told


async def test_every_failed_name_is_told(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Two names that fail for two reasons are two sentences."""
    ca.orders.verdicts = {"a.example.com": problem("dns", "SERVFAIL"), "b.example.com": problem("caa", "no")}
    opened = await issuer.begin(order("a.example.com", "b.example.com"), now=NOW)
    with pytest.raises(IssuerRefused, match=r"(?s)(?=.*look up a\.example\.com)(?=.*forbids.*b\.example\.com)"):
        await finished(issuer, opened.order_ref)


@pytest.mark.parametrize("code", ["malformed", "serverInternal", "orderNotReady"])
async def test_a_look_that_failed_for_another_reason_is_a_failed_look(
    ca: FakeCa, issuer: AcmeIssuer, code: str
) -> None:
    """The CA's own words are told; it is no proof that was held once, for which an order would be placed anew."""
    ca.orders.verdicts["bad.example.com"] = problem(code, "our resolver fell over")
    opened = await issuer.begin(order("bad.example.com"), now=NOW)
    with pytest.raises(IssuerRefused, match="our resolver fell over") as refused:
        await finished(issuer, opened.order_ref)
    assert (refused.value.reason, refused.value.names) == ("validation_failed", ("bad.example.com",))


async def test_a_proof_that_is_not_as_it_should_be_is_told_in_step_cas_word(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """step-ca says rejectedIdentifier for a record that differs: the name is fine, the proof is not."""
    ca.orders.verdicts["bad.example.com"] = problem("rejectedIdentifier", "keyAuthorization does not match")
    opened = await issuer.begin(order("bad.example.com"), now=NOW)
    with pytest.raises(IssuerRefused, match=r"did not find the proof for bad\.example\.com"):
        await finished(issuer, opened.order_ref)


@pytest.mark.parametrize("code", ["rejectedIdentifier", "badCSR", "externalAccountRequired", "userActionRequired"])
async def test_a_refused_order_is_told(ca: FakeCa, issuer: AcmeIssuer, code: str) -> None:
    """A no to newOrder is final, with its code and its own words."""
    ca.fail("new-order", saying(code, 403, detail="policy 7"))
    with pytest.raises(IssuerRefused, match="policy 7") as refused:
        await issuer.begin(order(), now=NOW)
    assert refused.value.reason == code
    assert WORDS[code].help in refused.value.detail


async def test_a_compound_problem_names_each_identifier(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Sub-problems are told one by one, each with its name (RFC 8555 section 6.7.1)."""
    parts = [
        {**problem("rejectedIdentifier", "too long"), "identifier": {"type": "dns", "value": "a.example.com"}},
        {**problem("caa", "forbidden"), "identifier": {"type": "dns", "value": "b.example.com"}},
    ]
    body = json.dumps({**problem("compound"), "subproblems": parts}).encode()
    ca.fail("new-order", Fault(403, {"Content-Type": "application/problem+json"}, body))
    with pytest.raises(IssuerRefused, match=r"a\.example\.com.*too long.*b\.example\.com.*forbidden") as refused:
        await issuer.begin(order(), now=NOW)
    assert refused.value.reason == "rejectedIdentifier"


async def test_a_limit_has_its_end(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """429 rateLimited with Retry-After is a limit until then, and the order is placed after it."""
    ca.fail("new-order", saying("rateLimited", 429, detail="too many", headers={"Retry-After": "7200"}))
    with pytest.raises(Later, match="too many") as later:
        await issuer.begin(order(), now=NOW)
    assert (later.value.until, later.value.limit) == (NOW + timedelta(hours=2), True)
    assert await signed(issuer, order())


@pytest.mark.parametrize(
    "resource",
    ["directory", "new-nonce", "new-account", "new-order", "authz", "order", "challenge", "finalize", "cert"],
)
async def test_a_ca_that_wants_peace_says_until_when(ca: FakeCa, issuer: AcmeIssuer, resource: str) -> None:
    """Whichever exchange is answered with 503 and Retry-After, it is known when to come again."""
    ca.fail(resource, Fault(503, {"Retry-After": "60", "Replay-Nonce": ""}, b""))
    with pytest.raises(Later) as later:
        await signed(issuer, order())
    assert (later.value.until, later.value.limit) == (NOW + timedelta(minutes=1), False)
    assert await signed(issuer, order())


async def test_an_account_that_may_not_order_is_the_operators(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """`unauthorized` at newOrder is about our account, not about the customer's proof."""
    ca.fail("new-order", saying("unauthorized", 403, detail="account is deactivated"))
    with pytest.raises(IssuerRefused, match="operator") as refused:
        await issuer.begin(order(), now=NOW)
    assert refused.value.reason == "accountRefused"


async def test_a_limit_without_an_end_is_an_hour(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A CA that names no time is asked again after an hour."""
    ca.fail("new-order", saying("rateLimited", 429))
    with pytest.raises(Later) as later:
        await issuer.begin(order(), now=NOW)
    assert later.value.until == NOW + timedelta(hours=1)


async def test_at_once_is_no_answer_to_a_limit(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Retry-After 0 counts as none: a CA whose limit is used up is not asked every second."""
    ca.fail("new-order", saying("rateLimited", 429, headers={"Retry-After": "0"}))
    with pytest.raises(Later) as later:
        await issuer.begin(order(), now=NOW)
    assert later.value.until == NOW + timedelta(hours=1)


async def test_a_pause_by_date_is_counted_from_the_ca_s_clock(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """An HTTP-date in Retry-After means the same whatever our own clock says."""
    headers = {"Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}
    ca.fail("new-order", Fault(503, headers, b"come back"))
    with pytest.raises(Later) as later:
        await issuer.begin(order(), now=NOW)
    assert (later.value.until, later.value.limit) == (NOW + timedelta(minutes=1), False)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500, {}, b"oops"),
        Fault(502, {}, b"<html>"),
        Fault(503, {}, b""),
        saying("serverInternal", 500, detail="database"),
        Fault(403, {}, b"a proxy says no"),
        Fault(200, {}, b"not json"),
        Fault(),
    ],
)
async def test_a_storm_passes(ca: FakeCa, issuer: AcmeIssuer, fault: Fault) -> None:
    """Whatever is no word of the CA's own is an outage, and the same call succeeds later."""
    opened = await issuer.begin(order(), now=NOW)
    ca.fail("order", *[fault] * 3)
    for _ in range(3):
        with pytest.raises(Outage):
            await issuer.advance(opened.order_ref, now=NOW, not_after=END)
    assert await finished(issuer, opened.order_ref)


@pytest.mark.parametrize("header", ["soon", "-5", "", "99999999999999999999", "Sun, 99 Nov 1994 08:50:37 GMT"])
def test_a_pause_that_is_none_is_ignored(header: str) -> None:
    """A Retry-After that cannot be read says nothing."""
    assert reply(503, {"Retry-After": header}).come_again(NOW) is None


def test_a_pause_is_never_longer_than_a_month() -> None:
    """A CA that wants to be left alone for years is asked again after a month."""
    assert reply(503, {"Retry-After": "999999999"}).come_again(NOW) == NOW + timedelta(days=31)


def test_a_pause_that_is_over_is_none() -> None:
    """A date in the past means now, in UTC."""
    found = reply(503, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}).come_again(NOW)
    assert found == NOW


def test_words_of_a_ca_are_one_bounded_line() -> None:
    """No control, format or direction character reaches a person, and no novel."""
    assert shown("a\r\nb\x1b[31m\u202ec\u200b d") == "a b [31m c d"
    assert len(shown("x" * 10_000)) == LONGEST_SHOWN


@pytest.mark.parametrize("typ", ["about:blank", "urn:x:<script>", f"urn:{'x' * 50}", ""])
def test_a_strange_type_is_filed_as_other(typ: str) -> None:
    """A reason is a plain word, since it is counted by."""
    found = refusal_of(reply(403, {}, {"type": typ, "detail": "no"}), now=NOW)
    assert isinstance(found, IssuerRefused)
    assert found.reason == "other"


async def test_pebble_refuses_a_blocked_name(pebbles: Pebbles, storage: Storage) -> None:
    """A real CA's rejectedIdentifier reaches the customer with the name."""
    pebble = await pebbles.get(OLD, blocked=["blocked.example.com"])
    with issuer_at(pebble, storage) as issuer, pytest.raises(IssuerRefused, match=r"blocked\.example\.com") as refused:
        await issuer.begin(order("blocked.example.com"), now=NOW)
    assert refused.value.reason == "rejectedIdentifier"


@pytest.mark.parametrize(
    ("method", "reasons"),
    [(ValidationMethod.DNS_01, {"unauthorized", "dns"}), (ValidationMethod.HTTP_01, {"connection"})],
)
async def test_pebble_tells_why_it_did_not_find_a_proof(
    pebbles: Pebbles, storage: Storage, method: ValidationMethod, reasons: set[str], tmp_path_factory: Any
) -> None:
    """A real CA that looks in vain ends the order, and says what it saw."""
    folder = tmp_path_factory.mktemp("challenges")
    async with LabChalltestsrv((await programs(OLD)).challenges, folder) as server:
        pebble = await pebbles.get(OLD, hostility=Hostility(), dns_server=server.dns_server, http_port=1)
        with issuer_at(pebble, storage) as issuer:
            opened = await issuer.begin(order(validation=method), now=NOW)
            with pytest.raises(IssuerRefused, match=r"www\.example\.com.*it says") as refused:
                await finished(issuer, opened.order_ref)
    assert refused.value.reason in reasons


def reply(status: int, headers: dict[str, str], body: object = None) -> Reply:
    return Reply("https://ca.example.net/", status, headers, json.dumps(body).encode())
