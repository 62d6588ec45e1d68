"""Whatever is sent, nobody gets a 500."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.world import World, fresh, make_world

TEXT = st.text(max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([
    "product", "label", "payment", "method", "names", "validation", "key", "type", "csr", "contact", "organization",
    "reason", "force", "application_id", "decision", "note", "format", "password", "certificate", "private_key", "role",
    "amount", "currency", "reference", "name", "email", "country", "expires_at", "certificate_id", "payloads", "data",
    "zone", "kind", "settings", "credentials", "endpoints", "prove_within", "account_id", "targets",
])  # fmt: skip
NEAR = st.sampled_from([
    "single", "balance", "dns-01", "http-01", "ecdsa-p256", "superseded", "approve", "nginx", "jks", "member", "EUR",
    ["www.example.com"], ["*.com", "\U0001f512"], {"method": "balance"}, {"type": "rsa-2048"}, 2**63, -1, "\x00",
    "\ud800", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "2020-01-01", [{"data": "AA="}],
    "haproxy_tcp", {"address": "a", "port": 1, "file": "/a"}, [{"host": "a.example.com"}], "acct_ours", ["tgt_1"],
    "rfc2136", "lexicon", "manual", "example.com", {"server": "a", "key_name": "k"}, {"provider": "cloudflare"},
])  # fmt: skip
BODIES = st.dictionaries(FIELDS, NEAR | VALUES, max_size=5) | VALUES
PATHS = st.sampled_from([
    "/v1/certificates", "/v1/certificates/{id}", "/v1/certificates/{id}/application", "/v1/uploads",
    "/v1/certificates/{id}/application/check", "/v1/certificates/{id}/review", "/v1/certificates/{id}/replacement",
    "/v1/certificates/{id}/revocation", "/v1/certificates/{id}/download", "/v1/account/keys", "/v1/accounts",
    "/v1/accounts/acct_ours/keys", "/v1/accounts/acct_ours/deposits", "/v1/lab/proofs", "/codec/decode",
    "/v1/targets", "/v1/targets/tgt_1", "/v1/targets/tgt_1/test", "/v1/certificates/{id}/deployments",
    "/v1/deployments/dep_1/rollback", "/v1/zones", "/v1/zones/zone_1", "/v1/zones/zone_1/test",
])  # fmt: skip


class Machine:
    """One world in a loop of its own, for examples that hypothesis makes one after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory()
        self._making = make_world(Path(self._folder.name))
        self.world: World = self._loop.run_until_complete(self._making.__aenter__())
        self.id = self._loop.run_until_complete(self.world.buy())["id"]

    def send(self, method: str, path: str, content: bytes, who: str) -> Any:
        headers = {
            "Authorization": f"Bearer {self.world.tokens[who]}",
            "Content-Type": "application/json",
            "Idempotency-Key": fresh(),
        }
        asked = self.world.http.request(method, path.format(id=self.id), content=content, headers=headers)
        return self._loop.run_until_complete(asked)

    def close(self) -> None:
        self._loop.run_until_complete(self._making.__aexit__(None, None, None))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._folder.cleanup()


def test_random_json_is_never_our_fault() -> None:
    """Every path, role and body: an answer below 500, and problems that look like problems."""
    machine = Machine()

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        method=st.sampled_from(["POST", "PATCH", "DELETE"]),
        path=PATHS,
        body=BODIES,
        who=st.sampled_from(["member", "member", "operator"]),
    )
    def sends(method: str, path: str, body: object, who: str) -> None:
        answer = machine.send(method, path, json.dumps(body).encode(), who)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.json()["code"]

    try:
        sends()
    finally:
        machine.close()


def test_random_queries_are_never_our_fault() -> None:
    """Whatever filters a list is given."""
    machine = Machine()
    names = st.sampled_from(["query", "cursor", "limit", "status", "group", "origin", "expires_before", "x"])

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(params=st.dictionaries(names, st.text(st.characters(codec="utf-8"), max_size=20), max_size=3))
    def asks(params: dict[str, str]) -> None:
        headers = {"Authorization": f"Bearer {machine.world.tokens['member']}"}
        asked = machine.world.http.get("/v1/certificates", params=params, headers=headers)
        assert machine._loop.run_until_complete(asked).status_code in (200, 422)

    try:
        asks()
    finally:
        machine.close()
