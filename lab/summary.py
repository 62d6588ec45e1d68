"""The last page of the demo: statuses, serial, money, what Temporal keeps, and where the seconds went."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from certloom.domain.money import Money
from lab.customer import JSON
from lab.footprint import Footprint
from lab.story_life import LifeStory
from lab.telling import Step

# Which status each event of the timeline began.
_BEGINS: Final[Mapping[str, str]] = {
    "ordered": "awaiting_payment",
    "paid": "paid",
    "applied": "pending_verification",
    "issued": "issued",
    "revoked": "revoked",
    "deleted": "deleted",
}
PROVEN: Final = "deployed"
_BAR: Final = 30  # columns of the longest step


def summary(story: LifeStory, steps: Sequence[Step], left: Footprint, *, seconds: float) -> RenderableType:
    """Return the page; `seconds` is the whole time, with what lies between the steps."""
    facts = Table.grid(padding=(0, 2))
    for label, value in _facts(story, left):
        facts.add_row(Text(label, "dim"), value)
    return Panel.fit(Group(facts, Text(), _times(steps, seconds)), title="Summary", border_style="cyan", padding=(1, 2))


def _facts(story: LifeStory, left: Footprint) -> Iterator[tuple[str, str]]:
    view = story.view
    passed = [_BEGINS[event["what"]] for event in story.events if event["what"] in _BEGINS]
    yield "statuses passed", " > ".join(dict.fromkeys(passed))
    yield "certificate", view["id"]
    yield "serials", "\n".join(story.serials)
    if story.deployments:
        yield "deployments", _deployments(story.deployments)
    yield "charged", str(Money.model_validate(view["payment"]["amount"]))
    yield "refunded", f"{Money.model_validate(view['refund']['amount'])}, {view['refund']['state']}"
    yield "balance", f"{story.before} before, {story.after} after"
    yield "Temporal history", f"{left.events} events, {left.bytes:,} bytes, {left.runs} run{'s' * (left.runs > 1)}"


def _deployments(all_of_them: Sequence[JSON]) -> str:
    """Count the ends, and name where it did not end well."""
    ends = Counter(one["state"] for one in all_of_them)
    where = dict.fromkeys(one["target_name"] for one in all_of_them if one["state"] != PROVEN)
    others = [f"{count} {state.replace('_', ' ')}" for state, count in ends.items() if state != PROVEN]
    return ", ".join((f"{ends[PROVEN]} proven", *others)) + (f" ({', '.join(where)})" if where else "")


def _times(steps: Sequence[Step], seconds: float) -> Table:
    table = Table("", "step", "seconds", "", box=None, header_style="dim", pad_edge=False)
    longest = max(step.seconds for step in steps)
    for number, step in enumerate(steps, start=1):
        bar = Text("━" * round(_BAR * step.seconds / longest), "cyan")
        table.add_row(str(number), step.title, Text(f"{step.seconds:.2f}", justify="right"), bar)
    table.add_row("", Text("all", "bold"), Text(f"{seconds:.2f}", "bold", justify="right"), "")
    return table
