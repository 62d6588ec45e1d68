"""Setting up the CA: once, whole, by whoever comes first; and what the API may see of it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certloom.domain.errors import InvalidInput
from certloom.issuers.authorities import create_authorities
from certloom.issuers.profiles import ISSUING, ROOT
from certloom.issuers.published import StoredFiles
from certloom.issuers.signing import unseal_key
from certloom.keys.interface import SealBroken, Sealer
from certloom.storage.engine import SqlStorage
from certloom.storage.interface import Storage
from certloom.storage.records import Authority
from tests.issuers.orders import NOW, PUBLIC_URL
from tests.issuers.ready import EMPTY, authority_in, url_of


async def everything(storage: Storage) -> tuple[Authority, ...]:
    async with storage.read() as tx:
        return tuple(await tx.authorities.list())


async def test_setting_up_again_changes_nothing(storage: Storage, sealer: Sealer) -> None:
    """A second start finds the authorities and leaves them alone."""
    before = await everything(storage)
    later = NOW + timedelta(days=1)
    assert not await create_authorities(storage, sealer, public_url=PUBLIC_URL, now=later)
    assert await everything(storage) == before


async def test_two_that_set_up_at_once_make_one_ca(fresh: Storage, sealer: Sealer, tmp_path: Path) -> None:
    """Of two processes one makes the CA, and its authorities all belong to one root."""
    rival = SqlStorage(url_of(tmp_path / EMPTY))
    made = await asyncio.gather(
        *(create_authorities(place, sealer, public_url=PUBLIC_URL, now=NOW) for place in (fresh, rival))
    )
    await rival.close()
    assert sorted(made) == [False, True]
    root = x509.load_der_x509_certificate((await authority_in(fresh, ROOT)).certificate)
    for authority_id in ISSUING:
        row = await authority_in(fresh, authority_id)
        x509.load_der_x509_certificate(row.certificate).verify_directly_issued_by(root)


@pytest.mark.parametrize("authority_id", [ROOT, *ISSUING])
async def test_a_key_is_sealed_to_its_own_row(storage: Storage, sealer: Sealer, authority_id: str) -> None:
    """A key opens in its row, fits its certificate, and does not open in another row."""
    row = await authority_in(storage, authority_id)
    certificate = x509.load_der_x509_certificate(row.certificate)
    assert unseal_key(sealer, row).public_key() == certificate.public_key()
    with pytest.raises(SealBroken):
        unseal_key(sealer, row.model_copy(update={"id": "another"}))


@pytest.mark.parametrize(
    "wrong",
    [{"organisation": ""}, {"organisation": "x" * 59}, {"country": "Germany"}, {"country": "de"}, {"public_url": "x"}],
)
async def test_names_that_no_certificate_can_carry_are_refused(
    fresh: Storage, sealer: Sealer, wrong: dict[str, str]
) -> None:
    """A bad organisation, country or address is refused with a sentence, and nothing is made."""
    with pytest.raises(InvalidInput):
        await create_authorities(fresh, sealer, **{"public_url": PUBLIC_URL, **wrong}, now=NOW)
    assert await everything(fresh) == ()


async def test_the_longest_organisation_fits(fresh: Storage, sealer: Sealer) -> None:
    """An organisation of the longest length allowed makes a CA."""
    assert await create_authorities(fresh, sealer, public_url=PUBLIC_URL, organisation="x" * 58, country="DE", now=NOW)


@pytest.mark.parametrize("authority_id", [ROOT, *ISSUING])
async def test_certificate_and_crl_of_each_authority_are_published(storage: Storage, authority_id: str) -> None:
    """What is published is what is stored, with no key at hand."""
    files = StoredFiles(storage)
    row = await authority_in(storage, authority_id)
    assert (await files.certificate(authority_id), await files.crl(authority_id)) == (row.certificate, row.crl)


async def test_nothing_is_published_under_an_unknown_name(storage: Storage) -> None:
    """An authority that does not exist has neither certificate nor CRL."""
    files = StoredFiles(storage)
    assert (await files.certificate("nobody"), await files.crl("nobody")) == (None, None)


async def test_authorities_tell_how_they_stand(storage: Storage) -> None:
    """Subject, validity and newest CRL of each, by id."""
    found = await StoredFiles(storage).authorities()
    assert [one.id for one in found] == ["ecdsa", "root", "rsa"]
    for one in found:
        row = await authority_in(storage, one.id)
        certificate = x509.load_der_x509_certificate(row.certificate)
        assert (one.subject, one.not_after) == (certificate.subject.rfc4514_string(), certificate.not_valid_after_utc)
        assert (one.crl_number, one.crl_next_update) == (row.crl_number, row.crl_next_update)
