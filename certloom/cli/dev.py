"""What `make run` on this machine says about itself, so that nothing has to be typed for it."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from certloom.cli.access import Access, read_url
from certloom.cli.faults import JSON, Misunderstood

USUAL_HOME: Final = Path("var")

Home = Annotated[Path | None, typer.Argument(metavar="HOME", help="With --dev: the folder of `make run`.")]
Dev = Annotated[bool, typer.Option("--dev", help="Take address and key from `make run` on this machine.")]
AsOperator = Annotated[bool, typer.Option("--operator", help="With --dev: as the operator.")]


def find_dev(home: Path | None, *, dev: bool, operator: bool) -> Access | None:
    """Return the access to a running `make run`; None when it is not asked for. Raises Misunderstood without one."""
    if not dev:
        if home or operator:
            raise Misunderstood("HOME and --operator belong to --dev.")
        return None
    path = (home or USUAL_HOME) / "dev.json"
    try:
        facts: JSON = json.loads(path.read_text(encoding="utf-8"))
        return Access(read_url(facts["api_url"]), facts["operator_api_key" if operator else "customer_api_key"])
    except FileNotFoundError:
        sentence = f"There is no {path}: `make run` writes it while the service runs."
        raise Misunderstood(sentence, hint="make run, or name its folder after --dev.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Misunderstood(f"{path} cannot be read, or was not written by `make run`.") from None
