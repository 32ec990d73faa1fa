"""Patient ids that may be one id written in several ways, so that one patient would count as several."""

import re
import unicodedata
from collections.abc import Iterable

_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_UNSEEN = "Cf"
"""Unicode category of marks that nobody sees, such as that at the beginning of a file."""


def find_alike(patient_ids: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Find ids that differ only in capitals, blanks, leading zeros or the way in which a letter is encoded.

    They are not taken for one patient: "0815" and "815" may be two people. Who knows it says so in a table.

    Args:
        patient_ids: Repeats are welcome.

    Returns:
        Groups of two or more, each sorted, in the order of their first ids.

    Example:
        >>> find_alike(["0815", "abc", "815", "ABC", "xyz"])
        (('0815', '815'), ('ABC', 'abc'))
    """
    groups: dict[str, list[str]] = {}
    for patient in sorted(set(patient_ids)):
        groups.setdefault(_simplify(patient), []).append(patient)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _simplify(patient: str) -> str:
    if not patient.isascii():
        patient = unicodedata.normalize("NFKC", patient)
        patient = "".join(sign for sign in patient if unicodedata.category(sign) != _UNSEEN)
    return _LEADING_ZEROS.sub("", "".join(patient.casefold().split()))
