"""What needs no key: CA files, health, the reference, the first page; and what only some may have: codec and lab."""

import base64
import re

import httpx
import pytest
from temporalio.api.common.v1 import Payload

from api.lab import HttpLab
from certloom.domain.errors import Outage
from certloom.keys.payload import SealedPayloadCodec
from tests.api.world import RING, UI_ORIGIN, World, assert_problem, ok


async def test_ca_certificates_are_der_or_pem(world: World) -> None:
    """DER by default, PEM when asked for by Accept or ?pem; no key needed."""
    world.files.certificates["root"] = b"\x30\x01x" * 40
    der = await world.call("GET", "/pki/root.crt", who=None)
    assert (der.headers["content-type"], der.content) == ("application/pkix-cert", b"\x30\x01x" * 40)
    for answer in (
        await world.call("GET", "/pki/root.crt?pem", who=None),
        await world.call("GET", "/pki/root.crt", who=None, accept="application/x-pem-file"),
    ):
        assert answer.headers["content-type"] == "application/x-pem-file"
        lines = answer.text.splitlines()
        assert (lines[0], lines[-1]) == ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
        assert base64.b64decode("".join(lines[1:-1])) == der.content


async def test_crls_are_served_and_kept_briefly(world: World) -> None:
    """A revocation must be seen soon; an unchanged list is not sent again."""
    world.files.crls["ecdsa"] = b"crl"
    answer = await world.call("GET", "/pki/ecdsa.crl", who=None)
    assert (answer.headers["content-type"], answer.content) == ("application/pkix-crl", b"crl")
    assert answer.headers["cache-control"] == "public, max-age=300"
    same = await world.call("GET", "/pki/ecdsa.crl", who=None, if_none_match=answer.headers["etag"])
    assert same.status_code == 304
    assert (await world.call("HEAD", "/pki/ecdsa.crl", who=None)).status_code == 200


@pytest.mark.parametrize("path", ["/pki/nobody.crt", "/pki/ecdsa.crl", "/pki/..%2Fx.crt", "/pki/ROOT.crt"])
async def test_unknown_ca_files_are_not_found(world: World, path: str) -> None:
    """Only what was published."""
    assert_problem(await world.call("GET", path, who=None), 404, "not_found")


async def test_health_needs_nobody(world: World) -> None:
    """Alive, and able to serve."""
    assert ok(await world.call("GET", "/healthz", who=None)) == {"status": "alive"}
    assert ok(await world.call("GET", "/readyz", who=None)) == {"status": "ready"}


@pytest.mark.parametrize("trouble", [Outage("Temporal does not answer."), RuntimeError("Failed client connect")])
async def test_readiness_says_what_is_missing(world: World, trouble: Exception) -> None:
    """Without Temporal the process is alive and not ready."""
    world.client.broken = trouble
    found = assert_problem(await world.call("GET", "/readyz", who=None), 503, "outage")
    assert [one["name"] for one in found["missing"]] == ["temporal"]
    ok(await world.call("GET", "/healthz", who=None))


async def test_the_reference_loads_nothing(world: World) -> None:
    """No script, no address of another host, every call and every code."""
    page = await world.call("GET", "/docs", who=None)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert not re.search(r'(?:src|href)="https?:', page.text)
    assert "POST /v1/certificates/{certificate_id}/revocation" in page.text
    assert 'id="refund_would_be_lost"' in page.text


async def test_openapi_describes_problems_and_keys(world: World) -> None:
    """The description names our problems instead of the framework's, and the scheme of keys."""
    description = ok(await world.call("GET", "/openapi.json", who=None))
    assert "HTTPValidationError" not in description["components"]["schemas"]
    assert "ApiKey" in description["components"]["securitySchemes"]
    buy = description["paths"]["/v1/certificates"]["post"]
    assert [one["name"] for one in buy["parameters"]] == ["Idempotency-Key"]
    assert buy["security"] == [{"ApiKey": []}]


async def test_the_first_page_leads_on(world: World) -> None:
    """To the reference and the root certificate."""
    page = await world.call("GET", "/", who=None)
    assert 'href="/docs"' in page.text
    assert "/pki/root.crt" in page.text


async def test_an_operator_decodes_payloads(world: World) -> None:
    """What a worker sealed comes back readable, to the configured origin only."""
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b'"secret"')
    sealed = (await SealedPayloadCodec(RING).encode([plain]))[0]
    text = {name: base64.b64encode(value).decode() for name, value in sealed.metadata.items()}
    body = {"payloads": [{"metadata": text, "data": base64.b64encode(sealed.data).decode()}]}
    answer = await world.call("POST", "/codec/decode", body, who="operator", origin=UI_ORIGIN, x_namespace="default")
    assert base64.b64decode(ok(answer)["payloads"][0]["data"]) == b'"secret"'
    assert answer.headers["access-control-allow-origin"] == UI_ORIGIN
    encoded = ok(await world.call("POST", "/codec/encode", {"payloads": []}, who="operator"))
    assert encoded == {"payloads": []}


async def test_the_codec_is_for_operators_of_this_origin_and_namespace(world: World) -> None:
    """Customers, other origins and other namespaces are refused; so is what is no Base64."""
    body = {"payloads": [{"data": "%"}]}
    assert_problem(await world.call("POST", "/codec/decode", body), 403, "forbidden")
    assert_problem(
        await world.call("POST", "/codec/decode", body, who="operator", origin="https://x"), 403, "forbidden"
    )
    assert_problem(await world.call("POST", "/codec/decode", body, who="operator", x_namespace="x"), 403, "forbidden")
    assert_problem(await world.call("POST", "/codec/decode", body, who="operator"), 422, "invalid")


async def test_a_browser_may_ask_the_codec_first(world: World) -> None:
    """The preflight names the one origin."""
    answer = await world.call("OPTIONS", "/codec/decode", who=None, origin=UI_ORIGIN)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == UI_ORIGIN
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert_problem(await world.call("OPTIONS", "/codec/decode", who=None, origin="https://evil.test"), 403, "forbidden")


async def test_codec_and_lab_exist_only_when_configured(world: World) -> None:
    """Otherwise there is nothing at their addresses."""
    async with world.with_services(codec=None, lab=None) as http:
        for path in ("/codec/decode", "/v1/lab/proofs"):
            headers = {"Authorization": f"Bearer {world.tokens['operator']}"}
            assert_problem(await http.post(path, json={}, headers=headers), 404, "not_found")


async def test_the_lab_publishes_a_proof(world: World) -> None:
    """One call puts the challenges into the lab; before there are any it says so."""
    view = await world.apply()
    assert_problem(await world.call("POST", "/v1/lab/proofs", {"certificate_id": view["id"]}), 409, "illegal_state")
    await world.client.prepare(view["id"])
    ok(await world.call("POST", "/v1/lab/proofs", {"certificate_id": view["id"]}))
    assert [one.name for one in world.board.published] == ["www.example.com"]
    assert world.client.asked_to_look(view["id"])
    answer = await world.call("POST", "/v1/lab/proofs", {"certificate_id": view["id"]}, who="stranger")
    assert_problem(answer, 404, "not_found")


async def test_the_labs_control_gets_the_challenges() -> None:
    """They are posted as JSON, and a lab that refuses is an outage."""
    posted = []

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append((str(request.url), request.content))
        return httpx.Response(200 if len(posted) == 1 else 422)

    lab = HttpLab("http://127.0.0.1:9/", transport=httpx.MockTransport(answer))
    await lab.publish([])
    assert posted == [("http://127.0.0.1:9/proofs", b'{"challenges":[]}')]
    with pytest.raises(Outage):
        await lab.publish([])
