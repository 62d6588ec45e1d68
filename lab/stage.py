"""What a story plays on: a service of its own, and what stands beside it; all of it ends with the block."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from certloom.settings import PREFIX
from lab.customer import Customer
from lab.places import Places
from lab.story import NAME, Story
from lab.story_deploy import DeployStory
from lab.story_life import LifeStory
from lab.telling import Teller
from workers.dev import DevStack


class Stage(NamedTuple):
    """A running service, and the story that is not told yet."""

    stack: DevStack
    story: LifeStory


@contextlib.contextmanager
def with_servers(console: Console, teller: Teller, home: Path, programs: Sequence[str]) -> Iterator[Stage]:
    """Start servers and a service that may deploy to them."""
    with ExitStack() as running:
        places = Places(home / "servers", NAME, programs=programs)
        running.callback(places.stop)
        with teller.step("A service starts, and servers"):
            with teller.waiting("Temporal, database, private CA, workers, API, lab and three servers"):
                places.start()
                stack = started(running, console, home, {"TARGETS_FILE": str(places.targets_file or "")})
            tell_addresses(teller, stack, servers=", ".join(place.title for place in places.all))
        customer, operator = customers(running, stack)
        yield Stage(stack, Story(teller, customer, DeployStory(teller, customer, operator, places)))


def started(running: ExitStack, console: Console, home: Path, settings: Mapping[str, str]) -> DevStack:
    """Start a service that ends with the block, without the settings of other copies."""
    stack = DevStack(home, env=_own_settings(settings))
    running.callback(_stop, console, stack)
    stack.start()
    return stack


def customers(running: ExitStack, stack: DevStack) -> tuple[Customer, Customer]:
    """Return its customer and its operator."""
    lives, facts = (stack.home / "dev.json").exists, stack.facts  # the service removes it when it stops
    both = [Customer(facts["api_url"], facts[f"{who}_api_key"], serves=lives) for who in ("customer", "operator")]
    for one in both:
        running.callback(one.close)
    return both[0], both[1]


def tell_addresses(teller: Teller, stack: DevStack, **more: object) -> None:
    """Tell where everything is."""
    teller.fact("API", stack.facts["api_url"])
    teller.fact("Temporal UI", stack.facts["temporal_ui_url"])
    for label, value in more.items():
        teller.fact(label, value)
    teller.fact("folder", stack.home)


def _stop(console: Console, stack: DevStack) -> None:
    if stack.facts and console.is_terminal:
        with console.status("the service stops", spinner="dots"):
            stack.stop()
    else:
        stack.stop()


def _own_settings(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Forget the settings of other copies, but for the Temporal CLI's place, which is this machine's; say ours."""
    found = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    kept = {name: value for name, value in found.items() if name == f"{PREFIX}TEMPORAL_CLI"}
    return {**kept, **{f"{PREFIX}{name}": value for name, value in settings.items()}}
