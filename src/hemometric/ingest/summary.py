"""What was read and what was not."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from hemometric.deidentification import KEY
from hemometric.ingest.archive import Archive
from hemometric.ingest.likeness import find_alike
from hemometric.labels.reject_file import read_label_rejects
from hemometric.store import Double, Reject, Store, find_doubles, list_doubles
from hemometric.store.tables import decode_rejects

_LISTED_DOUBLES = 5
_LISTED_ALIKE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """The account of a whole store, earlier, interrupted runs included.

    Attributes:
        out: The store.
        n_records: Files found; each is accepted or rejected.
        n_accepted_records: With at least one window in the store.
        n_rejected_records: Without one.
        n_windows: ECGs in the store.
        n_rejected_windows: Failed windows of accepted records.
        reasons: Rejected records by reason code.
        window_reasons: Failed windows of accepted records by reason code.
        n_patients: Known patients.
        n_patients_unknown: Accepted records of which no patient is known; each is a patient of its own.
        alike: Ids of known patients that may be one, written in several ways; not looked for where ids are hashes.
        doubles: ECGs whose very samples are there more than once.
        n_repaired: ECGs of which an archive is known to state a wrong gain, which was set right.
        n_labels: Catheter values of the store by target.
        n_labels_patients: Patients among them.
        label_reasons: Catheter values that are not used, by reason code.
        matched: What of the user's table has no record, and how many records no row, "" where that is nothing.
        remarks: What whoever uses the archives has to know, a sentence each.
    """

    out: Path
    n_records: int
    n_accepted_records: int
    n_rejected_records: int
    n_windows: int
    n_rejected_windows: int
    reasons: Mapping[str, int]
    window_reasons: Mapping[str, int]
    n_patients: int
    n_patients_unknown: int
    alike: tuple[tuple[str, ...], ...] = ()
    doubles: tuple[Double, ...] = ()
    n_repaired: int = 0
    n_labels: Mapping[str, int] = field(default_factory=dict)
    n_labels_patients: int = 0
    label_reasons: Mapping[str, int] = field(default_factory=dict)
    matched: str = ""
    remarks: tuple[str, ...] = ()

    def text(self) -> str:
        """The account in lines, for people."""
        lines = [
            f"{self.out}: {self.n_windows:,} ECGs from {self.n_accepted_records:,} of {self.n_records:,} records, "
            f"{self.n_patients:,} known patients"
        ]
        if self.matched:
            lines.append(self.matched)
        if self.n_rejected_records:
            lines.append(f"rejected: {self.n_rejected_records:,} records ({_list(self.reasons)}); see rejects.csv")
        if self.n_rejected_windows:
            windows = _list(self.window_reasons)
            lines.append(f"left out: {self.n_rejected_windows:,} windows of accepted records ({windows})")
        if self.n_repaired:
            lines.append(
                f"repaired: {self.n_repaired:,} ECGs of which the archive is known to state a wrong gain "
                "(flag_repaired; manifest.json says how)"
            )
        lines += self._warn_of_patients()
        lines += self._tell_doubles()
        if self.n_labels:
            lines.append(
                f"catheter values: {sum(self.n_labels.values()):,} of {self.n_labels_patients:,} patients "
                f"({_list(self.n_labels)}); join them to the ECGs with hemometric link {self.out}"
            )
        if self.label_reasons:
            n_rejected = sum(self.label_reasons.values())
            lines.append(
                f"catheter values not used: {n_rejected:,} ({_list(self.label_reasons)}); see label_rejects.csv"
            )
        lines += [f"warning: {remark}" for remark in self.remarks]
        return "\n".join(lines)

    def _warn_of_patients(self) -> list[str]:
        lines = []
        if self.n_patients_unknown:
            lines.append(
                f"warning: no patient is known for {self.n_patients_unknown:,} records; each counts as a patient of "
                "its own, so two ECGs of one person may fall into different splits: name the patients with --metadata"
            )
        if self.alike:
            shown = "; ".join(" and ".join(map(repr, group)) for group in self.alike[:_LISTED_ALIKE])
            lines.append(
                f"warning: {len(self.alike):,} patients may be written in several ways ({shown}); each id counts as a "
                "patient of its own, so one person may fall into different splits: write them alike with --metadata"
            )
        return lines

    @property
    def n_copied(self) -> int:
        """ECGs whose very samples are also there under another patient."""
        return sum(len(double.ecg_ids) for double in self.doubles if double.n_patients > 1)

    def _tell_doubles(self) -> list[str]:
        if not self.doubles:
            return []
        lines = [f"exact copies: {len(self.doubles):,} ECGs are there more than once"]
        lines += [f"  {line}" for line in list_doubles(self.doubles, most=_LISTED_DOUBLES)]
        if self.n_copied:
            lines.append(
                f"warning: {self.n_copied:,} ECGs are exact copies under different patients, who therefore share a "
                "split: find out whose they are; leave one SOURCE out, or give both the same patient with --metadata"
            )
        return lines


def summarise(path: Path, *, n_records: int, archive: Archive | None = None) -> IngestSummary:
    """Count what is in a complete store, in its `rejects.csv` and its `label_rejects.csv`.

    Args:
        path: The store.
        n_records: Files that were found.
        archive: What was ingested, for what has to be known of public archives.
    """
    store = Store.open(path)
    ecgs = store.ecgs.append_column("record", pc.replace_substring_regex(store.ecgs["source"], r"#\d+$", ""))
    accepted = pc.unique(ecgs["record"])
    rejected, failed = _sort_rejects(decode_rejects(path / "rejects.csv"), accepted)
    unknown = ecgs.filter(pc.invert(ecgs["patient_id_known"]))
    known = pc.unique(ecgs.filter(ecgs["patient_id_known"])["patient_id"])
    labels = store.labels()
    return IngestSummary(
        out=path,
        n_records=n_records,
        n_accepted_records=len(accepted),
        n_rejected_records=len(rejected),
        n_windows=len(store),
        n_rejected_windows=len(failed),
        reasons=Counter(reject.reason_code for reject in rejected),
        window_reasons=Counter(reject.reason_code for reject in failed),
        n_patients=len(known),
        n_patients_unknown=pc.count_distinct(unknown["record"]).as_py(),
        alike=() if KEY in store.manifest.provenance else find_alike(known.to_pylist()),
        doubles=find_doubles(store.ecgs),
        n_repaired=_count_repaired(ecgs),
        n_labels={} if labels is None else Counter(labels["target"].to_pylist()),
        n_labels_patients=0 if labels is None else pc.count_distinct(labels["patient_id"]).as_py(),
        label_reasons=Counter(reject.reason_code for reject in read_label_rejects(path)),
        matched="" if archive is None else archive.account,
        remarks=() if archive is None else archive.find_remarks(with_values=labels is not None),
    )


def _sort_rejects(rejects: list[Reject], accepted: pa.Array) -> tuple[list[Reject], list[Reject]]:
    """Part rejected records from failed windows of accepted ones."""
    names = set(accepted.to_pylist())
    failed = [reject for reject in rejects if reject.source.rpartition("#")[0] in names]
    windows = set(failed)
    return [reject for reject in rejects if reject not in windows], failed


def _count_repaired(ecgs: pa.Table) -> int:
    return int(pc.sum(ecgs["flag_repaired"]).as_py() or 0) if "flag_repaired" in ecgs.column_names else 0


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {count:,}" for code, count in Counter(counts).most_common())
