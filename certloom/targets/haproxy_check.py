"""What can be told about a HAProxy slot without changing anything."""

from collections.abc import Sequence

from certloom.domain.errors import CertloomError
from certloom.targets.haproxy_api import Status
from certloom.targets.haproxy_files import SlotFiles
from certloom.targets.haproxy_memory import SlotMemory
from certloom.targets.interface import Finding
from certloom.targets.threads import to_the_end


async def findings(memory: SlotMemory, files: SlotFiles | None) -> Sequence[Finding]:
    """Return findings about `address` or `socket`, `level`, `file`, `crt_list`, `folder`; raises nothing."""
    found = [] if files is None else [await to_the_end(_folder, files)]
    code = "address" if files is None else "socket"
    try:
        level = await memory.api.level()
        found.append(Finding(what=code, works=True, detail=f"{memory.api.where} answers."))
        found.append(_level(memory, level))
        if level == "admin":
            found += await _place(memory)
    except CertloomError as error:
        found.append(Finding(what=code, works=False, detail=error.detail))
    return found


def _level(memory: SlotMemory, level: str) -> Finding:
    if level == "admin":
        return Finding(what="level", works=True, detail="It lets us change certificates.")
    return Finding(
        what="level", works=False, detail=f"{memory.api.where} has `level {level}`; certificates need `level admin`."
    )


async def _place(memory: SlotMemory) -> Sequence[Finding]:
    held, bound = await memory.held(), await memory.bound()
    if held.status is Status.USED:
        file = Finding(what="file", works=True, detail=f"HAProxy serves {memory.path}.")
    elif memory.crt_list:
        file = Finding(what="file", works=True, detail=f"HAProxy does not serve {memory.path} yet; we will add it.")
    else:
        file = Finding(
            what="file",
            works=False,
            detail=f"HAProxy serves nothing from {memory.path}: name the file in its configuration, "
            "or give this target a crt_list.",
        )
    if not bound:
        return [file]
    is_loaded = bound != "no_such_list"
    said = "HAProxy has loaded" if is_loaded else "HAProxy's configuration must name, and does not,"
    return [file, Finding(what="crt_list", works=is_loaded, detail=f"{said} the crt-list {memory.crt_list}.")]


def _folder(files: SlotFiles) -> Finding:
    why = files.unusable()
    return Finding(what="folder", works=why is None, detail=why or f"We may write {files.file}.")
