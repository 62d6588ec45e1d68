"""Where on a page the faults of a form are told: each beside its field, the rest above all of them."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from certloom.domain.errors import FieldFault


class Marks(NamedTuple):
    """Sentences by the name of their field, and those that belong to none."""

    beside: Mapping[str, list[str]]
    above: list[str]


def mark(faults: Iterable[FieldFault], fields: Collection[str]) -> Marks:
    """Find for each fault the field that it points at or into; `/settings/host` is the field `settings.host`."""
    marks = Marks({}, [])
    for fault in faults:
        parts = fault.pointer.strip("/").split("/")
        heads = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        name = next((head for head in heads if head in fields), None)
        kept = marks.above if name is None else marks.beside.setdefault(name, [])  # type: ignore[attr-defined]
        kept.append(fault.detail)
    return marks
