"""`make run` as a person meets it: one command, the whole service, a clean stop, and nothing lost by a hard one."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from certloom.settings import BadSetting, Settings
from lab.edge import CRT_LIST
from lab.relying_party import shake_hands
from workers import service as room
from workers.dev import WATCH_INTERVAL, DevStack, StackFailed, _watched_often
from workers.home import read_json
from workers.service import find_temporal_cli

FIELDS = {
    "api_url",
    "console_url",
    "temporal_address",
    "temporal_ui_url",
    "customer_api_key",
    "operator_api_key",
    "account_id",
    "lab_edge",
    "lab_edge_admin",
}
PATIENCE = 60.0  # seconds


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevStack]:
    with DevStack(tmp_path_factory.mktemp("dev") / "home", env={"CERTLOOM_CHECK_INTERVAL": "1"}) as stack:
        yield stack


@pytest.fixture
def customer(running: DevStack) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {running.facts['customer_api_key']}"}
    with httpx.Client(base_url=running.facts["api_url"], headers=headers, timeout=30) as client:
        yield client


def run_dev(home: Path, **env: str) -> tuple[int, str]:
    """Run `make run`'s command to its end."""
    command = [sys.executable, "-P", "-m", "workers.dev"]
    settings = {"CERTLOOM_HOME": str(home), "PYTHONPATH": str(room.ROOT), **env}
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, done.stderr


def children(stack: DevStack) -> Mapping[str, int]:
    return {name: known["pid"] for name, known in read_json(stack.home / "children.json").items()}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(customer: httpx.Client, path: str, **wanted: str) -> dict[str, Any]:
    """Ask until the view has these values."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        view: dict[str, Any] = customer.get(path).json()
        if wanted.items() <= view.items():
            return view
    raise TimeoutError(f"{path} never had {wanted}: {view}")


def test_others_find_everything_in_one_file(running: DevStack) -> None:
    """dev.json names all addresses and keys, is its owner's alone, and the service behind them is ready."""
    file = running.home / "dev.json"
    assert set(read_json(file)) >= FIELDS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert httpx.get(running.facts["api_url"] + "/readyz").json()["status"] == "ready"
    assert httpx.get(running.facts["temporal_ui_url"]).status_code == 200
    assert httpx.get(running.facts["console_url"]).status_code == 200


def test_what_it_prints_says_what_to_do_next(running: DevStack) -> None:
    """Whoever started it reads addresses and keys whole, and a first name to apply for."""
    printed = running.log.read_text(encoding="utf-8")
    assert all(running.facts[name] in printed for name in FIELDS - {"account_id", "temporal_address"})
    assert "www.shop.lab.test" in printed


def test_its_links_open_the_console_signed_in(running: DevStack) -> None:
    """The printed links lead to a button each, which opens the certificates as customer and as operator, once."""
    links = [line.strip() for line in running.log.read_text(encoding="utf-8").splitlines() if "/signin?code=" in line]
    roles = []
    for link in links:
        with httpx.Client(base_url=running.facts["api_url"], follow_redirects=True) as browser:
            form = dict(re.findall(r'name="(csrf|code)"[^>]*value="([^"]+)"', browser.get(link).text))
            page = browser.post("/signin", data=form)
            assert page.url.path in ("/certificates", "/overview")
            roles += re.findall(r'class="role">(\w+)<', page.text)
            assert browser.post("/signin", data=form).status_code in (401, 403)
    assert roles == ["member", "operator"]


def issued(customer: httpx.Client) -> dict[str, Any]:
    """Return the newcomer's certificate: bought, applied for, proven by the lab and issued, once."""
    order = {"product": "dv-single", "payment": {"method": "balance"}}
    bought = customer.post("/v1/certificates", json=order, headers={"Idempotency-Key": "first"})
    assert bought.status_code == 201, bought.text
    path = bought.headers["Location"]
    if customer.get(path).json()["status"] == "issued":
        return read(customer, path)
    form = {"names": ["www.shop.lab.test"], "validation": "dns-01", "key": {"type": "ecdsa-p256"}}
    assert customer.post(f"{path}/application", json=form).status_code == 202
    until(customer, path, phase="proving")
    assert customer.post("/v1/lab/proofs", json={"certificate_id": bought.json()["id"]}).status_code == 200
    until(customer, path, status="issued")
    return read(customer, path)


def read(customer: httpx.Client, path: str) -> dict[str, Any]:
    found: dict[str, Any] = customer.get(path).json()
    return found


def test_a_newcomer_gets_a_certificate(customer: httpx.Client) -> None:
    """With the demo account's money and the lab, a purchase is issued without anything else being set up."""
    assert issued(customer)["names"] == ["www.shop.lab.test"]


def test_a_second_instance_is_refused(running: DevStack) -> None:
    """The same folder runs once; the second start says so at once and touches nothing."""
    code, told = run_dev(running.home)
    assert (code, told.count("\n")) == (1, 1)
    assert f"runs already on {running.home}" in told
    assert (running.home / "dev.json").exists()


def test_nothing_is_left_of_a_killed_service_and_nothing_is_lost(running: DevStack, customer: httpx.Client) -> None:
    """After a power cut no process is left, and the next start has the same addresses, keys and certificates."""
    issued(customer)
    before, owned = dict(running.facts), customer.get("/v1/certificates").json()
    pids = children(running)
    running.kill()
    deadline = time.monotonic() + PATIENCE
    while any(alive(pid) for pid in pids.values()) and time.monotonic() < deadline:
        pass
    assert {name: pid for name, pid in pids.items() if alive(pid)} == {}
    running.start()
    assert {name: running.facts[name] for name in FIELDS} == {name: before[name] for name in FIELDS}
    assert customer.get("/v1/certificates").json() == owned


def test_certificates_outlive_a_lost_temporal_database(running: DevStack, customer: httpx.Client) -> None:
    """Without Temporal's file every certificate starts again from its row, and can be steered as before."""
    certificate = issued(customer)
    running.kill()
    for file in running.home.glob("temporal.db*"):
        file.unlink()
    running.start()
    deadline = time.monotonic() + PATIENCE
    while (answer := customer.patch(certificate["links"]["self"], json={"label": "found again"})).status_code == 503:
        assert time.monotonic() < deadline, answer.text
    assert (answer.status_code, answer.json()["status"], answer.json()["label"]) == (200, "issued", "found again")


def test_a_newcomer_deploys_to_the_edge_of_the_lab(running: DevStack, customer: httpx.Client) -> None:
    """The addresses of dev.json are enough to describe the edge, and it is proven to serve what is deployed there."""
    certificate = issued(customer)
    ports = [int(running.facts[name].rpartition(":")[2]) for name in ("lab_edge_admin", "lab_edge")]
    settings = {"address": "127.0.0.1", "port": ports[0], "file": "/certs/www.pem", "crt_list": CRT_LIST}
    endpoints = [{"host": "www.shop.lab.test", "port": ports[1]}]
    form = {"name": "edge", "kind": "haproxy_tcp", "settings": settings, "endpoints": endpoints}
    target = customer.post("/v1/targets", json=form).json()
    assert customer.post(target["links"]["test"]).json()["works"]
    begun = customer.post(f"{certificate['links']['self']}/deployments", json={"targets": [target["id"]]})
    until(customer, begun.json()["items"][0]["links"]["self"], state="deployed")
    seen = shake_hands(ports[1], name="www.shop.lab.test", root_der=customer.get("/pki/root.crt").content)
    assert f"{seen.serial_number:x}" == certificate["issuance"]["serial"]


def test_a_clean_stop_leaves_no_process_and_no_addresses(running: DevStack) -> None:
    """After a stop the exit code is 0, dev.json is gone, and every process has ended."""
    pids = children(running)
    assert set(pids) == {"temporal", "lab", "init", "worker", "api", "reconcile"}
    assert running.stop() == 0
    assert not (running.home / "dev.json").exists()
    assert {name: pid for name, pid in pids.items() if alive(pid)} == {}


def test_a_part_that_dies_stops_the_service_with_a_sentence(tmp_path: Path) -> None:
    """A dead process is not started again silently: the service stops and names its log."""
    with pytest.raises(StackFailed, match=r"The temporal process ended with exit code 1; its log is .*temporal\.log"):
        DevStack(tmp_path / "home", env={"CERTLOOM_TEMPORAL_CLI": "/bin/false"}).start()
    assert not (tmp_path / "home" / "dev.json").exists()


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """A port in use ends the start with the variable that changes it, before anything runs."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, told = run_dev(tmp_path / "home", CERTLOOM_API_PORT=str(port))
    assert (code, told.count("\n")) == (1, 1)
    assert f"Port {port} cannot be used" in told
    assert "CERTLOOM_API_PORT" in told


def test_a_bad_setting_is_told(tmp_path: Path) -> None:
    """A wrong value ends the start with one sentence and no traceback."""
    code, told = run_dev(tmp_path / "home", CERTLOOM_CHECK_INTERVAL="soon")
    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith("certloom: CERTLOOM_CHECK_INTERVAL: ")


def test_a_second_signal_kills(tmp_path: Path) -> None:
    """Whoever is impatient presses Ctrl-C twice, at any moment, and has everything ended at once."""
    stack = DevStack(tmp_path / "home", env={"CERTLOOM_TEMPORAL_CLI": str(_stubborn(tmp_path))})
    starting = stack.begin()
    deadline = time.monotonic() + PATIENCE
    while "temporal" not in children(stack) and time.monotonic() < deadline:
        pass
    stubborn = children(stack)["temporal"]
    while not (tmp_path / "deaf").exists() and time.monotonic() < deadline:
        pass
    starting.send_signal(signal.SIGINT)
    while "Ctrl-C again" not in stack.log.read_text(encoding="utf-8") and time.monotonic() < deadline:
        pass
    starting.send_signal(signal.SIGINT)
    assert stack.wait() == 0
    assert not alive(stubborn)


def _stubborn(folder: Path) -> Path:
    program = folder / "temporal"
    program.write_text(
        f"#!/bin/sh\ntrap '' TERM INT\ntouch {folder}/deaf\nwhile :; do sleep 1; done\n", encoding="utf-8"
    )
    program.chmod(0o700)
    return program


def test_without_a_temporal_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a platform without the wheel one sentence says to install the Temporal CLI or to name it."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadSetting, match=r"install the Temporal CLI .* CERTLOOM_TEMPORAL_CLI"):
        find_temporal_cli(Settings())


def test_a_temporal_server_can_be_named(tmp_path: Path) -> None:
    """The setting goes before the wheel, and is refused when it is no program."""
    with pytest.raises(BadSetting, match="is no program that can be run"):
        find_temporal_cli(Settings(temporal_cli=tmp_path / "missing"))
    assert find_temporal_cli(Settings(temporal_cli=Path("/bin/false"))) == Path("/bin/false")


def test_endpoints_are_looked_at_often_unless_somebody_says_how_often() -> None:
    """Under `make run` one sees a repair within a minute; a setting goes before that."""
    assert _watched_often(Settings()).watch_interval == WATCH_INTERVAL < Settings().watch_interval
    assert _watched_often(Settings(watch_interval=900)).watch_interval == 900
