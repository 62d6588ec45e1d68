"""The server certificates of classic load balancers (SLB 2014-05-15), which have a store of their own per region.

Uploads know no client token, and names need not be unique there: what prevents a second copy is looking first.
"""

import re
from typing import Final

from certloom.targets.alibaba_api import Action, AlibabaApi, Wire
from certloom.targets.alibaba_errors import AlibabaRefused
from certloom.targets.alibaba_forms import OURS, Pair, agrees, bare
from certloom.targets.pem import Leaf

_OUR_NAME: Final = re.compile(rf"{OURS}([0-9a-f]{{64}})")


class ServerCertificate(Wire):
    """One certificate of the region."""

    server_certificate_id: str
    server_certificate_name: str = ""
    fingerprint: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether we uploaded it."""
        return _OUR_NAME.fullmatch(self.server_certificate_name) is not None

    @property
    def fingerprint_sha256(self) -> str | None:
        """The digest that the cloud tells, or where it tells SHA-1 only, the one in the name that we gave."""
        told, named = bare(self.fingerprint), _OUR_NAME.fullmatch(self.server_certificate_name)
        if re.fullmatch(r"[0-9a-f]{64}", told):
            return told
        return named[1] if named else None


class _Certificates(Wire):
    server_certificate: tuple[ServerCertificate, ...] = ()


class _Listed(Wire):
    server_certificates: _Certificates = _Certificates()


class _Done(Wire):
    pass


class ServerCertificates:
    """The certificates of one account in one region; every call may be made again. Raises TargetRefused or Outage."""

    def __init__(self, api: AlibabaApi, *, region: str) -> None:
        self._api = api
        self._region = region

    async def put(self, pair: Pair) -> str:
        """Return the id of the pair; it is sent only if no certificate of the region has its fingerprint."""
        found = await self.copies_of(pair.leaf)
        return found[0].server_certificate_id if found else await self._upload(pair)

    async def copies_of(self, leaf: Leaf) -> tuple[ServerCertificate, ...]:
        """Return all copies of a leaf, those that we uploaded first."""
        same = [one for one in await self.all() if agrees(leaf, one.fingerprint)]
        return tuple(sorted(same, key=lambda one: not one.is_ours))

    async def of_id(self, certificate_id: str) -> ServerCertificate | None:
        """Return one certificate, or None when there is none with this id."""
        return next((one for one in await self.all() if one.server_certificate_id == certificate_id), None)

    async def all(self) -> tuple[ServerCertificate, ...]:
        """Return every certificate of the region; the cloud gives them in one answer."""
        listed = await self._api.call(Action.SERVER_CERTIFICATES, _Listed, region_id=self._region)
        return listed.server_certificates.server_certificate

    async def drop(self, certificate_id: str) -> None:
        """Delete it. Gone already is success, and one that a listener still refers to stays."""
        try:
            await self._api.call(Action.DELETE, _Done, region_id=self._region, server_certificate_id=certificate_id)
        except AlibabaRefused as refusal:
            if refusal.is_about_access:
                raise

    async def _upload(self, pair: Pair) -> str:
        sent = await self._api.call(
            Action.UPLOAD,
            ServerCertificate,
            region_id=self._region,
            server_certificate_name=f"{OURS}{pair.leaf.sha256}",  # 73 characters; 80 are taken
            server_certificate=pair.chain,
            private_key=pair.key,
        )
        return sent.server_certificate_id
