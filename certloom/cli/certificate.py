"""One certificate as it is shown: its facts, what it waits for, and what a person may do next."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from certloom.cli.faults import JSON
from certloom.cli.screen import Cell, Progress
from certloom.cli.session import Session
from certloom.cli.words import clock, counted, listed, moment, money, plain, read_moment, relative

STYLES: Final[Mapping[str, str]] = {
    "issued": "green",
    "pending_verification": "yellow",
    "paid": "cyan",
    "awaiting_payment": "yellow",
    "revoked": "red",
    "expired": "red",
}
_WAITS: Final[Mapping[str, str]] = {
    "payment": "cancelled unless it is paid",
    "application": "refunded by itself unless you apply",
    "proof": "next look for the proof",
    "review": "an operator reviews it until",
    "proof_for_renewal": "the next renewal needs the proof again",
    "renewal": "renewed by itself",
    "reminder": "reminded of the end",
    "expiry": "expires",
    "deployment": "deployed again",
    "outage": "tried again",
    "limit": "waits for the issuer's limits",
    "attention": "waits for an operator",
    "deletion": "nothing left but to delete it",
    "work": "at work",
}
_SHORT: Final = 13  # characters: `cert_` and 40 bits, which no other certificate has
_RENEWALS: Final[Mapping[str, str]] = {
    "plan_ends_first": "none: the plan ends first",
    "uploaded": "none: it was uploaded",
}


def path_of(view: JSON) -> str:
    """Return the address of a certificate."""
    return f"/v1/certificates/{view['id']}"


def short(certificate_id: str) -> str:
    """Return the beginning of an id, which is enough to name it again."""
    return certificate_id[:_SHORT]


def called(view: JSON) -> str:
    """Name it in a sentence."""
    return str(view["label"] or listed(view["names"], most=1) or view["id"])


def status_of(view: JSON) -> tuple[str, str]:
    """Return status and phase, coloured."""
    doing = "" if view["phase"] == "idle" else f", {plain(view['phase'])}"
    return f"{plain(view['status'])}{doing}", STYLES.get(view["status"], "")


def under_way(view: JSON) -> bool:
    """Whether something runs that has an end: a step, a look for the proof, a deployment."""
    deploying = any(one["deployment_id"] for one in view["placements"])
    return view["phase"] not in ("idle", "reviewing") or deploying or view["status"] == "awaiting_payment"


def show(session: Session, view: JSON) -> None:
    """Tell all that is known."""
    tell, now = session.screen.fact, session.now()
    tell("certificate", (str(view["id"]), "bold"))
    tell("label", str(view["label"] or ""))
    tell("product", view["product"]["title"] if view["product"] else "brought from elsewhere")
    tell("names", listed(view["names"], most=20))
    tell("status", status_of(view))
    for label, value in (*_leaf(view, now), *_money(view, now), *_placements(view, now), *_troubles(view, now)):
        tell(label, value)
    show_challenges(session, view)


def show_challenges(session: Session, view: JSON) -> None:
    """Tell what to publish for every name that is not proven yet, and what was seen there instead."""
    screen, application = session.screen, view["application"]
    waiting = [one for one in application["challenges"] if one["published_by"]] if application else []
    for one in waiting:
        if one["state"] == "proven":
            screen.good(f"{one['name']} is proven.")
            continue
        if one["published_by"] == "service":
            screen.say(f"The proof of {one['name']} is published for you; there is nothing to do.", "bold")
        else:
            screen.say(f"To prove {one['name']}, publish this {'DNS record' if one['record'] else 'file'}:", "bold")
            for label, value in _proof(one):
                screen.copyable(f"  {label}", value)
        screen.fact("  last look", look_of(one))
    if waiting and view["phase"] == "proving":
        screen.fact("open until", moment(application["deadline"], session.now()))


def look_of(challenge: JSON) -> str:
    """Say what the last look found and when the next one is."""
    found = "" if challenge["seen"] is None else f"saw {challenge['seen']}"
    words = ": ".join(filter(None, (found, challenge["error"])))
    following = f"next look at {clock(challenge['next_look_at'])}" if challenge["next_look_at"] else ""
    return "; ".join(filter(None, (words.rstrip("."), following))) or "not looked for yet"


def follow(session: Session, view: JSON, *, done: Callable[[JSON], bool], start: str) -> JSON:
    """Follow a certificate until it is *done*, telling how far it is; *start* is told first."""
    return session.follow(
        lambda: session.service.get(path_of(view)),
        done=done,
        tell=lambda now, progress: _tell_progress(session, now, progress),
        start=start,
        hint=f"certloom status {short(view['id'])} --watch",
    )


def _tell_progress(session: Session, view: JSON, progress: Progress) -> None:
    """Tell in lines how far it is."""
    text, _ = status_of(view)
    if view["phase"] != "proving" or view["application"] is None:
        progress.tell(f"{called(view)}: {text}", ticking=_ticking(session, view))
        return
    open_ones = [one for one in view["application"]["challenges"] if one["state"] != "proven"]
    lines = [f"{one['name']}: {look_of(one)}" for one in open_ones]
    progress.tell(
        *lines, f"{called(view)}: looking for {counted(len(open_ones), 'proof')}", ticking=_ticking(session, view)
    )


def next_for(view: JSON) -> tuple[str, ...]:
    """Return the commands that make sense now."""
    at = short(view["id"])
    first = next(iter(view["names"]), "NAME")
    checks = (f"certloom check {at}",) if "check_now" in view["allowed_actions"] else ()
    commands = {
        "awaiting_payment": (f"certloom status {at} --watch",),
        "paid": (f"certloom apply {at} {first}",),
        "pending_verification": (*checks, f"certloom status {at} --watch"),
        "issued": (f"certloom download {at} --format nginx", f"certloom deploy {at} TARGET"),
        "expired": ("certloom products", f"certloom delete {at}"),
        "revoked": (f"certloom delete {at}",),
        "cancelled": ("certloom products", f"certloom delete {at}"),
    }
    return commands.get(view["status"], ("certloom list",))


def _leaf(view: JSON, now: datetime) -> Iterator[tuple[str, Cell]]:
    leaf, renewal = view["issuance"], view["renewal"]
    if leaf is None:
        return
    style = {"valid": "green", "expiring": "yellow", "lapsed": "red"}.get(str(view["validity"]), "")
    yield "valid until" if view["validity"] else "not after", (moment(leaf["not_after"], now), style)
    yield "issuance", f"number {leaf['number']}, {leaf['key_type']}, by {leaf['issuer']}"
    yield "serial", leaf["serial"]
    yield "SHA-256", leaf["fingerprint_sha256"]
    if renewal["next_at"]:
        yield "renewal", moment(renewal["next_at"], now)
    else:
        yield "renewal", _RENEWALS.get(renewal["why"], "")
    yield "last renewal", (str(renewal["last_error"] or ""), "yellow")


def _money(view: JSON, now: datetime) -> Iterator[tuple[str, Cell]]:
    payment, plan, refund = view["payment"], view["plan"], view["refund"]
    if payment:
        yield "payment", f"{money(payment['amount'])} by {plain(payment['method'])}, {plain(payment['state'])}"
    if plan and plan["ends_at"]:
        yield "plan until", moment(plan["ends_at"], now)
    if refund["state"] in ("pending", "done"):
        yield "refund", f"{money(refund['amount'])}, {plain(refund['state'])}"
    if view["revocation"]:
        yield "revoked", f"{plain(view['revocation']['reason'])}, {moment(view['revocation']['revoked_at'], now)}"


def _placements(view: JSON, now: datetime) -> Iterator[tuple[str, Cell]]:
    for one in view["placements"]:
        words = [f"number {one['proven']} was proven there" if one["proven"] else "nothing proven there yet"]
        words += [f"deploying as {one['deployment_id']}"] if one["deployment_id"] else []
        words += [f"tried again {moment(one['retry_at'], now)}"] if one["retry_at"] else []
        words += [f"something else was served {moment(one['drifted_at'], now)}"] if one["drifted_at"] else []
        words += [str(one["last_error"])] if one["last_error"] else []
        yield "target", f"{one['target_id']}: {'; '.join(words)}"


def _troubles(view: JSON, now: datetime) -> Iterator[tuple[str, Cell]]:
    if view["attention"]:
        yield "attention", (f"{plain(view['attention']['step'])} needs an operator: {view['attention']['why']}", "red")
    if delay := view["delay"]:
        waits = "waits for the issuer's limits" if delay["limit"] else "is delayed"
        sentence = f"{plain(delay['step'])} {waits} since {moment(delay['since'], now)}: {delay['why']}"
        yield "delay", (sentence, "yellow")
        yield "tried again", moment(delay["until"], now)
    elif view["status"] != "deleted":
        wake = view["next_wake"]
        when = moment(wake["at"], now) if wake["at"] else ""
        yield "what next", f"{_WAITS.get(wake['why'], plain(wake['why']))} {when}".strip()
    yield "possible", ", ".join(plain(action) for action in view["allowed_actions"])


def _proof(challenge: JSON) -> Iterator[tuple[str, str]]:
    record, file = challenge["record"], challenge["file"]
    if record:
        yield from (("name", record["name"]), ("type", record["type"]), ("value", record["value"]))
    if file:
        yield from (("address", file["url"]), ("content", file["content"]))


def _ticking(session: Session, view: JSON) -> str:
    at, now = read_moment(view["next_wake"]["at"]), session.now()
    if at is None:
        return ""
    what = "next look" if view["phase"] == "proving" else plain(view["next_wake"]["why"])
    return f"({what} {relative(at, now) if at > now else 'any moment'})"
