"""How files spell the names of leads, and which channels of a file make a 12-lead ECG."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.errors import ReadError

SCP_LEADS = {1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6"} | {
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
}
"""Lead numbers of SCP-ECG (EN 1064), which DICOM uses too ("5.6.3-9-61", and "2:61" in ISO/IEEE 11073-10101)."""

_SPELLINGS = {lead.casefold(): lead for lead in LEADS} | {"di": "I", "dii": "II", "diii": "III"}
_PREFIX = re.compile(r"(?:(?:mdc|ecg|ekg)[\s_:-]+|lead[\s_:-]*)+", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:\s*\(.*\)|,.*)$", re.DOTALL)
_NUMBER = re.compile(r"(?:5\.6\.3-9-|2:)(\d+)")


@lru_cache(maxsize=1024)  # the files of an archive spell alike, and there are twelve in each
def name_lead(text: str) -> str | None:
    """Return the lead of `LEADS` that a file means by `text`, or None for any other channel.

    Case, a prefix ("Lead I", "ECG_lead_V1", "MDC_ECG_LEAD_aVR") and an explanation ("Lead I (Einthoven)") do not
    matter. Frank leads (vx, vy, vz), right-sided leads (V4R), derived leads and pressures are other channels.

    >>> name_lead("avr"), name_lead("MDC_ECG_LEAD_V1"), name_lead("vx")
    ('aVR', 'V1', None)
    """
    bare = _SUFFIX.sub("", text.strip())
    prefix = _PREFIX.match(bare)
    bare = bare[prefix.end() :] if prefix else bare
    return _SPELLINGS.get(bare.strip().casefold())


def name_coded_lead(code: str) -> str | None:
    """Return the lead of `LEADS` that a DICOM code means ("5.6.3-9-1", "2:61", "MDC_ECG_LEAD_I"), or None."""
    number = _NUMBER.fullmatch(code.strip())
    return SCP_LEADS.get(int(number.group(1))) if number else name_lead(code)


def choose_channels(path: Path, leads: Sequence[str | None]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Choose the channels that make a 12-lead ECG.

    Args:
        path: The file, for the error.
        leads: What each channel of the file is, as `name_lead` says; None where it is no lead of a 12-lead ECG.

    Returns:
        Either all of `LEADS` or, when the file holds exactly these, `INDEPENDENT_LEADS`; and the channel of each.

    Raises:
        ReadError: A lead occurs twice ("duplicate-leads"), or the leads are neither all twelve nor exactly the eight
            independent ones ("wrong-leads").
    """
    counts = Counter(lead for lead in leads if lead is not None)
    twice = [lead for lead in LEADS if counts[lead] > 1]
    if twice:
        reason = f"lead {', '.join(twice)} occurs more than once; which one is meant cannot be known"
        raise ReadError(path, reason, code="duplicate-leads")
    for wanted in (LEADS, INDEPENDENT_LEADS):
        if counts.keys() == set(wanted):
            return wanted, tuple(leads.index(lead) for lead in wanted)
    found = [lead for lead in LEADS if lead in counts]
    missing = [lead for lead in LEADS if lead not in counts]
    raise ReadError(
        path,
        f"expected the 12 leads, or exactly I, II, V1-V6; found {', '.join(found) or 'none of them'}; "
        f"missing {', '.join(missing)}",
        code="wrong-leads",
    )
