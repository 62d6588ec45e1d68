import importlib.metadata

import pytest

from tests.architecture.sources import ROOMS, python_files, shown, tracked

LARGEST_FILE = 400  # lines; 300 is the aim
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}


def test_init_files_are_empty() -> None:
    """No package does anything when it is imported, so the sandbox never loads more than it is asked to."""
    assert [
        shown(path) for path in python_files(*ROOMS, "tests") if path.name == "__init__.py" and path.read_text()
    ] == []


def test_names_say_what_is_inside() -> None:
    """No module or folder is named after nothing, such as utils."""
    assert [shown(path) for path in python_files(*ROOMS, "tests") if SAYS_NOTHING & {path.stem, *path.parts}] == []


def test_files_stay_readable() -> None:
    """No file is longer than a reader can hold."""
    long = {shown(path): len(path.read_text().splitlines()) for path in python_files(*ROOMS, "tests")}
    assert {name: lines for name, lines in long.items() if lines > LARGEST_FILE} == {}


def test_every_folder_of_tests_is_a_package() -> None:
    """A test folder without __init__.py would be imported in place of the room of the same name."""
    folders = {path.parent for path in python_files("tests")}
    assert [shown(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_modules_and_public_tests_explain_themselves() -> None:
    """Every module of the product begins with a docstring."""
    bare = [
        path for path in python_files(*ROOMS) if path.read_text() and not path.read_text().startswith(('"""', "#!"))
    ]
    assert [shown(path) for path in bare if "migrations" not in path.parts] == []


@pytest.mark.parametrize("room", ROOMS)
def test_top_level_names_are_ours_alone(room: str) -> None:
    """No installed distribution brings a package of the same name, which would hide or mix with ours."""
    owners = set(importlib.metadata.packages_distributions().get(room, []))
    assert owners <= {"certloom"}


def test_unfinished_marks_are_not_committed() -> None:
    """What is not done is said in an issue, not in a comment."""
    marks = tuple("TO" + "DO" + end for end in (":", " ", "(")) + tuple("FIX" + "ME" + end for end in (":", " ", "("))
    texts = {shown(path): path.read_text() for path in python_files(*ROOMS, "tests")}
    assert [name for name, text in texts.items() if any(mark in text for mark in marks)] == []


def test_everything_belongs_to_a_room() -> None:
    """A top-level folder of Python that the packaging does not list would be missing from the image."""
    tops = {shown(path).split("/")[0] for path in tracked() if path.suffix == ".py" and "/" in shown(path)}
    assert tops <= {*ROOMS, "tests", "docs"}
