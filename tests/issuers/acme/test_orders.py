"""Orders at an ACME CA, from newOrder to the chain, when the CA takes its time or something is in the way."""

import json
from datetime import timedelta

import pytest
from cryptography import x509
from josepy.b64 import b64decode

from certloom.domain.application import ValidationMethod
from certloom.domain.errors import IssuerRefused, Later, Outage
from certloom.domain.key import KeyType
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.interface import Pending, SignedLeaf
from certloom.storage.interface import Storage
from tests.issuers.acme.fake_ca import FakeCa, Fault, saying
from tests.issuers.acme.fake_orders import problem
from tests.issuers.acme.pebbles import issuer_at
from tests.issuers.orders import END, NOW, csr, finished, order, read, signed


async def test_a_wildcard_and_its_apex_are_two_values_under_one_label(issuer: AcmeIssuer) -> None:
    """Both are proven by the same record name, each with a value of its own."""
    opened = await issuer.begin(order("example.com", "*.example.com"), now=NOW)
    assert [item.name for item in opened.challenges] == ["example.com", "*.example.com"]
    assert {item.record_name for item in opened.challenges} == {"_acme-challenge.example.com"}
    assert len({item.record_value for item in opened.challenges}) == 2


async def test_a_file_proof_is_where_rfc_8555_says(issuer: AcmeIssuer) -> None:
    """The content of an http-01 file is token, dot and thumbprint, and its URL ends in the token."""
    opened = await issuer.begin(order(validation=ValidationMethod.HTTP_01), now=NOW)
    proof = opened.challenges[0]
    assert proof.url == f"http://www.example.com/.well-known/acme-challenge/{proof.token}"
    assert proof.content is not None
    assert proof.content.startswith(f"{proof.token}.")
    assert len(proof.content) == len(proof.token) + 1 + 43


async def test_a_method_that_the_ca_does_not_offer_is_refused(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """The sentence names what the CA offers instead."""
    ca.orders.offers = ("tls-alpn-01", "from-the-future-01")
    with pytest.raises(IssuerRefused, match=r"tls-alpn-01, from-the-future-01") as refused:
        await issuer.begin(order(), now=NOW)
    assert refused.value.reason == "method_not_offered"


async def test_what_the_ca_holds_as_proven_needs_no_challenge(issuer: AcmeIssuer) -> None:
    """A second order for a name finds its authorisation valid, and is signed at once."""
    await signed(issuer, order(key="one"))
    opened = await issuer.begin(order("www.example.com", "new.example.com", key="two"), now=NOW)
    assert [item.name for item in opened.challenges] == ["new.example.com"]


async def test_an_order_ends_when_its_first_proof_does(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """The earliest end of the order and its open authorisations is handed on."""
    ca.rewrite = lambda kind, body: {**body, "expires": "2029-01-01T00:00:00Z"} if kind == "authz" else body
    opened = await issuer.begin(order(), now=NOW)
    assert opened.expires_at is not None
    assert opened.expires_at.year == 2029


async def test_an_order_ends_when_the_ca_says(issuer: AcmeIssuer) -> None:
    """The end of the order is handed on, and its proofs are its own."""
    opened = await issuer.begin(order(), now=NOW)
    assert opened.expires_at is not None
    assert opened.expires_at.year == 2030
    assert not opened.proofs_stand


async def test_a_pending_challenge_is_answered_once(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """While the CA takes its time it is asked how far it is, and not told again."""
    ca.orders.polls = 3
    opened = await issuer.begin(order(), now=NOW)
    for _ in range(2):
        assert isinstance(await issuer.advance(opened.order_ref, now=NOW, not_after=END), Pending)
    assert ca.orders.all[0].authzs[0].answered == 1


async def test_a_ca_that_takes_long_is_asked_ever_more_rarely(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """The pauses between two looks grow with the time that the CA takes, to a quarter of a minute."""
    ca.orders.polls, ca.orders.retry_after = 9, ""
    opened = await issuer.begin(order(), now=NOW)
    seconds = (0, 2, 20, 240)
    found = [
        await issuer.advance(opened.order_ref, now=NOW + timedelta(seconds=after), not_after=END) for after in seconds
    ]
    assert found == [Pending(retry_after=pause) for pause in (1, 1, 5, 15)]


async def test_an_answer_that_was_lost_is_given_again(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """After minutes in which nothing happened the CA is told once more."""
    ca.orders.polls = 9
    opened = await issuer.begin(order(), now=NOW)
    for now in (NOW, NOW + timedelta(minutes=6)):
        await issuer.advance(opened.order_ref, now=now, not_after=END)
    assert ca.orders.all[0].authzs[0].answered == 2


async def test_processing_waits_as_long_as_the_ca_says(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """An order that takes minutes is asked for again and again, and finalized once."""
    ca.orders.processing, ca.orders.retry_after = 5, "40"
    opened = await issuer.begin(order(), now=NOW)
    first = await issuer.advance(opened.order_ref, now=NOW, not_after=END)
    assert first == Pending(retry_after=40)
    assert isinstance(await finished(issuer, opened.order_ref), SignedLeaf)
    assert ca.seen["finalize"] == 1


async def test_a_stored_leaf_is_returned_without_asking(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Once it is here, the CA is left alone."""
    leaf = await signed(issuer, order())
    before = ca.seen.total()
    opened = await issuer.begin(order(), now=NOW)
    assert await issuer.advance(opened.order_ref, now=NOW, not_after=END) == leaf
    assert ca.seen.total() == before


async def test_a_chain_ends_before_the_root(issuer: AcmeIssuer) -> None:
    """What was signed by itself is no part of the chain."""
    leaf = await signed(issuer, order())
    assert leaf.chain_pem.count("BEGIN") == 1
    assert leaf.issuer == "pebble"


async def test_a_leaf_with_other_names_is_refused(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A CA that adds a name did not do what was ordered."""
    ca.orders.extra_names = ("other.example.net",)
    opened = await issuer.begin(order(), now=NOW)
    with pytest.raises(IssuerRefused, match=r"other\.example\.net") as refused:
        await finished(issuer, opened.order_ref)
    assert refused.value.reason == "leaf_mismatch"


async def test_a_leaf_that_is_over_is_refused(issuer: AcmeIssuer) -> None:
    """Fetched after its end, it would be renewed in the same moment, again and again."""
    opened = await issuer.begin(order(), now=NOW)
    with pytest.raises(IssuerRefused, match="ended") as refused:
        await issuer.advance(opened.order_ref, now=NOW + timedelta(days=3650), not_after=END)
    assert refused.value.reason == "leaf_over"


async def test_a_limit_is_not_about_the_predecessor(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A CA whose limit is used up is not asked once more, whatever words it says that with."""
    ca.renewal_info = lambda _: (200, {}, b"{}")
    leaf = await signed(issuer, order())
    ca.fail("new-order", saying("rateLimited", 429, detail="too many replacements of an existing order"))
    before = ca.seen["new-order"]
    with pytest.raises(Later):
        await issuer.begin(order(key="two", replaces=leaf.leaf_pem), now=NOW)
    assert ca.seen["new-order"] == before + 1


async def test_equal_orders_that_the_ca_merges_get_a_leaf_each(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Boulder answers an equal newOrder with the same order; whoever comes second orders anew."""
    one = await issuer.begin(order(key="one"), now=NOW)
    two = await issuer.begin(order(key="two", key_type=KeyType.ECDSA_P384), now=NOW)
    assert len(ca.orders.all) == 1
    leaves = [await finished(issuer, item.order_ref) for item in (one, two)]
    assert [leaf.key_type for leaf in leaves] == [KeyType.ECDSA_P256, KeyType.ECDSA_P384]
    assert len(ca.orders.leaves) == 2


async def test_an_abandoned_order_does_not_end_an_equal_one(issuer: AcmeIssuer) -> None:
    """An order that shares everything at the CA with an abandoned one is signed all the same."""
    one = await issuer.begin(order(key="one"), now=NOW)
    two = await issuer.begin(order(key="two"), now=NOW)
    await issuer.abandon(one.order_ref, now=NOW)
    assert isinstance(await finished(issuer, two.order_ref), SignedLeaf)


async def test_an_abandoned_order_is_never_finalized(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Abandoned while the CA validates, it stays without a certificate."""
    ca.orders.polls = 3
    opened = await issuer.begin(order(), now=NOW)
    await issuer.advance(opened.order_ref, now=NOW, not_after=END)
    await issuer.abandon(opened.order_ref, now=NOW)
    with pytest.raises(IssuerRefused):
        await issuer.advance(opened.order_ref, now=NOW, not_after=END)
    assert ca.seen["finalize"] == 0


async def test_an_order_that_the_ca_forgot_is_refused(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Its proofs are worth nothing any more, so that the names have to be proven anew."""
    opened = await issuer.begin(order(), now=NOW)
    ca.orders.forget()
    with pytest.raises(IssuerRefused) as refused:
        await issuer.advance(opened.order_ref, now=NOW, not_after=END)
    assert refused.value.reason == "order_lost"


async def test_an_order_without_a_location_is_found_again(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A CA that forgot to say where the order is has it once, also after the second try."""
    ca.fail("new-order", Fault(201, {}, b"{}", acts=True))
    with pytest.raises(Outage, match="where it is"):
        await issuer.begin(order(), now=NOW)
    assert await signed(issuer, order())
    assert len(ca.orders.all) == 1


async def test_an_account_that_the_ca_forgot_is_made_again(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A new order finds the account gone, and registers the same key once more."""
    await issuer.begin(order(key="one"), now=NOW)
    ca.accounts.clear()
    assert (await issuer.begin(order("other.example.com", key="two"), now=NOW)).challenges
    assert len(ca.accounts) == 1


async def test_a_signing_request_for_other_names_is_refused_at_once(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """The CA would say so at the very end, so it is not asked."""
    request = order(csr_pem=csr(KeyType.ECDSA_P256, ("www.example.com", "more.example.com")))
    with pytest.raises(IssuerRefused, match=r"more\.example\.com") as refused:
        await issuer.begin(request, now=NOW)
    assert (refused.value.reason, ca.seen.total()) == ("badCSR", 0)


async def test_an_unknown_status_is_an_outage(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """What RFC 8555 does not know may pass, and is named."""
    opened = await issuer.begin(order(), now=NOW)
    ca.rewrite = lambda kind, body: {**body, "status": "meditating"} if kind == "order" else body
    with pytest.raises(Outage, match="meditating"):
        await issuer.advance(opened.order_ref, now=NOW, not_after=END)
    ca.rewrite = lambda _, body: body
    assert isinstance(await finished(issuer, opened.order_ref), SignedLeaf)


async def test_an_authorisation_for_another_name_is_not_shown(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Nobody is asked to publish a proof for a name that was not ordered."""
    foreign = {"identifier": {"type": "ip", "value": "192.0.2.1"}}
    ca.rewrite = lambda kind, body: {**body, **foreign} if kind == "authz" else body
    with pytest.raises(Outage, match=r"192\.0\.2\.1"):
        await issuer.begin(order(), now=NOW)


async def test_addresses_are_ordered_as_addresses(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """By their own type of identifier; a CA that spells one otherwise still means the same."""
    names = ("2606:4700::1111", "www.example.com", "1.1.1.1")
    leaf = await signed(issuer, order(*names, validation=ValidationMethod.HTTP_01))
    kinds = [(item["type"], item["value"]) for item in ca.orders.all[0].wanted["identifiers"]]
    assert kinds == [("ip", "2606:4700::1111"), ("dns", "www.example.com"), ("ip", "1.1.1.1")]
    assert leaf.issuer == "pebble"


@pytest.mark.parametrize("kind", ["dns", "email"])
async def test_an_address_of_another_type_is_another_name(ca: FakeCa, issuer: AcmeIssuer, kind: str) -> None:
    """A proof for a DNS name that looks like the address proves nothing about it."""
    disguised = {"identifier": {"type": kind, "value": "1.1.1.1"}}
    ca.rewrite = lambda found, body: {**body, **disguised} if found == "authz" else body
    with pytest.raises(Outage, match=rf"{kind} 1\.1\.1\.1"):
        await issuer.begin(order("1.1.1.1", validation=ValidationMethod.HTTP_01), now=NOW)


async def test_a_leaf_with_the_address_as_a_dns_name_is_refused(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """No client would accept it for the address."""
    ca.orders.san = x509.DNSName
    opened = await issuer.begin(order("1.1.1.1", validation=ValidationMethod.HTTP_01), now=NOW)
    with pytest.raises(IssuerRefused, match=r"1\.1\.1\.1") as refused:
        await finished(issuer, opened.order_ref)
    assert refused.value.reason == "leaf_mismatch"


async def test_an_address_that_the_ca_rejects_is_named(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """With what the CA says of it, such as that the profile has no addresses."""
    part = problem("rejectedIdentifier", "not in this profile") | {"identifier": {"type": "ip", "value": "1.1.1.1"}}
    body = json.dumps(problem("malformed") | {"subproblems": [part]}).encode()
    ca.fail("new-order", Fault(400, {"Content-Type": "application/problem+json"}, body))
    with pytest.raises(IssuerRefused, match=r"for 1\.1\.1\.1; it says: “not in this profile”") as refused:
        await issuer.begin(order("www.example.com", "1.1.1.1", validation=ValidationMethod.HTTP_01), now=NOW)
    assert refused.value.reason == "rejectedIdentifier"


async def test_a_token_that_is_none_is_not_shown(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A token becomes part of a path and of a record, so it has the letters of base64url."""
    ca.rewrite = lambda kind, body: _with_token(body, "../../x") if kind == "authz" else body
    with pytest.raises(Outage, match="token"):
        await issuer.begin(order(), now=NOW)


async def test_a_predecessor_is_named(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """With renewal information a new order says which leaf it replaces (RFC 9773 section 5)."""
    ca.renewal_info = lambda _: (404, {}, b"")
    first = await signed(issuer, order(key="one"))
    await signed(issuer, order(key="two", replaces=first.leaf_pem))
    serial = read(first).serial_number
    named = ca.orders.all[1].replaces or ""
    assert int.from_bytes(b64decode(named.partition(".")[2]), "big") == serial


@pytest.mark.parametrize(
    "no",
    [
        saying("alreadyReplaced", 409, detail="it has a successor"),
        saying("malformed", 400, detail="parsing ARI CertID failed"),
        saying("serverInternal", 500, detail="could not find an order for the given certificate"),
    ],
)
async def test_a_predecessor_that_is_not_accepted_is_left_out(ca: FakeCa, issuer: AcmeIssuer, no: Fault) -> None:
    """The order is placed without it, for it is only a hint."""
    ca.renewal_info = lambda _: (404, {}, b"")
    first = await signed(issuer, order(key="one"))
    ca.fail("new-order", no)
    assert await signed(issuer, order(key="two", replaces=first.leaf_pem))
    assert ca.orders.all[1].replaces is None


async def test_a_conflict_about_something_else_is_told(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Not every 409 is about the predecessor."""
    ca.fail("new-order", saying("orderOfAnotherWorld", 409, detail="no way"))
    with pytest.raises(IssuerRefused, match="no way") as refused:
        await issuer.begin(order(), now=NOW)
    assert refused.value.reason == "orderOfAnotherWorld"


async def test_caa_names_are_those_of_the_directory(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Without a setting the CA's own names count, as far as they are domains."""
    ca.meta["caaIdentities"] = ["Fake.example.net", "no domain; x=1", "other.example.net"]
    assert list(await issuer.caa_identities(now=NOW)) == ["fake.example.net", "other.example.net"]


async def test_configured_caa_names_need_no_question(ca: FakeCa, storage: Storage) -> None:
    """What the operator wrote counts, and nobody is asked."""
    with issuer_at(ca, storage, caa_identities=("ca.example.net",)) as issuer:
        assert list(await issuer.caa_identities(now=NOW)) == ["ca.example.net"]
    assert ca.seen.total() == 0


async def test_a_profile_is_sent(ca: FakeCa, storage: Storage) -> None:
    """An operator's profile goes with every order."""
    with issuer_at(ca, storage, profile="short") as issuer:
        await issuer.begin(order(), now=NOW)
    assert ca.orders.all[0].wanted["profile"] == "short"


async def test_a_profile_that_is_not_offered_is_refused(ca: FakeCa, storage: Storage) -> None:
    """A profile that the directory does not name is never asked for."""
    with (
        issuer_at(ca, storage, profile="long") as issuer,
        pytest.raises(IssuerRefused, match="offers short") as refused,
    ):
        await issuer.begin(order(), now=NOW)
    assert refused.value.reason == "invalidProfile"
    assert ca.orders.all == []


def _with_token(body: dict[str, object], token: str) -> dict[str, object]:
    challenges = body["challenges"]
    assert isinstance(challenges, list)
    return {**body, "challenges": [{**item, "token": token} for item in challenges]}
