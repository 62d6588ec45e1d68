"""Revocation at an ACME CA (RFC 8555 section 7.6): by our account, or by the leaf's own key when that is lost."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from josepy.b64 import b64encode

from certloom.domain.errors import IssuerRefused, Outage
from certloom.domain.issuance import RevocationReason
from certloom.issuers.acme_account import AcmeAccounts
from certloom.issuers.acme_client import AcmeClient
from certloom.issuers.acme_network import Signer, signer_of
from certloom.issuers.acme_problems import ProblemRefused
from certloom.issuers.interface import LeafToRevoke

CODES: Final[Mapping[RevocationReason, int | None]] = {
    # Let's Encrypt takes 0, 1, 4 and 5 from subscribers. A domain-validated leaf names no affiliation that could
    # change, and privileges are the CA's own to withdraw: both go without a reason, which means 0.
    RevocationReason.UNSPECIFIED: None,
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.AFFILIATION_CHANGED: None,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.PRIVILEGE_WITHDRAWN: None,
}
NOT_OURS: Final = frozenset({"accountDoesNotExist", "unauthorized"})


class AcmeRevocations:
    """Revokes leaves of one CA. Raises Outage, Later, and IssuerRefused for a leaf that it never gave."""

    def __init__(self, issuer: str, client: AcmeClient, accounts: AcmeAccounts) -> None:
        self._issuer = issuer
        self._client = client
        self._accounts = accounts

    async def revoke(self, leaf: LeafToRevoke, *, now: datetime) -> None:
        """Return when the CA has it as revoked."""
        der = _der(leaf, self._issuer)
        account = await self._accounts.standing()
        own = _own_signer(leaf)
        if account is None and own is None:
            raise _unknown(leaf, "we have no account there that could have ordered it")
        try:
            await self._ask(account or own, der, CODES[leaf.reason], leaf, now)
        except ProblemRefused as refused:
            if account is None or own is None or refused.problem.code not in NOT_OURS:
                raise _unknown(leaf, refused.detail) from refused
            try:
                await self._ask(own, der, CODES[leaf.reason], leaf, now)
            except ProblemRefused as again:
                raise _unknown(leaf, again.detail) from again

    async def _ask(
        self, signer: Signer | None, der: bytes, reason: int | None, leaf: LeafToRevoke, now: datetime
    ) -> None:
        """Ask once, and once more without a reason that the CA does not take."""
        url = (await self._client.directory(now=now)).revoke_cert
        if signer is None or not url:
            raise Outage("The CA's directory does not say where to revoke.")
        body: dict[str, Any] = {"certificate": b64encode(der).decode("ascii")}
        given = body if reason is None else {**body, "reason": reason}
        try:
            await self._client.post(url, given, signer, now=now)
        except ProblemRefused as refused:
            if refused.problem.code == "badRevocationReason" and reason is not None:
                await self._ask(signer, der, None, leaf, now)
            elif refused.problem.code != "alreadyRevoked":
                raise


def _der(leaf: LeafToRevoke, issuer: str) -> bytes:
    try:
        read = x509.load_pem_x509_certificate(leaf.leaf_pem.encode())
    except ValueError as error:
        raise _unknown(leaf, "what is stored of it is no certificate") from error
    if leaf.issuer != issuer or f"{read.serial_number:x}" != leaf.serial:
        raise _unknown(leaf, "it came from elsewhere")
    return read.public_bytes(Encoding.DER)


def _own_signer(leaf: LeafToRevoke) -> Signer | None:
    if leaf.private_key is None:
        return None
    try:
        return signer_of(load_der_private_key(leaf.private_key, password=None))
    except (TypeError, ValueError):
        return None


def _unknown(leaf: LeafToRevoke, why: str) -> IssuerRefused:
    return IssuerRefused(f"The certificate {leaf.serial} cannot be revoked at this CA: {why}", reason="unknown_leaf")
