"""Rules about imports that import-linter cannot say; the others are in pyproject.toml."""

import sys

import pytest

from tests.architecture.sources import ROOMS, imports, python_files, shown

DOMAIN_MAY = {"certloom.domain", "pydantic", "idna", "publicsuffixlist"}
DOMAIN_MAY_NOT = {"asyncio", "logging", "os", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid"}

# An SDK stays in the rooms that were made for it, so that replacing it means reading those alone.
SDKS = {
    "sqlalchemy": ("certloom/storage/",),
    "alembic": ("certloom/storage/",),
    "aiosqlite": ("certloom/storage/",),
    "asyncpg": ("certloom/storage/",),
    "cryptography": ("certloom/keys/", "certloom/issuers/", "certloom/targets/", "lab/"),
    "asyncssh": ("certloom/targets/",),
    "alibabacloud_cas20200407": ("certloom/targets/",),
    "jks": ("certloom/keys/",),
    "pkilint": ("certloom/issuers/",),
    "acme": ("certloom/issuers/",),
    "josepy": ("certloom/issuers/",),
    "requests": ("certloom/issuers/",),
    "urllib3": ("certloom/issuers/",),
    "dns": ("certloom/net/", "certloom/dns/", "lab/"),
    "typer": ("certloom/cli/",),
    "fastapi": ("api/",),
    "starlette": ("api/",),
    "uvicorn": ("api/", "workers/"),
    "rich": ("workers/", "lab/", "certloom/cli/"),
    "pydantic_settings": ("certloom/settings.py",),
    "temporalio": (
        "activities/",
        "workflows/",
        "workers/",
        "certloom/wiring.py",
        "certloom/keys/payload.py",
        "api/",
        "lab/footprint.py",
    ),
}


def test_the_domain_is_pure() -> None:
    """The domain imports the standard library without its clocks, files and randomness, and three small packages."""
    found = {
        (shown(path), name) for path in python_files("certloom") for name in imports(path) if _in_domain(shown(path))
    }
    assert {item for item in found if not _pure(item[1])} == set()


@pytest.mark.parametrize("sdk", sorted(SDKS))
def test_an_sdk_stays_in_its_room(sdk: str) -> None:
    """A third-party library is imported only where the table allows it."""
    users = {shown(path) for path in python_files(*ROOMS) if any(name.split(".")[0] == sdk for name in imports(path))}
    assert {user for user in users if not user.startswith(SDKS[sdk])} == set()


def test_the_command_line_is_a_client_like_any_other() -> None:
    """The command line talks HTTP: it imports nothing else of ours."""
    files = [path for path in python_files("certloom") if shown(path).startswith("certloom/cli/")]
    ours = {name for path in files for name in imports(path) if name.split(".")[0] in ROOMS}
    assert files
    assert {name for name in ours if not f"{name}.".startswith("certloom.cli.")} == set()


def test_only_doors_use_the_wiring() -> None:
    """Concrete adapters are chosen where processes begin, nowhere in between."""
    users = {shown(path) for path in python_files(*ROOMS) if "certloom.wiring" in imports(path)}
    assert {user for user in users if not user.startswith(("workers/", "lab/")) and user != "api/serve.py"} == set()


def _in_domain(name: str) -> bool:
    return name.startswith("certloom/domain/")


def _pure(name: str) -> bool:
    top = name.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names:
        return top not in DOMAIN_MAY_NOT
    return any(name == allowed or name.startswith(allowed + ".") for allowed in DOMAIN_MAY)
