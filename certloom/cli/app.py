"""The command line: which commands there are, and how every one of them ends."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import typer

from certloom.cli import (
    account,
    application,
    certificates,
    console,
    deployments,
    download,
    issuers,
    login,
    purchase,
    renewal,
    revocation,
    targets,
    uploads,
    zones,
)
from certloom.cli.faults import EXIT_CODES, Failure, Interrupted, Misunderstood, Unreachable
from certloom.cli.screen import Screen

_SECTIONS: Final[Mapping[str, Sequence[tuple[str, Callable[..., None]]]]] = {
    "Begin": (
        ("login", login.login),
        ("logout", login.logout),
        ("console", console.console),
        ("products", purchase.products),
        ("buy", purchase.buy),
    ),
    "Prove": (
        ("apply", application.apply),
        ("check", application.check),
        ("withdraw", application.withdraw),
        ("delegation", zones.delegation),
    ),
    "Look": (
        ("list", certificates.list_certificates),
        ("status", certificates.status),
        ("events", certificates.events),
    ),
    "Use": (
        ("download", download.download),
        ("deploy", deployments.deploy),
        ("rollback", deployments.rollback),
        ("renew", renewal.renew),
        ("replace", renewal.replace),
        ("upload", uploads.upload),
    ),
    "End": (("cancel", purchase.cancel), ("revoke", revocation.revoke), ("delete", revocation.delete)),
}


def application_of(*, terminal: bool) -> typer.Typer:
    """Build the commands; help is drawn with frames on a *terminal*, and plain elsewhere."""
    app = typer.Typer(
        name="certloom",
        help="TLS certificates from purchase to deletion, by the service's HTTP API.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if terminal else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for section, commands in _SECTIONS.items():
        for name, command in commands:
            app.command(name, epilog=EXIT_CODES, rich_help_panel=section)(command)
    app.add_typer(targets.app, name="targets", rich_help_panel="More")
    app.add_typer(zones.app, name="zones", rich_help_panel="More")
    app.add_typer(account.app, name="account", rich_help_panel="More")
    app.command("issuers", epilog=EXIT_CODES, rich_help_panel="More")(issuers.issuers)
    return app


def main() -> None:
    """Run one command and exit; what went wrong is told in a sentence, never in a traceback."""
    end: Failure
    try:
        _require_text(sys.argv)
        application_of(terminal=sys.stdout.isatty())(prog_name="certloom")
    except Failure as failure:
        end = failure
    except SystemExit as stop:
        if stop.code != Interrupted.exit_code:
            raise
        end = Interrupted("Interrupted.")
    except KeyboardInterrupt:  # outside of any command's own waiting
        end = Interrupted("Interrupted.")
    except UnicodeError:
        end = Misunderstood("What was read is no text in UTF-8.")
    except Exception as error:  # noqa: BLE001 - a view of another shape, which only another version of the service sends
        end = Unreachable(
            f"The service answers in another way than this certloom expects ({type(error).__name__}: {error}).",
            hint="Look whether both are of one version.",
        )
    Screen().failed(end)
    sys.exit(end.exit_code)


def _require_text(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no UTF-8: they can be sent nowhere."""
    for argument in arguments:
        argument.encode()
