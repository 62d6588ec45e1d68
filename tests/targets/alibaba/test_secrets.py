"""Both signature styles put the private key into the URL: nothing of it comes out in logs, output or exceptions."""

import asyncio
import logging
import traceback
from urllib.parse import quote, quote_plus

import pytest

from certloom.domain.errors import Outage
from certloom.targets.alibaba_errors import plain
from certloom.targets.alibaba_forms import pair_of
from certloom.targets.interface import Material, Standing, TargetRefused
from tests.targets.alibaba.endpoint import Trouble
from tests.targets.alibaba.world import SECRET, World
from tests.targets.pairs import pair

NAME = "www.example.com"
ONE = pair(NAME, 1)


def _secrets(material: Material) -> set[str]:
    """Pieces of the key in every form in which it may be written, and the access key's secret."""
    bodies = "".join(
        line for text in (material.key_pem, pair_of(material).key) for line in text.splitlines() if "-" not in line
    )
    pieces = {bodies[at : at + 16] for at in range(0, len(bodies) - 16, 8)}
    return {SECRET} | pieces | {quote(one) for one in pieces} | {quote_plus(quote_plus(one)) for one in pieces}


def _shown(error: BaseException) -> str:
    """All that a log or a report could say of an exception, with what hangs on it."""
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    linked = [one for one in (error.__cause__, error.__context__) if one is not None]
    return text + "".join(_shown(one) for one in linked)


async def _install(world: World, **more: object) -> None:
    await world.cdn(NAME, **more).install(ONE, before=Standing())


@pytest.mark.parametrize("old", [False, True])
async def test_nothing_secret_is_logged(
    balanced: World,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    old: bool,
) -> None:
    """With every logger, asyncio's debug mode and the SDK's own debug switch on, no piece of the key is written."""
    monkeypatch.setenv("DEBUG", "sdk")
    for name in [None, *list(logging.root.manager.loggerDict)]:
        caplog.set_level(logging.DEBUG, logger=name)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration, usual = 0.0, loop.slow_callback_duration
    try:
        await _install(balanced, old=old)
        await balanced.slb(old=old).install(ONE, before=Standing())
        balanced.endpoint.script("DescribeServerCertificates", Trouble(cut_off=True))
        with pytest.raises(Outage):
            await balanced.slb(old=old).install(pair(NAME, 2), before=Standing())
    finally:
        loop.set_debug(False)
        loop.slow_callback_duration = usual
    written = caplog.text + "".join(capfd.readouterr())
    assert caplog.records, "asyncio's debug mode logs slow callbacks, so capturing works"
    assert not [one for one in _secrets(ONE) if one in written]


LEAKS = {
    "refused": Trouble(
        "InvalidParameter", message="bad: -----BEGIN PRIVATE KEY-----\nKEY\n-----END PRIVATE KEY----- x"
    ),
    "echoed": Trouble("SignatureDoesNotMatch", message="server string to sign is:POST&%2F&Key%3DKEY"),
    "encoded": Trouble("InvalidParameter", message="Key=" + "KEY"),
    "busy": Trouble("ServiceBusy", 403, message="KEY"),
    "cut off": Trouble(cut_off=True),
    "hanging": Trouble(hang=True),
}


@pytest.mark.parametrize("how", LEAKS)
@pytest.mark.parametrize("old", [False, True])
async def test_no_exception_carries_the_key(world: World, how: str, *, old: bool) -> None:
    """Whatever goes wrong with the call that carries the key, neither the exception nor what hangs on it shows it."""
    key = pair_of(ONE).key
    message = LEAKS[how].message.replace("KEY", quote_plus(key) if "%" in LEAKS[how].message else key.replace("\n", ""))
    trouble = Trouble(**{**vars(LEAKS[how]), "message": message})
    world.endpoint.script("UploadUserCertificate", trouble)
    with pytest.raises((TargetRefused, Outage)) as caught:
        await _install(world, old=old, read=0.1 if how == "hanging" else None)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not [one for one in _secrets(ONE) if one in _shown(caught.value)]


def test_sentences_are_cleaned_and_cut() -> None:
    """PEM, signed strings and lumps of encoding are cut out, lines are joined, and length is bounded."""
    assert plain("a\nb  -----BEGIN X-----\nAAAA\n-----END X-----\nc.") == "a b [...] c"
    assert plain("No match. Server string to sign is: POST&x") == "No match. [...]"
    assert plain(f"key {'A' * 41} end") == "key [...] end"
    assert len(plain("word " * 200)) <= 300
