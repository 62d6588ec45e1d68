"""Documents that a reader relies on say what the code says."""

import re
from pathlib import Path

from certloom.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented() -> None:
    """An operator finds each setting in docs/operations.md."""
    told = (ROOT / "docs" / "operations.md").read_text()
    missing = [name for name in Settings.model_fields if not re.search(rf"\b({PREFIX})?{name.upper()}\b", told)]

    assert not missing


def test_links_lead_somewhere() -> None:
    """Every relative link in README, CONTRIBUTING and docs names a file that exists."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    dead = [
        (page.name, link)
        for page in pages
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]

    assert not dead
