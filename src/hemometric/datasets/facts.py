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
    """

    name: str
    root: Path
    lookup: Callable[[Path], Facts]
    tables: tuple[Path, ...] = ()
    mend: Callable[[Path, Ecg], Ecg] | None = None
    repairs: str | None = None

    def facts(self, record: Path) -> Facts:
        """Return what the archive says about the record at `record`; everything None where it says nothing."""
        return self.lookup(record)
