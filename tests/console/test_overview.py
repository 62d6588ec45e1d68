"""The overview: counts that are right, plots that can be read without eyes, and what needs a person."""

import re

import pytest

from api.console.plots import columns, rows
from tests.api.world import World
from tests.console.conftest import Meet
from tests.console.operating import failed, parked, waiting
from tests.console.visitor import Visitor, text_of

SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def table(html: str, caption: str) -> dict[str, int]:
    """Read a plot's table."""
    found = re.search(rf">{caption}</caption>.*?</table>", html, re.DOTALL)
    assert found is not None
    cells = re.findall(r'<th scope="row">([^<]+)</th>.*?<td class="figure">(\d+)</td>', found[0])
    return {label: int(count) for label, count in cells}


async def overview(meet: Meet, who: str = "operator") -> tuple[Visitor, str, str]:
    visitor = await meet(who)
    page = await visitor.get("/overview")
    assert page.status_code == 200
    return visitor, page.text, text_of(page)


async def test_operators_begin_there(meet: Meet) -> None:
    """Signing in leads operators to the overview and customers to their certificates."""
    operator, member = await meet("operator"), await meet("member")
    assert operator.last is not None
    assert member.last is not None
    assert operator.last.url.path == "/overview"
    assert member.last.url.path == "/certificates"


async def test_an_empty_service_says_so(meet: Meet) -> None:
    """There is no plot of nothing."""
    _, html, text = await overview(meet)
    assert "Nothing was issued in that time." in text
    assert "None ends in that time." in text
    assert "Nothing failed in that time." in text
    assert 'class="bar-of"' not in html


async def test_what_was_issued_is_counted_per_day(meet: Meet, world: World) -> None:
    """Thirty days, those without anything too; what is older is not counted."""
    await world.issued()
    world.clock.advance(days=40)
    await world.issued()
    await world.issued()
    world.clock.advance(days=1)
    await world.issued()
    _, html, text = await overview(meet)
    found = table(html, "Certificates issued per day")
    assert len(found) == 30
    assert {day: count for day, count in found.items() if count} == {"2 Jan": 2, "3 Jan": 1}
    assert "3 issued in 30 days" in text
    assert 'aria-label="Certificates issued per day: 3 in all, most in 2 Jan with 2."' in html


async def test_ends_are_counted_per_week(meet: Meet, world: World) -> None:
    """The newest issuance of what is issued counts, in the week in which it ends; what is revoked does not."""
    await world.issued()
    gone = await world.issued()
    await world.call("POST", f"/v1/certificates/{gone['id']}/revocation", {"reason": "superseded"})
    world.clock.advance(days=180)
    _, html, _ = await overview(meet)
    found = table(html, "Certificates that end per week")
    assert len(found) == 12
    assert list(found.values()) == [0, 0, 1, *[0] * 9]


async def test_failures_are_counted_by_cause(meet: Meet, world: World) -> None:
    """Each with what is known of the reason."""
    await failed(world)
    await failed(world)
    _, html, text = await overview(meet)
    assert "Application refused : a CAA record forbids it 2" in text
    assert "Deployment failed : what was there before was put back 2" in text
    assert "Not proven in time 2" in text
    assert table(html, "What failed, by cause") == {
        "Application refused": 2, "Deployment failed": 2, "Not proven in time": 2
    }  # fmt: skip


async def test_what_needs_attention_leads_to_its_workflow(meet: Meet, world: World) -> None:
    """Operators see why, and where to act; the owner sees that an operator has to."""
    view = await parked(world, why="The issuer said 42.")
    _, html, text = await overview(meet)
    assert "1 needs attention" in text
    assert "The issuer said 42." in text
    assert f"https://temporal.test/namespaces/default/workflows/certificate-{view['id']}" in html
    _, html, text = await overview(meet, "member")
    assert "1 needs an operator" in text
    assert f"/certificates/{view['id']}" in html
    assert "temporal.test" not in html


async def test_reviews_are_counted_for_operators_alone(meet: Meet, world: World) -> None:
    """Customers neither see nor reach the queue."""
    await waiting(world)
    assert "1 review waiting" in (await overview(meet))[2]
    assert "review" not in (await overview(meet, "member"))[2]


async def test_customers_see_their_own(meet: Meet, world: World) -> None:
    """Nothing of another account is counted or named."""
    await world.issued("single", "theirs.example.com", who="stranger")
    view = await parked(world)
    await failed(world)
    _, html, text = await overview(meet, "stranger")
    assert "1 issued in 30 days" in text
    assert "1 certificate " in text
    assert "Nothing failed in that time." in text
    assert view["id"] not in html
    assert "stuck.example.com" not in html


async def test_a_reason_is_shown_as_text(meet: Meet, world: World) -> None:
    """Whatever an issuer answered, and whatever a label says."""
    await parked(world, why=SCRIPT)
    for who in ("operator", "member"):
        _, html, text = await overview(meet, who)
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "alert(1)" in text


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 2), (1, 2), (2, 2), (3, 4), (9, 10), (11, 20), (61, 80), (100_000, 100_000)]
)
def test_an_axis_ends_at_a_round_number(largest: int, top: int) -> None:
    """Even, so that its middle is a whole number, and never below a bar."""
    assert columns([("a", largest), ("b", 0)]).top == top


def test_one_among_many_can_be_seen() -> None:
    """A count that is not zero has a bar, and zero has none."""
    found = columns([("a", 100_000), ("b", 1), ("c", 0)]).bars
    assert [bar.height for bar in found] == [100.0, 1.0, 0.0]
    assert all(bar.y + bar.height == 100 for bar in found)


def test_the_longest_row_comes_first() -> None:
    """And fills the width."""
    found = rows([("a", "", 1), ("b", "x", 4)])
    assert [(row.label, row.percent) for row in found] == [("b", 100.0), ("a", 25.0)]
