"""The whole service at a real Pebble, with a name server in the test's own hands that takes signed updates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dns.name
from dns.rdatatype import RdataType

from certloom import wiring
from certloom.issuers.acme import AcmeIssuer
from certloom.settings import PREFIX, read_settings
from lab.acme import ISSUER, ROOMY, CaItself, write_catalogue, write_issuers, zone_form
from lab.dns import LabDns
from lab.footprint import client_of
from lab.pebble import Hostility, LabPebble
from lab.updates import UpdateKey
from lab.web import Site, lab_web
from lab.zone import Zone
from tests.e2e.service import Service, service
from tests.e2e.stack import JSON
from tests.issuers.acme.pebbles import programs
from workflows.names import RENEWAL_WATCH_ID

KEY: Final = UpdateKey("certloom-test", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=")
HOSTILE: Final = Hostility(bad_nonces=15, reused_authorizations=50)


@dataclass
class Shop:
    """A service that sells a Pebble's certificates, that CA, the zone lab.test, and the web server of loopback."""

    up: Service
    ca: CaItself
    zone: Zone
    site: Site

    async def buy(self, product: str, *, key: str) -> str:
        """Return the id of a certificate that is paid."""
        form = {"product": product, "payment": {"method": "balance"}}
        bought: JSON = (await self.up.customer.call("POST", "/v1/certificates", form, key=f"buy-{key}")).json()
        await self.up.customer.until(bought["id"], lambda view: view["status"] == "paid")
        return str(bought["id"])

    async def apply(self, certificate_id: str, *names: str, validation: str = "dns-01") -> None:
        form = {"names": names, "validation": validation, "key": {"type": "ecdsa-p256"}}
        path = f"/v1/certificates/{certificate_id}/application"
        answer = await self.up.customer.call("POST", path, form, key=f"apply-{certificate_id}-{names[0]}")
        assert answer.status_code in {200, 202}, answer.text

    async def issued(self, certificate_id: str) -> JSON:
        """Wait until a first issuance is there and nothing is under way."""
        return await self.up.customer.until(certificate_id, lambda view: view["issuance"] and view["phase"] == "idle")

    async def order(self, product: str, *names: str) -> JSON:
        """Buy, apply, and return the issued certificate; nobody publishes anything."""
        certificate_id = await self.buy(product, key=names[0])
        await self.apply(certificate_id, *names)
        return await self.issued(certificate_id)

    def put_files(self, view: JSON) -> None:
        """Publish the files that an application wants; those of a host stand at that host alone."""
        for challenge in view["application"]["challenges"]:
            host, _, path = challenge["file"]["url"].removeprefix("http://").partition("/")
            self.site.put(host, f"/{path}", challenge["file"]["content"].encode())

    async def add_zone(self, form: JSON) -> None:
        answer = await self.up.customer.call("POST", "/v1/zones", form, key=f"zone-{form['zone']}")
        assert answer.status_code == 201, answer.text

    async def chain(self, certificate_id: str) -> bytes:
        return (await self.up.customer.call("GET", f"/v1/certificates/{certificate_id}/chain.pem")).content

    async def sentences(self, certificate_id: str) -> list[str]:
        """Return the timeline in words, newest first."""
        page = await self.up.customer.call("GET", f"/v1/certificates/{certificate_id}/events?limit=200")
        return [f"{event['sentence']} {event['why'] or ''}" for event in page.json()["items"]]

    async def ask_renewals(self) -> None:
        """Have the renewal watch come round now."""
        running = self.up.running
        client = await client_of(running._home.folder, f"127.0.0.1:{running._ports['temporal']}")
        await client.get_schedule_handle(RENEWAL_WATCH_ID).trigger()

    def proofs(self, name: str) -> int:
        """How many TXT records stand where a name is proven."""
        owner = dns.name.from_text(f"_acme-challenge.{name}")
        return len(self.zone.records.get(owner, {}).get(RdataType.TXT, ()))

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[AcmeIssuer]:
        """Yield who may ask the CA in the service's name, to see what it has."""
        environment = self.up.running._env_of("worker")
        ours = {
            name.removeprefix(PREFIX).lower(): text for name, text in environment.items() if name.startswith(PREFIX)
        }
        settings = read_settings(**ours)
        storage = wiring.storage(settings)
        issuer = wiring.issuers(settings, storage)[ISSUER]
        assert isinstance(issuer, AcmeIssuer)
        try:
            yield issuer
        finally:
            issuer.close()
            await storage.close()


@asynccontextmanager
async def shop(
    folder: Path, kind: str, *, hostility: Hostility = HOSTILE, limits: str = ROOMY, **pebble_settings: Any
) -> AsyncIterator[Shop]:
    """Run all of it; skips where that kind of Pebble is missing."""
    program = (await programs(kind)).pebble
    name_server, site = LabDns(Zone(), update_key=KEY), Site()
    web = lab_web(site)
    await name_server.start()
    await web.start()
    try:
        server = f"127.0.0.1:{name_server.port}"
        looks: dict[str, Any] = {"dns_server": server, "http_port": web.port, **pebble_settings}
        async with LabPebble(program, folder / "pebble", hostility=hostility, **looks) as pebble:
            settings = {
                "issuers_file": write_issuers(folder, pebble, limits=limits),
                "catalogue_file": write_catalogue(folder),
                "dns_servers": (server,),
                "authority_port": name_server.port,
                "http01_port": web.port,
                "sweep_interval": 0.5,
                "renewal_interval": 86_400,
            }
            async with service(folder / "home", **settings) as up:
                ca = CaItself(pebble)
                running = Shop(up, ca, name_server.zone, site)
                await running.add_zone(zone_form(server, " ".join(KEY)))
                yield running
                ca.close()
    finally:
        await web.stop()
        await name_server.stop()
