"""Alibaba Cloud's certificate store (CAS 2020-04-07): one certificate per leaf, looked for before it is sent.

A certificate is known by its name for us, made of its fingerprint, and by the digests that the store tells.
"""

import hashlib
from typing import Final

from certloom.domain.errors import Outage
from certloom.targets.alibaba_api import Action, AlibabaApi, Wire
from certloom.targets.alibaba_errors import AlibabaRefused, Meaning
from certloom.targets.alibaba_forms import OURS, Pair, agrees, bare_serial
from certloom.targets.interface import TargetRefused

_PAGE: Final = 100  # the most that ListCertificates gives at once
_PAGES: Final = 20


class StoredCertificate(Wire):
    """One line of the store's list."""

    certificate_id: str
    certificate_name: str = ""
    serial: str = ""
    exist_private_key: bool = True
    using_product_list: tuple[str, ...] = ()


class _Listed(Wire):
    certificate_list: tuple[StoredCertificate, ...] = ()
    total_count: int = 0


class _Detail(Wire):
    sha2: str | None = None
    cert_sha2: str | None = None
    fingerprint: str | None = None


class _Uploaded(Wire):
    cert_id: str


class _Done(Wire):
    pass


def name_of(pair: Pair) -> str:
    """Return the name in the store: at most 63 characters are taken, and 160 bits of the fingerprint are enough."""
    return f"{OURS}{pair.leaf.sha256[:40]}"


class CertificateStore:
    """The store of one account in one region; every call may be made again. Raises TargetRefused or Outage."""

    def __init__(self, api: AlibabaApi, *, region: str) -> None:
        self._api = api
        self.region = region

    async def put(self, pair: Pair, *, instead_of: str) -> str:
        """Return the id of the pair in the store; it is sent only if it is not there.

        *instead_of* names what was there before. It goes into the client token: within one deployment the same upload
        is made once, while a certificate that was deleted since an earlier one is not taken for stored still.
        """
        found = await self._find(pair, keyword=name_of(pair))
        return found or await self._upload(pair, token=_token(pair, instead_of))

    async def named(self, name: str, *, certificate_id: str) -> StoredCertificate | None:
        """Return the certificate with this id if it still has this name."""
        for one in (await self._page(1, keyword=name)).certificate_list:
            if one.certificate_id == certificate_id and one.certificate_name == name:
                return one
        return None

    async def drop(self, certificate_id: str) -> None:
        """Delete it. Gone already is success, and one that the store says is in use stays."""
        try:
            await self._api.call(Action.DROP, _Done, cert_id=int(certificate_id))
        except AlibabaRefused as refusal:
            if refusal.is_about_access:
                raise

    async def reach(self) -> None:
        """Ask for one line of the list, to see whether that is permitted."""
        await self._api.call(Action.LIST, _Listed, current_page=1, show_size=1)

    async def _upload(self, pair: Pair, *, token: str) -> str:
        name = name_of(pair)
        try:
            sent = await self._api.call(
                Action.STORE, _Uploaded, name=name, cert=pair.chain, key=pair.key, client_token=token
            )
        except AlibabaRefused as refusal:
            if refusal.meaning is not Meaning.TAKEN:
                raise
        else:
            return sent.cert_id
        return await self._taken(pair)

    async def _taken(self, pair: Pair) -> str:
        """Look through all uploads: the list may be behind, and the same leaf may have another name."""
        found = await self._find(pair, keyword=None)
        if found is None:
            raise Outage("Alibaba Cloud's certificate store has this name and does not list it yet.", retry_after=10)
        return found

    async def _find(self, pair: Pair, *, keyword: str | None) -> str | None:
        name, foreign = name_of(pair), None
        for page in range(1, _PAGES + 1):
            listed = await self._page(page, keyword=keyword)
            for one in listed.certificate_list:
                if one.certificate_name != name and bare_serial(one.serial) != pair.leaf.serial:
                    continue
                if one.exist_private_key and await self._same(one, pair):
                    return one.certificate_id
                foreign = one if one.certificate_name == name else foreign
            if page * _PAGE >= listed.total_count:
                break
        if foreign is not None:
            raise TargetRefused(
                f"The certificate {name} in Alibaba Cloud's store is not what its name says. "
                f"Rename or delete it (id {foreign.certificate_id})."
            )
        return None

    async def _same(self, one: StoredCertificate, pair: Pair) -> bool:
        """Compare content by the digests of the leaf; the store is not asked for the key that it would send along."""
        detail = await self._api.call(Action.DETAIL, _Detail, cert_id=int(one.certificate_id), cert_filter=True)
        return agrees(pair.leaf, detail.cert_sha2, detail.sha2, detail.fingerprint)

    async def _page(self, number: int, *, keyword: str | None) -> _Listed:
        return await self._api.call(
            Action.LIST, _Listed, certificate_source="UPLOAD", keyword=keyword, current_page=number, show_size=_PAGE
        )


def _token(pair: Pair, instead_of: str) -> str:
    return hashlib.sha256(f"{name_of(pair)} {instead_of}".encode()).hexdigest()  # 64 characters, the most there may be
