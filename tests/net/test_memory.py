"""What is remembered of DNS, for how long, and what never is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from certloom.domain.errors import Outage
from certloom.net.dialer import GuardedDialer
from certloom.net.interface import AddressRefused, Answer, CaaRecord
from certloom.net.memory import LONGEST, MOST_ANSWERS, MOST_RECORDS, RememberingResolver
from tests.net.board import Board

HOST, ZONE = "ns1.one.test", "one.test"
OURS = CaaRecord(0, "issue", b"ours.test")


@dataclass
class Ground:
    board: Board = field(default_factory=lambda: Board(hosts={HOST: ["192.0.2.1"]}, servers={ZONE: [HOST]}))
    now: float = 0.0

    def __post_init__(self) -> None:
        self.memory = RememberingResolver(self.board, clock=lambda: self.now)

    def questions(self) -> dict[str, Callable[[], Awaitable[Answer[object]]]]:
        return {
            "addresses": lambda: self.memory.addresses(HOST),
            "name servers": lambda: self.memory.name_servers(ZONE),
            "no caa": lambda: self.memory.caa(ZONE),
        }


@pytest.fixture
def ground() -> Ground:
    return Ground()


@pytest.mark.parametrize("what", ["addresses", "name servers", "no caa"])
async def test_what_many_orders_ask_is_asked_once(ground: Ground, what: str) -> None:
    """Addresses, name servers, and that there is no CAA."""
    question = ground.questions()[what]
    first = await question()

    assert await question() == first
    assert len(ground.board.asked) == 1


@pytest.mark.parametrize("what", ["addresses", "name servers", "no caa"])
@pytest.mark.parametrize(("ttl", "until"), [(5, 5), (60, 60), (86_400, LONGEST)])
async def test_nothing_outlives_its_ttl_nor_a_minute(ground: Ground, what: str, ttl: int, until: float) -> None:
    """A second before it is remembered, and at its end asked anew."""
    question, ground.board.ttl = ground.questions()[what], ttl
    await question()
    ground.now = until - 1
    await question()
    assert len(ground.board.asked) == 1
    ground.now = until
    await question()

    assert len(ground.board.asked) == 2


@pytest.mark.parametrize("what", ["addresses", "name servers", "no caa"])
async def test_what_has_no_ttl_is_not_remembered(ground: Ground, what: str) -> None:
    """Zero says so, or nobody said anything."""
    question, ground.board.ttl = ground.questions()[what], 0
    await question()
    await question()

    assert len(ground.board.asked) == 2


@pytest.mark.parametrize("there", [False, True])
async def test_proofs_are_asked_for_each_time(ground: Ground, *, there: bool) -> None:
    """Neither a TXT record nor its absence is remembered."""
    ground.board.values = {"_acme-challenge.one.test": ["v"]} if there else {}
    for _ in range(2):
        await ground.memory.texts("_acme-challenge.one.test")

    assert len(ground.board.asked) == 2


async def test_caa_records_are_asked_for_each_time(ground: Ground) -> None:
    """Where records stand, today's count."""
    ground.board.properties[ZONE] = [OURS]
    for _ in range(2):
        await ground.memory.caa(ZONE)

    assert len(ground.board.asked) == 2


async def test_absent_servers_and_addresses_are_asked_for_each_time(ground: Ground) -> None:
    """What is missing now may be there in a second, as a new zone is."""
    for _ in range(2):
        await ground.memory.addresses("ns9.one.test")
        await ground.memory.name_servers("www.one.test")

    assert len(ground.board.asked) == 4


@pytest.mark.parametrize("what", ["addresses", "name servers", "no caa"])
async def test_an_outage_is_not_remembered(ground: Ground, what: str) -> None:
    """The same question may be answered a moment later; and one that was known is not given in its place."""
    question = ground.questions()[what]
    await question()
    ground.now, ground.board.broken = LONGEST, True
    with pytest.raises(Outage):
        await question()
    ground.board.broken = False

    await question()
    assert len(ground.board.asked) == 3


async def test_an_answer_counts_for_its_own_name_alone(ground: Ground) -> None:
    """Neither for a name below nor for one that differs by a letter."""
    ground.board.servers = {ZONE: [HOST], f"sub.{ZONE}": ["ns.other.test"]}
    await ground.memory.name_servers(ZONE)
    await ground.memory.caa(ZONE)
    ground.board.properties[f"sub.{ZONE}"] = [OURS]

    assert (await ground.memory.name_servers(f"sub.{ZONE}")).records == ("ns.other.test",)
    assert (await ground.memory.caa(f"sub.{ZONE}")).records == (OURS,)


async def test_the_oldest_answer_goes_when_there_are_too_many(ground: Ground) -> None:
    """However many names customers have, the memory stays small."""
    for number in range(MOST_ANSWERS + 1):
        await ground.memory.caa(f"n{number}.test")
    asked = len(ground.board.asked)
    await ground.memory.caa(f"n{MOST_ANSWERS}.test")
    await ground.memory.caa("n1.test")
    assert len(ground.board.asked) == asked
    await ground.memory.caa("n0.test")

    assert len(ground.board.asked) == asked + 1


async def test_an_answer_that_is_too_large_is_not_remembered(ground: Ground) -> None:
    """A customer's zone cannot fill our memory with thousands of records under one name."""
    ground.board.hosts[HOST] = [f"192.0.2.{number}" for number in range(MOST_RECORDS + 1)]
    for _ in range(2):
        await ground.memory.addresses(HOST)

    assert len(ground.board.asked) == 2


async def test_a_remembered_address_is_checked_at_every_dial(ground: Ground) -> None:
    """The guard stands behind the memory: an inside address is refused however often it is given."""
    ground.board.hosts[HOST] = ["10.0.0.1"]
    dialer = GuardedDialer(ground.memory)
    for _ in range(2):
        with pytest.raises(AddressRefused):
            await dialer.dial(HOST, 53)

    assert len(ground.board.asked) == 1
