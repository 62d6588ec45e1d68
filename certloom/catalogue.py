"""Reads what is on sale: the catalogue we ship, or the file that CERTLOOM_CATALOGUE_FILE names."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from certloom.domain.product import Catalogue, Level, NameMode, Product
from certloom.settings import BadSetting

SHIPPED: Final = Path(__file__).with_name("catalogue.json")


def read_catalogue(path: Path | None, *, issuers: Sequence[str]) -> Catalogue:
    """Read and check a catalogue; the same file may be read by any number of processes.

    `issuers` are the names that products may use. Raises BadSetting with one sentence: the file, the JSON path
    (RFC 6901) of the first fault, and what is wrong there.
    """
    file = path or SHIPPED
    try:
        catalogue = Catalogue.model_validate(_read_json(file))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        pointer = "".join(f"/{part}" for part in fault["loc"])
        raise _bad(file, pointer, fault["msg"].removeprefix("Value error, ")) from None
    for index, product in enumerate(catalogue.items):
        _check(file, f"/items/{index}", product, issuers=issuers)
    _check_ids(file, catalogue)
    return catalogue


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(f"The catalogue {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadSetting(f"The catalogue {file} is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        raise BadSetting(f"The catalogue {file} is not JSON: {error.msg} in line {error.lineno}.") from error


def _check(file: Path, pointer: str, product: Product, *, issuers: Sequence[str]) -> None:
    if product.issuer not in issuers:
        known = ", ".join(issuers)
        raise _bad(file, f"{pointer}/issuer", f"{product.issuer!r} is no issuer here; there is {known}")
    if product.name_mode is not NameMode.MULTI_DOMAIN and product.max_names > 1:
        raise _bad(file, f"{pointer}/max_names", f"only a multi_domain product covers {product.max_names} names")
    # CA/Browser Forum, EV Guidelines: no wildcard names outside .onion, which we do not sell.
    if product.level is Level.EV and (product.wildcards or product.name_mode is NameMode.WILDCARD):
        raise _bad(file, f"{pointer}/wildcards", "an EV certificate may not hold wildcard names")
    if product.addresses and product.level is not Level.DV:
        raise _bad(
            file, f"{pointer}/addresses", f"only DV products cover IP addresses, and this one is {product.level}"
        )
    if product.addresses and product.name_mode is NameMode.WILDCARD:
        raise _bad(
            file, f"{pointer}/addresses", "a wildcard product covers no IP addresses; make it single or multi_domain"
        )


def _check_ids(file: Path, catalogue: Catalogue) -> None:
    if not catalogue.items:
        raise _bad(file, "/items", "list at least one product")
    seen: set[str] = set()
    for index, product in enumerate(catalogue.items):
        if product.id in seen:
            raise _bad(file, f"/items/{index}/id", f"{product.id!r} is used twice")
        seen.add(product.id)


def _bad(file: Path, pointer: str, why: str) -> BadSetting:
    return BadSetting(f"The catalogue {file} is wrong at {pointer or '/'}: {why.rstrip('.')}.")
