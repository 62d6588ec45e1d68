"""A domain of Alibaba Cloud CDN: the pair goes into the certificate store, and the domain is told its id.

The old certificate stays in the store until the new one is proven, so that the way back is one call with its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from certloom.domain.target import AlibabaCdnSettings, AlibabaCredentials
from certloom.targets.alibaba_api import Action, AlibabaApi, AlibabaEndpoints, Attempt, Wire, findings_of
from certloom.targets.alibaba_cas import CertificateStore
from certloom.targets.alibaba_errors import AlibabaRefused, Meaning
from certloom.targets.alibaba_forms import OURS, leaf_of, pair_of
from certloom.targets.interface import Finding, Material, Standing, Target, TargetRefused

_PAGE: Final = 100
_PAGES: Final = 20


class _CertInfo(Wire):
    domain_name: str | None = None
    cert_id: str | None = None
    cert_name: str | None = None
    cert_region: str | None = None
    server_certificate: str | None = None
    server_certificate_status: str | None = None


class _CertInfos(Wire):
    cert_info: tuple[_CertInfo, ...] = ()


class _Told(Wire):
    cert_infos: _CertInfos = _CertInfos()
    total_count: int = 0


class _Done(Wire):
    pass


@dataclass(frozen=True, slots=True)
class _Active:
    """What the domain has now; the fingerprint is None when HTTPS is off, or the certificate cannot be read."""

    is_on: bool
    fingerprint: str | None
    cert_id: str
    name: str
    region: str

    def standing(self) -> Standing:
        facts = {"cert_id": self.cert_id, "cert_name": self.name, "cert_region": self.region}
        return Standing(fingerprint_sha256=self.fingerprint, facts={**facts, "ssl": "on" if self.is_on else "off"})


class AlibabaCdnTarget:
    """Keeps Target. The cloud works through a change in minutes, and `examine` tells what is set, not what is served.

    Asynchronous jobs and a new certificate under the old id, which other places offer, have no part in it.
    """

    def __init__(self, settings: AlibabaCdnSettings, api: AlibabaApi) -> None:
        self._domain = settings.domain
        self._api = api
        self._store = CertificateStore(api, region=settings.region)

    async def examine(self) -> Standing:
        """Read the domain's certificate."""
        async with self._api.in_time():
            return (await self._active()).standing()

    async def install(self, material: Material, *, before: Standing) -> None:
        """Store the pair and set it; one that is set already is not set again, for that would configure anew."""
        pair = pair_of(material)
        async with self._api.in_time():
            if (await self._active()).fingerprint == material.fingerprint_sha256:
                return
            stored = await self._store.put(pair, instead_of=before.facts.get("cert_id", ""))
            await self._set(stored, self._store.region)

    async def roll_back(self, before: Standing, *, installed: Material, known: Material | None) -> None:  # noqa: ARG002
        """Set the certificate before again by its id, else upload *known*; HTTPS that was off is switched off.

        What *installed* left in the store stays there: another domain may be about to use it.
        """
        async with self._api.in_time():
            active = await self._active()
            if before.facts.get("ssl") != "on":
                await self._switch_off(active)
            elif not _is_back(active, before) and not await self._set_by_id(before, known):
                await self._set_known(before, known)

    async def forget(self, before: Standing) -> None:
        """Delete the certificate before from the store if we put it there and nothing uses it any more."""
        cert_id, name = before.facts.get("cert_id", ""), before.facts.get("cert_name", "")
        ours = cert_id.isdigit() and name.startswith(OURS)
        if not ours or before.facts.get("cert_region") != self._store.region:
            return
        async with self._api.in_time():
            active = await self._active()
            if active.cert_id == cert_id or (active.is_on and active.fingerprint == before.fingerprint_sha256):
                return
            stored = await self._store.named(name, certificate_id=cert_id)
            elsewhere = stored is not None and any(one.upper() != "CDN" for one in stored.using_product_list)
            if stored is not None and not elsewhere and not await self._is_used(name):
                await self._store.drop(cert_id)

    async def check(self) -> Sequence[Finding]:
        """Read the domain, the store's list and the list of domains; whether changes are permitted shows only then."""
        attempts = (
            Attempt("domain", self._active, f"The CDN has the domain {self._domain}."),
            Attempt("store", self._store.reach, "The certificate store can be read."),
            Attempt("domains", lambda: self._page(1), "The list of domains can be read."),
        )
        async with self._api.in_time():
            return await findings_of(self._api, ("cdn", "cas"), attempts)

    async def _active(self) -> _Active:
        try:
            told = await self._api.call(Action.DOMAIN_CERTIFICATE, _Told, domain_name=self._domain)
        except AlibabaRefused as refusal:
            missing = refusal.meaning is Meaning.NOT_FOUND
            if not missing:
                raise
        else:
            return _active_of(told.cert_infos.cert_info)
        raise TargetRefused(
            f"This access key's account has no CDN domain {self._domain}. Add the domain there, or correct the target."
        )

    async def _set(self, cert_id: str, region: str, protocol: Literal["on", "off"] = "on") -> None:
        on = protocol == "on"
        await self._api.call(
            Action.SET_DOMAIN_CERTIFICATE,
            _Done,
            domain_name=self._domain,
            sslprotocol=protocol,
            cert_type="cas" if on else None,
            cert_id=int(cert_id) if on else None,
            cert_region=region if on else None,
        )

    async def _switch_off(self, active: _Active) -> None:
        if active.is_on:
            await self._set("", "", protocol="off")

    async def _set_by_id(self, before: Standing, known: Material | None) -> bool:
        """Return whether the id still worked; without *known* its refusal is the last word."""
        cert_id = before.facts.get("cert_id", "")
        if not cert_id.isdigit():
            return False
        try:
            await self._set(cert_id, before.facts.get("cert_region") or self._store.region)
        except AlibabaRefused as refusal:
            if known is None or refusal.is_about_access:
                raise
            return False
        return True

    async def _set_known(self, before: Standing, known: Material | None) -> None:
        if known is None:
            raise TargetRefused(
                f"The certificate that {self._domain} had before has no id in the certificate store and is not one of "
                "ours, so it cannot be set again. Set it in the CDN's console."
            )
        stored = await self._store.put(pair_of(known), instead_of=before.facts.get("cert_id", ""))
        await self._set(stored, self._store.region)

    async def _is_used(self, name: str) -> bool:
        """Whether another domain has the certificate; lists too long to read count as yes.

        The list's own search is not used: what it matches is not documented.
        """
        for page in range(1, _PAGES + 1):
            told = await self._page(page)
            if any(one.cert_name == name and one.domain_name != self._domain for one in told.cert_infos.cert_info):
                return True
            if page * _PAGE >= told.total_count:
                return False
        return True

    async def _page(self, number: int) -> _Told:
        return await self._api.call(Action.DOMAINS, _Told, page_number=number, page_size=_PAGE)


def alibaba_cdn(settings: AlibabaCdnSettings, credentials: AlibabaCredentials, endpoints: AlibabaEndpoints) -> Target:
    """Return the slot; nothing is loaded or sent before its first call."""
    return AlibabaCdnTarget(settings, AlibabaApi(credentials, endpoints, region=settings.region))


def _active_of(infos: Sequence[_CertInfo]) -> _Active:
    on = [one for one in infos if one.server_certificate_status == "on"]
    one = next(iter(on or infos), _CertInfo())
    leaf = leaf_of(one.server_certificate or "") if on else None
    return _Active(
        is_on=bool(on),
        fingerprint=leaf.sha256 if leaf else None,
        cert_id=one.cert_id or "",
        name=one.cert_name or "",
        region=one.cert_region or "",
    )


def _is_back(active: _Active, before: Standing) -> bool:
    same_id = active.cert_id != "" and active.cert_id == before.facts.get("cert_id")
    return active.is_on and (
        same_id or (active.fingerprint is not None and active.fingerprint == before.fingerprint_sha256)
    )
