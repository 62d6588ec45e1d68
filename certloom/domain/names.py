"""DNS names as customers type them, and the A-labels we certify. (Being written.)"""

from collections.abc import Collection, Sequence

from certloom.domain.errors import FieldFault


def read_names(
    typed: Sequence[str], *, internal_suffixes: Collection[str] = ()
) -> tuple[tuple[str, ...], tuple[FieldFault, ...]]:
    """Return the A-labels of the good names, in order, and one fault per bad name (pointer /names/<index>)."""
    raise NotImplementedError
