"""What an archive or a user's table says about a record beyond its file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hemometric.ecg import Ecg, Sex

OLDEST_YEARS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts about one record; None where unknown, never guessed.

    Attributes:
        patient_id: Unique over all archives ("ptb-xl:15709").
        age_years: At acquisition.
        sex: "female" or "male".
        acquired_at: ISO 8601, local time.
        notes: What had to be assumed, one sentence each.
    """

    patient_id: str | None = None
    age_years: float | None = None
    sex: Sex | None = None
    acquired_at: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatheterValue:
    """A catheter value of a target that we know, as an archive writes it beside a record; nothing is converted.

    Attributes:
        target: Name of the target ("mpcwp").
        text: The value as written ("4,91").
        value: The number that `text` says, or None where it says none.
        unit: As written ("l/min"), "" where none is.
        measured_at: ISO 8601, a date or a date with time, by the clock of the ECGs; None where unknown.
        method: How it was measured, or the name of the field.
    """

    target: str
    text: str
    value: float | None
    unit: str
    measured_at: str | None
    method: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A public archive that lies at some place.

    Attributes:
        name: As on the command line ("ptb-xl").
        root: Its folder.
        lookup: From the path of a record to its facts; can be sent to another process.
        tables: Files that say who the patients are; a store remembers their hashes.
        mend: From the path of a record and what was read of it to what is right, where files of the archive are known
            to be wrong; None where none are. It is sent to other processes, so it must be small.
        repairs: What `mend` does to waveforms, one sentence, for the provenance of a store.
        labels: From the path of a record to the catheter values that come with it; None where the archive has none. It
            raises `ReadError` where what holds them is damaged.
        remark: What whoever uses the store has to know, one sentence; "" where there is nothing.
    """

    name: str
    root: Path
    lookup: Callable[[Path], Facts]
    tables: tuple[Path, ...] = ()
    mend: Callable[[Path, Ecg], Ecg] | None = None
    repairs: str | None = None
    labels: Callable[[Path], tuple[CatheterValue, ...]] | None = None
    remark: str = ""

    def facts(self, record: Path) -> Facts:
        """Return what the archive says about the record at `record`; everything None where it says nothing."""
        return self.lookup(record)
