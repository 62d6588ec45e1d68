"""CAA: the grammar, the judgement, and the climb."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certloom.domain.errors import InvalidInput, Outage
from certloom.net.dialer import GuardedDialer
from certloom.net.http import GuardedHttp
from certloom.net.interface import CaaRecord
from certloom.net.memory import RememberingResolver
from certloom.validation.caa import IssueProperty, read_issue, why_forbidden
from certloom.validation.validator import NetworkValidator
from lab.world import LabWorld
from lab.zone import Trouble
from tests.net.board import Board

OURS = "ca.certloom.test"


def record(tag: str, value: str, flags: int = 0) -> CaaRecord:
    return CaaRecord(flags, tag, value.encode("latin-1"))


def permits(*records: CaaRecord, wildcard: bool = False, method: str = "dns-01") -> bool:
    return why_forbidden(records, wildcard=wildcard, method=method, identities=[OURS]) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ca.example", IssueProperty("ca.example")),
        (" \tCA.Example \t", IssueProperty("ca.example")),
        ("ca.example;", IssueProperty("ca.example")),
        (";", IssueProperty("")),
        ("", IssueProperty("")),
        ("ca.example; a=b", IssueProperty("ca.example", (("a", "b"),))),
        ("ca.example;a = b ; C-1=d", IssueProperty("ca.example", (("a", "b"), ("c-1", "d")))),
        ("ca.example; a=", IssueProperty("ca.example", (("a", ""),))),
        ("ca.example; a=b=c", IssueProperty("ca.example", (("a", "b=c"),))),
        ("; a=b", IssueProperty("", (("a", "b"),))),
    ],
)
def test_values_are_read_by_the_grammar(value: str, expected: IssueProperty) -> None:
    """Blanks and case do not matter, parameters are kept in order."""
    assert expected == read_issue(value.encode())


@pytest.mark.parametrize(
    "value",
    [
        *(f"{OURS} other", f"{OURS}.", f".{OURS}", f"-{OURS}", f"{OURS}; a", f"{OURS}; a=b;", f"{OURS};; a=b"),
        *(f"{OURS}; a b=c", f"{OURS}; a=b c", f"{OURS}; -a=b", f"{OURS}; =b", f"{OURS},", f'"{OURS}"'),
        *(f"http://{OURS}", f"{OURS}\xe9", f"{OURS}\n"),
    ],
)
def test_malformed_values_permit_nobody(value: str) -> None:
    """RFC 8659 section 4.2: what does not follow the grammar counts as naming no issuer."""
    assert read_issue(value.encode("latin-1")) == IssueProperty("")
    assert not permits(record("issue", value))


@given(st.binary(max_size=60))
def test_any_bytes_can_be_read(value: bytes) -> None:
    """Whatever stands in DNS, reading it does not fail, and an issuer is a plain domain."""
    assert set(read_issue(value).issuer) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record("issue", OURS)],
        [record("issue", OURS.upper())],
        [record("ISSUE", OURS)],
        [record("issue", OURS, 128)],
        [record("issue", "other.example"), record("issue", OURS)],
        [record("issue", ";"), record("issue", OURS)],
        [record("issue", "bad value"), record("issue", OURS)],
        [record("iodef", "mailto:a@example.com")],
        [record("iodef", "mailto:a@example.com", 128)],
        [record("unknown", "x"), record("issue", OURS)],
        [record("issuewild", "other.example")],
        [record("issuewild", ";"), record("issue", OURS)],
        [record("issue", f"{OURS}; validationmethods=dns-01")],
        [record("issue", f"{OURS}; ValidationMethods=http-01,dns-01")],
        [record("issue", f"{OURS}; policy=ev")],
        [record("issue", f"{OURS}; accounturi=https://x.example/1"), record("issue", OURS)],
    ],
)
def test_record_sets_that_permit_a_host(records: list[CaaRecord]) -> None:
    """A set permits when nothing in it restricts hosts, or one issue property names us without a condition we miss."""
    assert permits(*records)


@pytest.mark.parametrize(
    ("values", "permitted"),
    [
        (["https://ca.example/acct/1"], True),
        (["https://ca.example/acct/2"], False),
        (["https://ca.example/acct/1", "https://ca.example/acct/1"], False),
    ],
)
def test_our_account_may_be_named(values: list[str], *, permitted: bool) -> None:
    """A record that names the account that orders permits; another account, or two, do not (RFC 8657 section 3)."""
    conditions = "; ".join(f"accounturi={value}" for value in values)
    reason = why_forbidden(
        [record("issue", f"{OURS}; {conditions}")],
        wildcard=False,
        method="dns-01",
        identities=[OURS],
        account="https://ca.example/acct/1",
    )
    assert (reason is None) is permitted
    assert permitted or "and ours is" in str(reason)


@pytest.mark.parametrize(
    "records",
    [
        [record("issue", ";")],
        [record("issue", "")],
        [record("issue", "other.example")],
        [record("issue", f"sub.{OURS}")],
        [record("issue", "certloom.test")],
        [record("issuewild", OURS), record("issue", "other.example")],
        [record("unknown", "x", 128), record("issue", OURS)],
        [record("unknown", "x", 255), record("issue", OURS)],
        [record("issue", f"{OURS}; accounturi=https://x.example/1")],
        [record("issue", f"{OURS}; ACCOUNTURI=https://x.example/1")],
        [record("issue", f"{OURS}; validationmethods=http-01")],
        [record("issue", f"{OURS}; validationmethods=")],
        [record("issue", f"{OURS}; validationmethods=dns-01-x")],
        [record("issue", f"{OURS}; validationmethods=dns-01; validationmethods=dns-01")],
    ],
)
def test_record_sets_that_forbid_a_host(records: list[CaaRecord]) -> None:
    """A set forbids when issue properties exist and none is for us, or when something critical is unknown."""
    assert not permits(*records)


@pytest.mark.parametrize(
    ("records", "permitted"),
    [
        ([record("issue", OURS)], True),
        ([record("issue", "other.example")], False),
        ([record("issuewild", OURS), record("issue", "other.example")], True),
        ([record("issuewild", "other.example"), record("issue", OURS)], False),
        ([record("issuewild", ";"), record("issue", OURS)], False),
        ([record("iodef", "mailto:a@example.com")], True),
    ],
)
def test_wildcards_go_by_issuewild_first(records: list[CaaRecord], permitted: bool) -> None:  # noqa: FBT001
    """For a wildcard, issuewild replaces issue when there is one (RFC 8659 section 4.3)."""
    assert permitted is permits(*records, wildcard=True)


async def test_the_climb_ends_at_the_first_set(lab: LabWorld, validator: NetworkValidator) -> None:
    """The closest set decides, what stands above it does not count."""
    lab.zone.add("lab.test", "CAA", '0 issue ";"')
    lab.zone.add("shop.lab.test", "CAA", f'0 issue "{OURS}"')

    verdicts = await validator.check_caa(["www.shop.lab.test", "www.lab.test"], method="dns-01", identities=[OURS])

    assert [(v.name, v.permitted) for v in verdicts] == [("www.shop.lab.test", True), ("www.lab.test", False)]


async def test_a_prohibition_says_where_it_stands_and_what_to_add(lab: LabWorld, validator: NetworkValidator) -> None:
    """The customer reads the owner name, the reason and the record that would permit us."""
    lab.zone.add("lab.test", "CAA", '0 issue "other.example"')

    (verdict,) = await validator.check_caa(["a.b.lab.test"], method="dns-01", identities=[OURS])

    assert verdict.detail == (
        "The CAA record at lab.test forbids us to issue for a.b.lab.test: "
        'it permits only others: issue "other.example".'
        ' To permit us, add there: lab.test. CAA 0 issue "ca.certloom.test"'
    )


@pytest.mark.parametrize(
    ("records", "name", "line"),
    [
        (['0 issuewild ";"', f'0 issue "{OURS}"'], "*.lab.test", f'lab.test. CAA 0 issuewild "{OURS}"'),
        (['0 issue ";"'], "*.lab.test", f'lab.test. CAA 0 issue "{OURS}"'),
        (['0 issuewild ";"', '0 issue ";"'], "lab.test", f'lab.test. CAA 0 issue "{OURS}"'),
        ([f'0 issue "{OURS}; validationmethods=http-01"'], "lab.test", f'lab.test. CAA 0 issue "{OURS}"'),
        (['128 strange "x"'], "lab.test", ""),
    ],
)
async def test_the_line_to_add_is_one_that_helps(
    lab: LabWorld, validator: NetworkValidator, records: list[str], name: str, line: str
) -> None:
    """It has the property that counts for this name; beside an unknown critical one no line helps, so none is told."""
    for record in records:
        lab.zone.add("lab.test", "CAA", record)
    (forbidden,) = await validator.check_caa([name], method="dns-01", identities=[OURS])
    if line:
        lab.zone.add("lab.test", "CAA", line.partition(" CAA ")[2])
    (after,) = await validator.check_caa([name], method="dns-01", identities=[OURS])

    assert not forbidden.permitted
    assert (forbidden.detail or "").partition("add there: ")[2] == line
    assert after.permitted is bool(line)


async def test_the_climb_reaches_the_top_label_and_not_the_root(lab: LabWorld, validator: NetworkValidator) -> None:
    """Every ancestor is asked, up to the top label; a slow answer may be asked for again."""
    await validator.check_caa(["a.b.lab.test"], method="dns-01", identities=[OURS])

    asked = dict.fromkeys(name for name, _, _ in lab.dns.asked)
    assert list(asked) == ["a.b.lab.test", "b.lab.test", "lab.test", "test"]


async def test_a_prohibition_at_the_top_label_counts(lab: LabWorld, validator: NetworkValidator) -> None:
    """A registry may restrict its whole domain."""
    lab.zone.add("test", "CAA", '0 issue ";"')

    (verdict,) = await validator.check_caa(["www.lab.test"], method="dns-01", identities=[OURS])

    assert not verdict.permitted


async def test_a_wildcard_starts_below_its_star(lab: LabWorld, validator: NetworkValidator) -> None:
    """The star itself is never asked for, and issuewild is what counts."""
    lab.zone.add("shop.lab.test", "CAA", '0 issuewild ";"')

    verdicts = await validator.check_caa(["*.shop.lab.test", "shop.lab.test"], method="dns-01", identities=[OURS])

    assert [verdict.permitted for verdict in verdicts] == [False, True]
    assert "*.shop.lab.test" not in [name for name, _, _ in lab.dns.asked]


async def test_an_alias_is_followed_at_its_own_level(lab: LabWorld, validator: NetworkValidator) -> None:
    """The set behind an alias counts for the name."""
    lab.zone.add("www.lab.test", "CNAME", "edge.cdn.example.")
    lab.zone.add("edge.cdn.example", "CAA", '0 issue ";"')

    (verdict,) = await validator.check_caa(["www.lab.test"], method="dns-01", identities=[OURS])

    assert not verdict.permitted


async def test_parents_of_an_alias_target_do_not_count(lab: LabWorld, validator: NetworkValidator) -> None:
    """RFC 8659 section 3 climbs from the name asked for, not from where its alias leads."""
    lab.zone.add("www.lab.test", "CNAME", "edge.cdn.example.")
    lab.zone.add("cdn.example", "CAA", '0 issue ";"')

    (verdict,) = await validator.check_caa(["www.lab.test"], method="dns-01", identities=[OURS])

    assert verdict.permitted


@pytest.mark.parametrize("name", ["www.lab.test", "lab.test", "test"])
@pytest.mark.parametrize("trouble", [Trouble.SERVFAIL, Trouble.DROP])
async def test_a_failed_lookup_is_never_permission(
    lab: LabWorld, validator: NetworkValidator, name: str, trouble: Trouble
) -> None:
    """A failure anywhere on the way up is an outage, also beside names that are fine."""
    lab.zone.trouble(name, trouble)

    with pytest.raises(Outage):
        await validator.check_caa(["example.com", "www.lab.test"], method="dns-01", identities=[OURS])


async def test_the_method_is_held_against_the_record(lab: LabWorld, validator: NetworkValidator) -> None:
    """A record for dns-01 forbids issuing after http-01."""
    lab.zone.add("lab.test", "CAA", f'0 issue "{OURS}; validationmethods=dns-01"')

    verdicts = [
        (await validator.check_caa(["lab.test"], method=m, identities=[OURS]))[0].permitted
        for m in ("dns-01", "http-01")
    ]

    assert verdicts == [True, False]


async def test_names_under_one_parent_share_lookups(lab: LabWorld, validator: NetworkValidator) -> None:
    """A second check of the same parents within one call asks nothing that is known."""
    await validator.check_caa([f"n{number}.lab.test" for number in range(30)], method="dns-01", identities=[OURS])

    parents = [name for name, _, _ in lab.dns.asked if name in {"lab.test", "test"}]
    assert 0 < len(parents) <= 2 * 10  # as many as look at the same time, of 30


async def test_an_impossible_name_is_invalid(validator: NetworkValidator) -> None:
    """A name that cannot stand in DNS is the caller's fault, not an outage."""
    with pytest.raises(InvalidInput):
        await validator.check_caa(["a..lab.test"], method="dns-01", identities=[OURS])


async def test_the_name_itself_is_asked_each_time() -> None:
    """What is remembered above other names counts for none that is ordered itself."""
    board = Board()
    validator = NetworkValidator(board, GuardedHttp(GuardedDialer(board)), above=RememberingResolver(board))
    await validator.check_caa(["www.lab.test"], method="dns-01", identities=[OURS])
    board.properties["lab.test"] = [record("issue", ";")]
    _, above = await validator.check_caa(["www.lab.test", "lab.test"], method="dns-01", identities=[OURS])

    assert not above.permitted
    assert board.asked == ["www.lab.test", "lab.test", "test", "www.lab.test", "lab.test"]
