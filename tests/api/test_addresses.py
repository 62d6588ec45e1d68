"""IP addresses beside DNS names: which product covers them, how they are proven, and where they are found again."""

from typing import Any

import pytest

from tests.api.csrs import csr
from tests.api.world import DNS, World, assert_problem, ok

HTTP: dict[str, Any] = {**DNS, "validation": "http-01"}
V6 = "2606:4700::1111"


async def apply(world: World, product: str, *names: str, **form: Any) -> Any:
    view = await world.buy(product)
    path = f"/v1/certificates/{view['id']}/application"
    return await world.call("POST", path, {"names": names, **HTTP, **form})


async def refusal(world: World, product: str, *names: str, **form: Any) -> dict[str, str]:
    answer = await apply(world, product, *names, **form)
    (fault,) = assert_problem(answer, 422, "invalid")["errors"]
    return {"pointer": fault["pointer"], "code": fault["code"], "detail": fault["detail"]}


async def test_addresses_are_applied_for_as_they_are_certified(world: World) -> None:
    """In the one text that stands for each, whatever was typed, beside names."""
    view = ok(await apply(world, "addresses", "[2606:4700:0::1111]", "www.example.com", " 1.1.1.1"))
    assert view["names"] == [V6, "www.example.com", "1.1.1.1"]


async def test_another_product_says_which_one_covers_them(world: World) -> None:
    """At the address, and not at the name beside it."""
    fault = await refusal(world, "multi", "www.example.com", "1.1.1.1")
    assert (fault["pointer"], fault["code"]) == ("/names/1", "address_not_covered")
    assert "buy a DV product that" in fault["detail"]


async def test_an_address_is_not_proven_by_a_record(world: World) -> None:
    """The method is what is wrong, and the one that works is named."""
    fault = await refusal(world, "addresses", "www.example.com", "1.1.1.1", validation="dns-01")
    assert (fault["pointer"], fault["code"]) == ("/validation", "address_needs_http")
    assert "choose http-01" in fault["detail"]


async def test_an_address_and_a_wildcard_need_two_certificates(world: World) -> None:
    """Whichever method is chosen, so that nobody is sent from one to the other."""
    for method in ("dns-01", "http-01"):
        fault = await refusal(world, "addresses", "*.example.com", "1.1.1.1", validation=method)
        assert fault["code"] == "no_method_for_all"


@pytest.mark.parametrize("name", ["10.0.0.1", "203.0.113.7", "2001:db8::7", "::ffff:1.1.1.1", "127.1"])
async def test_an_address_that_nobody_may_certify_is_refused(world: World, name: str) -> None:
    """With what it is."""
    assert (await refusal(world, "addresses", name))["pointer"] == "/names/0"


async def test_an_inner_network_that_the_operator_opened_is_certified(world: World) -> None:
    """As it is asked for proofs."""
    assert ok(await apply(world, "addresses", "127.0.0.1"))["names"] == ["127.0.0.1"]


async def test_one_address_spelled_twice_is_one(world: World) -> None:
    """Two spellings of the same host are a name given twice."""
    assert (await refusal(world, "addresses", V6, "2606:4700:0:0::1111"))["code"] == "names_repeated"


async def test_a_request_of_ones_own_has_addresses_as_addresses(world: World) -> None:
    """Its names are held against those of the application."""
    names = (V6, "www.example.com")
    ok(await apply(world, "addresses", *names, key=None, csr=csr(*names)))
    fault = await refusal(world, "addresses", *names, key=None, csr=csr("www.example.com", "1.1.1.1"))
    assert (fault["pointer"], fault["code"]) == ("/csr", "csr_names_differ")


async def test_a_product_says_whether_it_covers_addresses(world: World) -> None:
    """In the catalogue, as it says it of wildcards."""
    items = (await world.get("/v1/products"))["items"]
    assert [item["id"] for item in items if item["addresses"]] == ["addresses"]


async def test_an_address_is_found_by_its_beginning(world: World) -> None:
    """As every name is, in any case."""
    issued = await world.issued("addresses", V6, "1.1.1.1", **HTTP)
    for query in (V6, "2606:4700", "2606:4700::1111".upper(), "1.1."):
        assert [item["id"] for item in (await world.get(f"/v1/certificates?query={query}"))["items"]] == [issued["id"]]


async def test_a_download_is_named_after_the_address(world: World) -> None:
    """In letters that every system takes."""
    issued = await world.issued("addresses", V6, **HTTP)
    answer = await world.call("POST", f"/v1/certificates/{issued['id']}/download", {"format": "nginx"})
    assert 'filename="2606_4700__1111_nginx.zip"' in answer.headers["content-disposition"]


async def test_no_label_is_drawn_for_an_address(world: World) -> None:
    """There is no place in DNS for it to be delegated from."""
    answer = await world.call("GET", "/v1/delegations?name=1.1.1.1")
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "name_ip_address"
