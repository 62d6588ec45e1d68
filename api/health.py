"""/healthz: the process is alive. /readyz: it can serve, or what is missing."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.case import AnyServices, say
from api.problems import render
from api.schemas.model import View
from certloom.domain.errors import Outage

router = APIRouter(tags=["Health"])

_PATIENCE: Final = 3.0  # s; a probe asks again


class HealthView(View):
    """It is well."""

    status: str


@router.get("/healthz", response_model=HealthView, summary="Alive")
async def alive() -> Response:
    """Answer while the process runs; asks nobody else."""
    return say(HealthView(status="alive"))


@router.get("/readyz", response_model=HealthView, summary="Able to serve")
async def ready(services: AnyServices) -> Response:
    """Ask the database and Temporal; 503 says which of them is missing, and why."""
    found = await asyncio.gather(
        _missing("database", services.storage.ping()),
        _missing("temporal", services.client.running("cert_readyz")),
    )
    missing = [one for one in found if one]
    if not missing:
        return say(HealthView(status="ready"))
    names = " and ".join(one["name"] for one in missing)
    return render("outage", f"Not able to serve: {names} missing.", more={"missing": missing})


async def _missing(name: str, asked: Awaitable[object]) -> dict[str, str] | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            await asked
    except TimeoutError:
        return {"name": name, "detail": "No answer in time."}
    except Outage as outage:
        return {"name": name, "detail": outage.detail}
    except RuntimeError:  # a Temporal client that never connected says it so
        return {"name": name, "detail": "It cannot be reached."}
    return None
