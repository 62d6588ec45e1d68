"""A classic load balancer of Alibaba Cloud: the pair is uploaded to its region, and the listener is told its id.

The certificate before stays uploaded until the new one is proven, so that the way back is one call with its id.
"""

from collections.abc import Sequence

from certloom.domain.target import AlibabaCredentials, AlibabaSlbSettings
from certloom.targets.alibaba_api import AlibabaApi, AlibabaEndpoints, Attempt, findings_of
from certloom.targets.alibaba_errors import AlibabaRefused
from certloom.targets.alibaba_forms import leaf_of, pair_of
from certloom.targets.alibaba_slb_places import Held, place_of
from certloom.targets.alibaba_slb_store import ServerCertificates
from certloom.targets.interface import Finding, Material, Standing, Target, TargetRefused


class AlibabaSlbTarget:
    """Keeps Target. A listener that is working through an earlier change answers busy, which is an Outage.

    Asynchronous jobs and a new certificate under the old id, which other places offer, have no part in it.
    """

    def __init__(self, settings: AlibabaSlbSettings, api: AlibabaApi) -> None:
        self._api = api
        self._where = f"port {settings.listener_port} of load balancer {settings.load_balancer_id}"
        self._certificates = ServerCertificates(api, region=settings.region)
        self._place = place_of(settings, api)

    async def examine(self) -> Standing:
        """Read the certificate's id and what the region tells about it."""
        async with self._api.in_time():
            held = await self._place.held()
            if held.certificate_id is None:
                return Standing(facts=held.facts())
            one = await self._certificates.of_id(held.certificate_id)
            name = {"server_certificate_name": one.server_certificate_name} if one else {}
            fingerprint = one.fingerprint_sha256 if one else None
            return Standing(fingerprint_sha256=fingerprint, facts={**held.facts(), **name})

    async def install(self, material: Material, *, before: Standing) -> None:  # noqa: ARG002 - its id is the way back
        """Upload the pair if the region has not got it, and make the listener hold it."""
        pair = pair_of(material)
        async with self._api.in_time():
            held = await self._place.held()
            await self._place.hold(await self._certificates.put(pair), held)

    async def roll_back(self, before: Standing, *, installed: Material, known: Material | None) -> None:
        """Hold the certificate before again by its id, else upload *known*; a new extension is deleted."""
        async with self._api.in_time():
            held = await self._place.held()
            wanted = before.facts.get("server_certificate_id")
            if wanted is None:
                await self._empty(held, installed)
            elif not await self._hold_by_id(wanted, held, known) and known is not None:
                await self._place.hold(await self._certificates.put(pair_of(known)), held)

    async def forget(self, before: Standing) -> None:
        """Delete the certificate before if we uploaded it and no listener refers to it any more."""
        certificate_id = before.facts.get("server_certificate_id")
        if certificate_id is None:
            return
        async with self._api.in_time():
            if (await self._place.held()).certificate_id == certificate_id:
                return
            one = await self._certificates.of_id(certificate_id)
            if one is not None and one.is_ours:
                await self._certificates.drop(certificate_id)

    async def check(self) -> Sequence[Finding]:
        """Read the listener and the region's certificates; whether changes are permitted shows only then."""
        attempts = (
            Attempt("listener", self._place.held, f"There is an HTTPS listener on {self._where}."),
            Attempt("store", self._certificates.all, "The region's server certificates can be read."),
        )
        async with self._api.in_time():
            return await findings_of(self._api, ("slb",), attempts)

    async def _empty(self, held: Held, installed: Material) -> None:
        """Take away what we put there; what another has put there since is not ours to take."""
        leaf = leaf_of(installed.leaf_pem)
        copies = await self._certificates.copies_of(leaf) if leaf else ()
        ours = any(one.server_certificate_id == held.certificate_id for one in copies)
        if held.certificate_id is not None and not ours:
            raise TargetRefused(
                f"There was no certificate before on {self._where}, and the one there now is not the one that was "
                "installed. Somebody else has changed it; nothing was taken away."
            )
        await self._place.empty(held)

    async def _hold_by_id(self, wanted: str, held: Held, known: Material | None) -> bool:
        """Return whether the id still worked; without *known* its refusal is the last word."""
        try:
            await self._place.hold(wanted, held)
        except AlibabaRefused as refusal:
            if known is None or refusal.is_about_access:
                raise
            return False
        return True


def alibaba_slb(settings: AlibabaSlbSettings, credentials: AlibabaCredentials, endpoints: AlibabaEndpoints) -> Target:
    """Return the slot; nothing is loaded or sent before its first call."""
    return AlibabaSlbTarget(settings, AlibabaApi(credentials, endpoints, region=settings.region))
