"""docker-compose.yml as far as it can be judged without a container engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from certloom.settings import PREFIX, Settings
from tests.architecture.sources import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("init", "api", "worker", "reconcile")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_names_only_what_exists(name: str) -> None:
    """Every network, secret, config, volume and service that a service refers to is defined."""
    service = SERVICES[name]
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert set(service.get("networks", ())) <= set(COMPOSE["networks"])
    assert {config["source"] for config in service.get("configs", ())} <= set(COMPOSE["configs"])
    assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_waited_for_can_be_seen_ready(name: str) -> None:
    """Whoever waits for health waits for a service with a health check, and for an end of one that ends."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        lasts = SERVICES[other].get("restart") == "unless-stopped"
        assert how["condition"] == ("service_healthy" if lasts else "service_completed_successfully")
        assert "healthcheck" in SERVICES[other] or not lasts


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_foreign_images_are_pinned(name: str) -> None:
    """A foreign image has a full version, so that an upgrade is a commit."""
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-bookworm)?", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name: str) -> None:
    """Nothing is reachable from outside but through a proxy that somebody set up."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", OURS)
def test_settings_are_ones_we_have(name: str) -> None:
    """Every CERTLOOM_ variable of a container is a setting of the service."""
    ours = {key.removeprefix(PREFIX).lower() for key in SERVICES[name]["environment"] if key.startswith(PREFIX)}
    assert ours <= set(Settings.model_fields)


@pytest.mark.parametrize("name", OURS)
def test_secrets_come_as_files(name: str) -> None:
    """Each secret that a container names is mounted there, and none stands in its environment."""
    values = [str(value) for key, value in SERVICES[name]["environment"].items() if key.endswith("_FILE")]
    assert {Path(value).name for value in values} == set(SERVICES[name]["secrets"])
    assert not {f"{PREFIX}{kind}" for kind in ("CUSTOMER_KEY", "ISSUER_KEY", "PAYLOAD_KEY", "DATABASE_URL")} & set(
        SERVICES[name]["environment"]
    )


def test_the_api_never_has_the_issuers_key() -> None:
    """The process that faces the network cannot sign certificates."""
    assert "issuer_key" not in SERVICES["api"]["secrets"]


@pytest.mark.parametrize("name", OURS)
def test_the_process_exists(name: str) -> None:
    """Every container of ours runs a module of this checkout."""
    module = SERVICES[name]["command"][-1]
    assert (ROOT / (module.replace(".", "/") + ".py")).exists()


def test_operators_cannot_end_workflows_from_the_ui() -> None:
    """Terminate, cancel and reset are taken out of the Temporal UI."""
    shown = SERVICES["temporal-ui"]["environment"]
    assert {shown[f"TEMPORAL_WORKFLOW_{verb}_DISABLED"] for verb in ("TERMINATE", "CANCEL", "RESET")} == {"true"}


def test_the_image_holds_every_room_that_runs() -> None:
    """Dockerfile and .dockerignore let in what the processes import, and nothing else."""
    rooms = {"workflows", "activities", "workers", "api", "certloom"}
    copied = set(re.findall(r"(?m)^COPY (\w+) \./", (ROOT / "Dockerfile").read_text(encoding="utf-8")))
    let_in = set(re.findall(r"(?m)^!(\w+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8")))
    assert copied == let_in == rooms
