"""Delegations: one alias per account and name, for ever and for nobody else."""

import re

import pytest

from tests.api.world import DELEGATION, World, assert_problem


async def test_a_delegation_is_given_for_ever(world: World) -> None:
    """The first call draws a label of 128 bits; each later one, by whomever, shows the same."""
    first = await world.get("/v1/delegations?name=WWW.example.com")
    assert first["name"] == "www.example.com"
    assert (first["record"]["name"], first["record"]["type"]) == ("_acme-challenge.www.example.com", "CNAME")
    assert re.fullmatch(rf"[a-z2-7]{{26}}\.{re.escape(DELEGATION)}\.", first["record"]["value"])
    copied = "_acme-challenge.www.example.com"  # the record instead of the name that it proves
    for name, who in (("www.example.com", "member"), ("*.www.example.com", "viewer"), (copied, "member")):
        assert await world.get(f"/v1/delegations?name={name}", who=who) == first


async def test_no_two_delegations_share_a_label(world: World) -> None:
    """Another name, and the same name of another account, have labels of their own."""
    asked = [("a.example.com", "member"), ("b.example.com", "member"), ("a.example.com", "stranger")]
    values = {(await world.get(f"/v1/delegations?name={name}", who=who))["record"]["value"] for name, who in asked}
    assert len(values) == 3


async def test_a_viewer_draws_no_label(world: World) -> None:
    """What is not there yet is made by a member; operators have no account."""
    path = "/v1/delegations?name=www.example.com"
    assert_problem(await world.call("GET", path, who="viewer"), 404, "not_found")
    assert_problem(await world.call("GET", path, who="operator"), 403, "forbidden")


@pytest.mark.parametrize("name", ["com", "", "10.0.0.1", "a b", "%00"])
async def test_a_name_that_cannot_be_proven_has_no_delegation(world: World, name: str) -> None:
    """The fault says why."""
    answer = await world.call("GET", f"/v1/delegations?name={name}")
    assert assert_problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/name"


async def test_without_a_zone_there_is_no_delegation(world: World) -> None:
    """The customer reads that the operator would have to set it up."""
    async with world.with_services(delegation_zone=None) as http:
        headers = {"Authorization": f"Bearer {world.tokens['member']}"}
        answer = await http.get("/v1/delegations?name=www.example.com", headers=headers)
    assert "operator" in assert_problem(answer, 404, "not_found")["detail"]
