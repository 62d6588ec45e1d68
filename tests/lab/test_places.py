"""The demo's servers, in a thread of their own: what they hold, how they break, and that none is left."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from certloom.targets.allowed import read_allowed
from lab.customer import DemoFailed
from lab.places import WORKER_HOST, Places
from lab.self_signed import self_signed
from tests.lab.servers import NAME, program, served

OLD = self_signed(NAME).fingerprint_sha256


@contextlib.contextmanager
def started(folder: Path, *programs: str) -> Iterator[Places]:
    places = Places(folder, NAME, programs=programs)
    try:
        places.start()
        yield places
    finally:
        places.stop()


def test_edges_stand_in_for_what_is_not_installed(tmp_path: Path) -> None:
    """Without programs every place is an edge that its owner may add, holding a certificate from elsewhere."""
    with started(tmp_path) as places:
        found = [served(port) for place in places.all for port in place.ports]

        assert [place.kind for place in places.all] == ["haproxy_tcp"] * 3
        assert not any(place.on_host for place in places.all)
        assert places.targets_file is None
        assert found == [OLD] * 4


def test_programs_are_described_in_a_targets_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What an operator names in the targets' settings lies within what the worker of this machine may touch."""
    for name in ("haproxy", "nginx"):
        program(name)
    with started(tmp_path_factory.mktemp("p"), "haproxy", "nginx") as places:
        assert places.targets_file is not None
        allowed = read_allowed(places.targets_file)
        haproxy, nginx, _ = (place.form(NAME, "acct_1") for place in places.all)

        assert allowed.host == haproxy["settings"]["host"] == nginx["settings"]["host"] == WORKER_HOST
        assert Path(haproxy["settings"]["file"]).parent in allowed.haproxy["main"].folders
        assert Path(haproxy["settings"]["crt_list"]) in allowed.haproxy["main"].crt_lists
        assert Path(nginx["settings"]["folder"]).parent in allowed.nginx["main"].folders
        assert [served(place.ports[0]) for place in places.all] == [OLD] * 3


def test_a_shut_shop_serves_nothing_and_stops_twice(tmp_path: Path) -> None:
    """After the end of all servers a client fails, and stopping what is stopped does nothing."""
    with started(tmp_path) as places:
        places.shut()
        for place in places.all:
            with pytest.raises(DemoFailed, match=r"A client of .* fails at 127\.0\.0\.1"):
                served(place.ports[0])
        places.stop()


def test_stopping_what_never_started_does_nothing(tmp_path: Path) -> None:
    """Whoever fails before the start may still clean up."""
    Places(tmp_path, NAME, programs=()).stop()
