from pathlib import Path

import pytest
from temporalio import activity

from certloom import wiring
from certloom.keys.keyring import create_key_file
from certloom.settings import Settings
from certloom.storage.engine import SqlStorage
from workers.steps import steps
from workflows.effects import EFFECTS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    files = {kind: tmp_path / f"{kind}.key" for kind in ("customer", "issuer", "payload")}
    for path in files.values():
        create_key_file(path)
    return Settings(home=tmp_path, **{f"{kind}_key_file": path for kind, path in files.items()})  # type: ignore[arg-type]


def served(settings: Settings, storage: SqlStorage) -> set[str]:
    definitions = [getattr(step, "__temporal_activity_definition") for step in steps(settings, storage)]
    return {definition.name for definition in definitions}


async def test_the_worker_serves_every_activity_that_workflows_ask_for(settings: Settings, storage: SqlStorage) -> None:
    """No step of a certificate's life waits for an activity that no worker knows."""
    wanted = {getattr(effect, "__temporal_activity_definition").name for effect in EFFECTS.values()}
    assert wanted <= served(settings, storage)


async def test_every_activity_has_a_name_of_its_own(settings: Settings, storage: SqlStorage) -> None:
    """Two activities of one name would hide each other."""
    assert len(served(settings, storage)) == len(steps(settings, storage))


def test_products_name_issuers_that_are_wired(settings: Settings, storage: SqlStorage) -> None:
    """The names that the catalogue may use are those of the issuers there are."""
    assert set(wiring.issuers(settings, storage)) == set(wiring.issuer_names(settings))


def test_the_activity_marker_is_still_the_sdks(settings: Settings) -> None:
    """Activities are found by the mark that the SDK's decorator leaves."""

    @activity.defn
    async def marked() -> None:
        """Do nothing."""

    assert hasattr(marked, "__temporal_activity_definition")
