"""What cannot be deployed: wrong targets, names that are not covered, certificates that are not ready."""

from typing import Any

import pytest

from certloom.domain.deployment import MOST_TARGETS
from tests.api.csrs import csr
from tests.api.places import add, deploy
from tests.api.test_deployments import refused
from tests.api.world import JSON, World, ok


@pytest.mark.parametrize("targets", [None, [], "tgt", [5], [None], ["x" * 101], [["tgt"]], ["x"] * (MOST_TARGETS + 1)])
async def test_targets_are_a_list_of_ids(world: World, targets: Any) -> None:
    """1 to 100 of them."""
    found = await refused(world, await world.issued(), targets, 422, "invalid")
    assert {one["pointer"].split("/")[1] for one in found["errors"]} == {"targets"}
    assert len(found["errors"]) == 1


async def test_only_targets_of_the_account_are_known(world: World) -> None:
    """Unknown, foreign, deleted and odd ones are the same fault, each at its place."""
    certificate, good, gone = await world.issued(), await add(world), await add(world)
    foreign = await add(world, who="stranger")
    await world.call("DELETE", gone["links"]["self"])
    wanted = [good["id"], "tgt_no", foreign["id"], gone["id"], "' OR 1=1", "../x"]
    found = await refused(world, certificate, wanted, 422, "invalid")
    assert [one["pointer"] for one in found["errors"]] == [f"/targets/{n}" for n in range(1, 6)]
    assert len({(one["code"], one["detail"]) for one in found["errors"]}) == 1
    assert found["errors"][0]["code"] == "target_unknown"
    assert (await world.client.row(certificate["id"])).placements == ()


async def test_a_target_is_named_once(world: World) -> None:
    """A double is a mistake, and nothing begins."""
    certificate, target = await world.issued(), await add(world)
    found = await refused(world, certificate, [target["id"]] * 2, 422, "invalid")
    assert [(one["pointer"], one["code"]) for one in found["errors"]] == [("/targets/1", "target_doubled")]


@pytest.mark.parametrize(
    ("product", "names", "endpoint", "good"),
    [
        ("single", ("www.example.com",), {"host": "www.example.com"}, True),
        ("single", ("www.example.com",), {"host": "www.example.com."}, True),
        ("single", ("www.example.com",), {"host": "lb.internal", "server_name": "www.example.com"}, True),
        ("single", ("www.example.com",), {"host": "shop.example.com"}, False),
        ("single", ("www.example.com",), {"host": "www.example.com", "server_name": "shop.example.com"}, False),
        ("single", ("www.example.com",), {"host": "192.0.2.7"}, True),
        ("single", ("www.example.com",), {"host": "[2001:db8::7]"}, True),
        ("single", ("www.example.com",), {"host": "2001:db8::7"}, True),
        ("single", ("www.example.com",), {"host": "192.0.2.7", "server_name": "other.example.com"}, False),
        ("wildcard", ("*.example.com",), {"host": "www.example.com"}, True),
        ("wildcard", ("*.example.com",), {"host": "a.b.example.com"}, False),
        ("wildcard", ("*.example.com",), {"host": "example.com"}, False),
        ("wildcard", ("*.example.com",), {"host": "lb.internal"}, False),
    ],
)
async def test_the_certificate_covers_what_is_served(
    world: World,
    product: str,
    names: tuple[str, ...],
    endpoint: JSON,
    good: bool,  # noqa: FBT001
) -> None:
    """Every endpoint's name must be one of the certificate's, a star standing for one label; addresses have none."""
    certificate = await world.issued(product, *names)
    target = await add(world, endpoints=[{"host": "www.example.com"}, {**endpoint, "port": 8443}])
    if good:
        await deploy(world, certificate, target)
        return
    (fault,) = (await refused(world, certificate, [target["id"]], 422, "invalid"))["errors"]
    assert (fault["pointer"], fault["code"]) == ("/targets/0", "name_not_covered")
    assert endpoint["host"] in fault["detail"]
    assert names[0] in fault["detail"]


async def test_only_what_is_issued_is_deployed(world: World) -> None:
    """Before issuance and after revocation the status says why not, before any target is looked at."""
    for certificate in (await world.buy(), await world.proving()):
        await refused(world, certificate, ["tgt_no"], 409, "illegal_state")
    view = await world.issued()
    ok(await world.call("POST", f"/v1/certificates/{view['id']}/revocation", {"reason": "superseded"}))
    found = await refused(world, view, [(await add(world))["id"]], 409, "illegal_state")
    assert found["current"] == "revoked"


async def test_without_our_key_nothing_is_deployed(world: World) -> None:
    """With the customer's CSR the key is not here."""
    view = await world.issued("single", "www.example.com", key=None, csr=csr("www.example.com"))
    await refused(world, view, [(await add(world))["id"]], 409, "no_private_key")
