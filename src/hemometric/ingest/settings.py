"""How files become a store."""

from dataclasses import dataclass
from pathlib import Path

from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.errors import SettingsError
from hemometric.formats import FORMATS
from hemometric.labels.archive_values import parse_units


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """How files become a store.

    Attributes:
        format: "auto" reads every format that is known; a name of `FORMATS` leaves the others out.
        dataset: "auto" recognises a public archive per SOURCE; a name insists on it; "none" looks for none.
        metadata: A CSV with what is known about the records; it goes before what archive and file say.
        sampling_rate_hz: Of the store.
        n_leads: 8 (I, II, V1-V6; the other four are derived on reading) or 12.
        shard_size: ECGs per shard.
        duration_s: Length of the windows that records are cut to.
        pad: Fill up records that are shorter than `duration_s` instead of refusing them.
        workers: Processes that read; the result does not depend on it. With 0 this very process reads, and a file that
            ends or hangs its reader ends or hangs the run.
        seconds_per_file: A record that takes longer is rejected; one of more than 30 MB may take 2 s a MB. An ECG in a
            file of several is a record.
        resume: Go on with a store that was interrupted.
        catheter_units: Such as "cmH2O=mmHg": catheter values that an archive writes in cmH2O are in truth in mmHg.
        deidentify: A file with a secret: ids, names and dates are replaced (`hemometric.deidentification`).
    """

    format: str = "auto"
    dataset: str = "auto"
    metadata: Path | None = None
    sampling_rate_hz: float = 250.0
    n_leads: int = 8
    shard_size: int = 4096
    duration_s: float = 10.0
    pad: bool = False
    workers: int = 1
    seconds_per_file: float = 60.0
    resume: bool = False
    catheter_units: tuple[str, ...] = ()
    deidentify: Path | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            SettingsError: One is out of its range.
        """
        rules = (
            ("format", self.format in ("auto", *FORMATS), f"one of auto, {', '.join(FORMATS)}"),
            ("sampling_rate_hz", 1 <= self.sampling_rate_hz <= 100_000, "a rate from 1 to 100,000 Hz"),
            ("n_leads", self.n_leads in (8, 12), "8 or 12"),
            ("shard_size", self.shard_size >= 1, "at least 1"),
            ("duration_s", 0 < self.duration_s <= 3600, "a length up to an hour"),
            ("workers", self.workers >= 0, "at least 0"),
            ("seconds_per_file", 0 < self.seconds_per_file <= 86_400, "a time up to a day"),
        )
        wrong = [f"{name} is {getattr(self, name)!r}, expected {rule}" for name, fine, rule in rules if not fine]
        if wrong:
            raise SettingsError("; ".join(wrong))
        parse_units(self.catheter_units)

    @property
    def units_meant(self) -> dict[str, str]:
        """Unit as an archive writes it -> the unit in which such catheter values are in truth."""
        return parse_units(self.catheter_units)

    @property
    def n_samples(self) -> int:
        """Per lead of every stored ECG."""
        return round(self.duration_s * self.sampling_rate_hz)

    @property
    def stored_leads(self) -> tuple[str, ...]:
        """The leads that are stored."""
        return INDEPENDENT_LEADS if self.n_leads == len(INDEPENDENT_LEADS) else LEADS

    @property
    def n_processes(self) -> int:
        """Processes that read: what libraries write about a file that names its patient must not be seen."""
        return self.workers if self.deidentify is None else max(self.workers, 1)
