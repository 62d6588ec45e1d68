"""Revocation at an ACME CA: by the account, by the leaf's own key when that is lost, and once for ever."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certloom.domain.errors import IssuerRefused, Outage
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.interface import LeafToRevoke, SignedLeaf
from certloom.storage.interface import Storage
from tests.issuers.acme.asking import status_at
from tests.issuers.acme.fake_ca import FakeCa, Fault, saying
from tests.issuers.acme.pebbles import NEW, OLD, Pebbles, issuer_at
from tests.issuers.orders import NOW, order, private_key, signed, to_revoke


def with_key(leaf: SignedLeaf, key_type: KeyType = KeyType.ECDSA_P256) -> LeafToRevoke:
    der = private_key(key_type).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return to_revoke(leaf).model_copy(update={"private_key": der})


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (RevocationReason.UNSPECIFIED, None),
        (RevocationReason.KEY_COMPROMISE, 1),
        (RevocationReason.SUPERSEDED, 4),
        (RevocationReason.CESSATION_OF_OPERATION, 5),
        (RevocationReason.AFFILIATION_CHANGED, None),
        (RevocationReason.PRIVILEGE_WITHDRAWN, None),
    ],
)
async def test_a_reason_is_one_that_cas_take(
    ca: FakeCa, issuer: AcmeIssuer, reason: RevocationReason, code: int | None
) -> None:
    """0, 1, 4 and 5 are sent; what a subscriber may not say goes without a reason."""
    await issuer.revoke(to_revoke(await signed(issuer, order()), reason), now=NOW)
    assert [(sent, by_key) for _, sent, by_key in ca.orders.revoked] == [(code, False)]


async def test_a_reason_that_is_not_taken_is_left_out(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """A CA with a rule of its own still revokes."""
    leaf = await signed(issuer, order())
    ca.fail("revoke", saying("badRevocationReason", 400))
    await issuer.revoke(to_revoke(leaf), now=NOW)
    assert [sent for _, sent, _ in ca.orders.revoked] == [None]


async def test_a_repeated_revocation_is_confirmed(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """alreadyRevoked is what was wanted, also after an answer that was lost."""
    leaf = await signed(issuer, order())
    ca.fail("revoke", Fault(acts=True))
    with pytest.raises(Outage):
        await issuer.revoke(to_revoke(leaf), now=NOW)
    await issuer.revoke(to_revoke(leaf), now=NOW)
    assert len(ca.orders.revoked) == 1


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.ECDSA_P384, KeyType.RSA_2048])
async def test_a_lost_account_does_not_matter(ca: FakeCa, issuer: AcmeIssuer, key_type: KeyType) -> None:
    """When the CA does not know us any more, the leaf's own key says it."""
    leaf = await signed(issuer, order(key_type=key_type))
    ca.accounts.clear()
    await issuer.revoke(with_key(leaf, key_type), now=NOW)
    assert [by_key for _, _, by_key in ca.orders.revoked] == [True]


async def test_a_lost_account_without_the_key_is_told(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """With neither there is nothing that could be asked."""
    leaf = await signed(issuer, order())
    ca.accounts.clear()
    with pytest.raises(IssuerRefused, match="account"):
        await issuer.revoke(to_revoke(leaf), now=NOW)


async def test_a_lost_database_does_not_matter(ca: FakeCa, storage: Storage, fresh: Storage) -> None:
    """A service that has no account there revokes by the leaf's own key, and makes none for it."""
    with issuer_at(ca, storage) as issuer:
        leaf = await signed(issuer, order())
    with issuer_at(ca, fresh) as issuer:
        await issuer.revoke(with_key(leaf), now=NOW)
    assert len(ca.accounts) == 1


async def test_a_leaf_of_another_issuer_is_refused(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """Nobody is asked about it."""
    leaf = await signed(issuer, order())
    with pytest.raises(IssuerRefused) as refused:
        await issuer.revoke(to_revoke(leaf.model_copy(update={"issuer": "other"})), now=NOW)
    assert (refused.value.reason, ca.seen["revoke"]) == ("unknown_leaf", 0)


async def test_a_leaf_that_the_ca_never_gave_is_refused(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """The CA says so, and it is final."""
    leaf = await signed(issuer, order())
    ca.orders.forget()
    with pytest.raises(IssuerRefused, match="no such certificate"):
        await issuer.revoke(to_revoke(leaf), now=NOW)


@pytest.mark.parametrize("kind", [OLD, NEW])
async def test_pebble_has_it_as_revoked(pebbles: Pebbles, storage: Storage, kind: str) -> None:
    """Asked for the serial, a real CA says that it is revoked, and for which reason."""
    pebble = await pebbles.get(kind)
    with issuer_at(pebble, storage) as issuer:
        leaf = await signed(issuer, order())
        assert (await status_at(pebble, leaf.serial))["Status"] == "Valid"
        await issuer.revoke(to_revoke(leaf), now=NOW)
    found = await status_at(pebble, leaf.serial)
    assert (found["Status"], found["Reason"]) == ("Revoked", 4)
