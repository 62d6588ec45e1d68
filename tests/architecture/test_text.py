"""What no tracked file says: where this was built, or which package index somebody uses."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.sources import ROOMS, ROOT, shown, tracked

FORBIDDEN = {
    "a package index's address": r"pypi\.org|pythonhosted|--(extra-)?index-url|--find-links",
    "a folder of somebody's machine": r"/(root|work|home/\w+|Users/\w+)/",
    "a private key": r"BEGIN (RSA |EC |ENCRYPTED )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names_what_belongs_to_a_machine(what: str) -> None:
    """A clone works anywhere, and gives nothing away."""
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="replace")
        match = re.search(FORBIDDEN[what], text)
        if match and path != Path(__file__):
            found.append(f"{shown(path)}: {match[0][:40]}")
    assert found == []


@pytest.mark.parametrize("name", ["run", "dev", "jks"])
def test_locks_are_pinned_with_hashes(name: str) -> None:
    """Every line of a lock is an exact version with hashes, so an index cannot serve anything else."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = text.strip().splitlines()
    assert [line for line in lines if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


def test_what_tests_run_on_holds_what_runs() -> None:
    """The packages of `make test` are those of `make run` in the same versions, and more."""
    run, dev = (pinned(name) for name in ("run", "dev"))
    assert run <= dev


def test_every_file_that_is_no_code_travels_with_the_package() -> None:
    """A data file inside a room matches the packaging's patterns, or the installed product would lack it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]["*"]
    data = [path for path in tracked() if shown(path).split("/")[0] in ROOMS and path.suffix not in {".py", ".md"}]
    assert [shown(path) for path in data if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []


def pinned(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^([a-z0-9-]+==[^\s;]+)", text))
