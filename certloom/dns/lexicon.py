"""Vendors' APIs by the dns-lexicon package, an extra: certloom[dns].

Its client class is passed over: it would fetch a list of suffixes to guess the zone, which is known here. Nothing is
read from the environment, and no text of its errors is shown, because addresses with keys in them are among those.
"""

import asyncio
import functools
import importlib
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

from certloom.dns.interface import DnsBusy, DnsOutage, DnsRefused
from certloom.domain.zone import LexiconCredentials, lies_in

DEADLINE: Final = 25.0
"""Seconds for one call; less than DnsProvider promises."""

TTL: Final = 120  # vendors round it up to what they allow

MOST_CALLS: Final = 8
"""Calls at one vendor by one process at a time, so that one that is slow holds up no other's."""

TIME_LIMIT: Final = (10.0, 20.0)
"""Seconds to connect and for an answer, where a module of the package sets none; or a thread might never end."""

_calls: Final[dict[str, threading.BoundedSemaphore]] = defaultdict(lambda: threading.BoundedSemaphore(MOST_CALLS))
_LOOK_AGAIN: Final = 0.05  # seconds

_turns: Final[WeakValueDictionary[tuple[str, str], threading.Lock]] = WeakValueDictionary()


class LexiconProvider:
    """Implements DnsProvider for one zone at one vendor. *vendor* and options were checked against VENDOR_OPTIONS."""

    def __init__(self, zone: str, vendor: str, credentials: LexiconCredentials, *, deadline: float = DEADLINE) -> None:
        self._zone = zone
        self._vendor = vendor
        self._credentials = credentials
        self._deadline = deadline

    async def present(self, record_name: str, value: str) -> None:
        """See DnsProvider."""
        await self._do(record_name, lambda vendor: vendor.create_record("TXT", record_name, value))

    async def clean_up(self, record_name: str, value: str) -> None:
        """See DnsProvider."""

        def take_away(vendor: Any) -> None:
            # Asked first, because some vendors call it a fault to delete what is not there.
            if vendor.list_records("TXT", record_name, value):
                vendor.delete_record(None, "TXT", record_name, value)

        await self._do(record_name, take_away)

    async def _do(self, record_name: str, act: Callable[[Any], object]) -> None:
        if not lies_in(record_name, self._zone):
            raise DnsRefused(f"{record_name} does not lie in the zone {self._zone}.")
        options = {name: value.get_secret_value() for name, value in self._credentials.options.items()}
        release: Callable[[], None] | None = None
        try:
            async with asyncio.timeout(self._deadline):
                release = await _turn(self._vendor, self._zone)
                await _in_thread(lambda: _call(self._vendor, self._zone, options, act), release)
        except TimeoutError:
            if release is None:
                raise DnsBusy(f"Too many calls to {self._vendor} are under way here; this one comes again.") from None
            raise DnsOutage(f"{self._vendor} did not answer within {self._deadline:g} s.") from None
        except (DnsRefused, DnsOutage):
            raise
        except Exception as error:  # noqa: BLE001 - the package raises whatever its 90 vendors' modules do
            raise _translated(self._vendor, self._zone, error) from None


def _call(vendor: str, zone: str, options: Mapping[str, str], act: Callable[[Any], object]) -> None:
    try:
        module = importlib.import_module(f"lexicon._private.providers.{vendor}")
        config = importlib.import_module("lexicon.config").ConfigResolver()
    except ImportError as error:
        raise DnsRefused("This service was installed without the extra for DNS vendors (certloom[dns]).") from error
    chosen = {"provider_name": vendor, "domain": zone, "ttl": TTL, vendor: dict(options)}
    _set_time_limit()
    provider = module.Provider(config.with_dict(chosen))
    provider.authenticate()
    try:
        act(provider)
    finally:
        provider.cleanup()


def _translated(vendor: str, zone: str, error: Exception) -> DnsRefused | DnsOutage:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if type(error).__name__ == "AuthenticationError" or status in {401, 403}:
        return DnsRefused(
            f"{vendor} refused the credentials for the zone {zone}, or does not have that zone in this account."
        )
    if isinstance(status, int) and 400 <= status < 500 and status != 429:
        return DnsRefused(f"{vendor} refused the change in the zone {zone} with status {status}.")
    why = f"status {status}" if isinstance(status, int) else type(error).__name__
    return DnsOutage(f"{vendor} could not carry the change out in the zone {zone} ({why}).")


async def _in_thread(work: Callable[[], None], release: Callable[[], None]) -> None:
    """Do blocking work in a thread of its own that holds up neither the loop nor the end of the process.

    *release* is called when the work ends, which may be after its caller has gone.
    """
    loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def tell(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        failure: BaseException | None = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - handed to who waits
            failure = error
        finally:
            release()
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, failure)

    threading.Thread(target=run, name="dns vendor", daemon=True).start()
    await done


async def _turn(vendor: str, zone: str) -> Callable[[], None]:
    """Wait for a free call at the vendor, and for the zone: many vendors lose one of two changes at the same time.

    Returns what gives both back.
    """
    turn = _turns.setdefault((vendor, zone), threading.Lock())
    calls = _calls[vendor]
    while not _both(turn, calls):  # noqa: ASYNC110 - a thread gives them back
        await asyncio.sleep(_LOOK_AGAIN)

    def release() -> None:
        calls.release()
        turn.release()

    return release


def _both(turn: threading.Lock, calls: threading.BoundedSemaphore) -> bool:
    """Take both, or neither."""
    if not turn.acquire(blocking=False):
        return False
    if calls.acquire(blocking=False):
        return True
    turn.release()
    return False


def _set_time_limit() -> None:
    """Limit every request that sets no time itself, once for the process; ours all set theirs."""
    sessions: Any = importlib.import_module("requests").Session
    plain = sessions.request
    if getattr(plain, "limited", False):
        return

    @functools.wraps(plain)
    def request(self: Any, *given: Any, **named: Any) -> Any:
        if named.get("timeout") is None:
            named["timeout"] = TIME_LIMIT
        return plain(self, *given, **named)

    request.limited = True  # type: ignore[attr-defined]
    sessions.request = request
