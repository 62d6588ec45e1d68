"""What operators have to do: a shop with applications that wait, tenants with money, and things that went wrong."""

from datetime import timedelta

from certloom.domain import fact as f
from certloom.domain.deployment import DeploymentState, Trigger
from certloom.domain.step import StepKind
from certloom.issuers.interface import PublishedAuthority
from tests.api.world import CONTACT, JSON, World, fresh, ok

ORGANIZATION = {"name": "Example GmbH", "country": "DE", "locality": "Berlin", "registration_number": "HRB 12345"}


async def waiting(world: World, *names: str, organization: JSON | None = None, contact: JSON | None = None) -> JSON:
    """Have somebody apply for an OV certificate; an operator has to decide about the organisation."""
    wanted = names or ("bank.example.com",)
    return await world.proving("ov", *wanted, organization=organization or ORGANIZATION, contact=contact or CONTACT)


async def parked(world: World, *, why: str = "The issuer answered something that nobody expected.") -> JSON:
    """Make a certificate with a step that needs an operator."""
    view = await world.proving("single", "stuck.example.com")
    await world.client.happen(view["id"], f.Parked(at=world.clock(), step=StepKind.ISSUE, why=why))
    return await world.get(f"/v1/certificates/{view['id']}")


async def failed(world: World) -> None:
    """Let one of each kind go wrong."""
    now = world.clock()
    refused = await world.proving("single", "caa.example.com")
    await world.client.happen(refused["id"], f.ApplicationRefused(at=now, reason="caa", detail="CAA forbids it."))
    late = await world.proving("single", "late.example.com")
    await world.client.happen(late["id"], f.NotProven(at=now))
    view = await world.issued("single", "down.example.com")
    started = f.DeploymentStarted(at=now, deployment_id="dep_1", target_id="tgt_1", number=1, trigger=Trigger.REQUEST)
    ended = f.DeploymentEnded(
        at=now, deployment_id="dep_1", target_id="tgt_1", number=1, outcome=DeploymentState.ROLLED_BACK
    )
    await world.client.happen(view["id"], started, ended)


async def tenant(world: World, name: str = "Shoes and more", *, currency: str = "EUR") -> JSON:
    """Create an account."""
    return ok(await world.call("POST", "/v1/accounts", {"name": name, "currency": currency}, who="operator"))


async def key(world: World, account_id: str, label: str = "shop", *, role: str = "member") -> JSON:
    """Make a key of an account."""
    path = f"/v1/accounts/{account_id}/keys"
    return ok(await world.call("POST", path, {"role": role, "label": label}, who="operator"))


async def deposit(world: World, account_id: str, amount: int, reference: str = "invoice 1") -> None:
    """Book what somebody paid in."""
    body = {"amount": amount, "currency": "EUR", "reference": reference}
    path = f"/v1/accounts/{account_id}/deposits"
    ok(await world.call("POST", path, body, who="operator", idempotency_key=fresh()))


def authorities(world: World) -> None:
    """Let the private CA have published its authorities; the CRL of one is over."""
    now = world.clock()
    for number, name in enumerate(("ecdsa", "root", "rsa"), 1):
        late = name == "rsa"
        world.files.shown.append(
            PublishedAuthority(
                id=name,
                subject=f"CN=Certloom {name},O=Example,C=DE",
                not_before=now - timedelta(days=100),
                not_after=now + timedelta(days=3_000),
                crl_number=number,
                crl_this_update=now - timedelta(days=9 if late else 0, hours=3),
                crl_next_update=now + timedelta(days=-2 if late else 7),
            )
        )
