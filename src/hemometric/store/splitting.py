"""STEP split: who is in which split, by a rule of the user: in time, by site, as a table says, or by hash again.

Whatever the rule, a patient is in one split with all ECGs. A split that the rule does not name is drawn by the hash of
the patient from those that are left for training, in the usual proportions.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hemometric.deidentification import KEY, Deidentifier, check_secret
from hemometric.errors import SettingsError, StoreError
from hemometric.settings import suggest
from hemometric.store.reading import Store
from hemometric.store.split_tables import read_sites, read_table, tell_name
from hemometric.store.splits import SPLITS, SPLITS_FILE, assign_among, describe_torn
from hemometric.store.tables import write_store_files

RULE_FILE = "splits.json"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """Who is where.

    Attributes:
        by: "hash", "time", "site" or "table".
        n_patients: Split -> patients.
        n_ecgs: Split -> ECGs.
        n_linked: Target -> split -> ECGs with a linked value.
        n_unclear: Patients whom the rule does not place and who went where `unclear` says.
    """

    by: str
    n_patients: Mapping[str, int]
    n_ecgs: Mapping[str, int]
    n_linked: Mapping[str, Mapping[str, int]]
    n_unclear: int = 0

    def text(self) -> str:
        """The account in lines, for people."""
        header = ["split", "patients", "ECGs", *(f"with {target}" for target in self.n_linked)]
        counts = [self.n_patients, self.n_ecgs, *self.n_linked.values()]
        rows = [header, *([split, *(f"{count[split]:,}" for count in counts)] for split in SPLITS)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        lines = [f"split by {self.by}"]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        if self.n_unclear:
            lines.append(f"{self.n_unclear:,} patients whom the rule does not place went where --unclear says")
        empty = [split for split in SPLITS if not self.n_patients[split]]
        if empty:
            lines.append(f"nobody is in {', '.join(empty)}")
        return "\n".join(lines)


def split_by_hash(store: Store) -> SplitSummary:
    """Go back to the split by hash of the patient, that of a store of which nothing was said."""
    write_store_files(store.path, {}, without=[SPLITS_FILE, RULE_FILE], fingerprint=store.fingerprint)
    return _sum_up(store, by="hash")


def split_by_time(  # noqa: PLR0913  (one argument for each option of the command)
    store: Store,
    *,
    train_until: str | None,
    validation_until: str | None = None,
    calibration_until: str | None = None,
    of: Literal["last", "first"] = "last",
    unclear: str | None = None,
    deidentifier: Deidentifier | None = None,
) -> SplitSummary:
    """Train on the past, test on what came later.

    Args:
        store: Its `splits.csv` is replaced.
        train_until: ISO 8601; patients before it train, those from it on test. It must be there.
        validation_until: The end of a period of their own for validation and, without `calibration_until`, calibration.
        calibration_until: The end of a period of its own for calibration.
        of: Which ECG of a patient counts. "last": nothing of a later period is ever trained on. "first": every patient
            that is tested came for the first time after the others.
        unclear: Where patients go of whom no time is known; None: they are refused.
        deidentifier: The one by which the store was made: the true dates count. Dates that were moved by days of each
            patient's own cannot part the past from what came later.

    Raises:
        SettingsError: A date is none, or they do not rise; or times are not known and nothing was said about that; or
            the store is de-identified, and not with this secret.
        StoreError: The time of an ECG is not ISO 8601 without a zone.
    """
    if train_until is None:
        raise SettingsError("split: --by time needs --train-until DATE")
    given = {"train": train_until, "validation": validation_until, "calibration": calibration_until}
    bounds = {name: _parse_bound(name, text) for name, text in given.items() if text is not None}
    if list(bounds.values()) != sorted(set(bounds.values())):
        raise SettingsError(f"split: the ends of the periods must rise: {', '.join(filter(None, given.values()))}")
    if "calibration" in bounds and "validation" not in bounds:
        raise SettingsError("split: --calibration-until needs --validation-until before it")
    found = _find_times(store, choose=max if of == "last" else min, deidentifier=deidentifier)
    drawn = [name for name in ("train", "validation", "calibration") if name not in bounds]
    periods: dict[str, tuple[str, ...]] = {name: (name,) for name in bounds}
    last = "validation" if "validation" in bounds else "train"
    periods[last] = (last, *drawn)

    def place(patient: str) -> tuple[str, ...] | None:
        if patient not in found:
            return None
        return next((periods[name] for name, end in bounds.items() if found[patient] < end), ("test",))

    settings = {**{f"{name}_until": text for name, text in given.items() if text is not None}, "of": of}
    return _divide(store, place, by="time", why="no time is known of them", unclear=unclear, settings=settings)


def split_by_site(
    store: Store,
    *,
    column: str | None,
    sites: Mapping[str, Sequence[str]],
    table: Path | None = None,
    unclear: str | None = None,
    deidentifier: Deidentifier | None = None,
) -> SplitSummary:
    """Test at another site than trained at.

    Args:
        store: Its `splits.csv` is replaced.
        column: Of the store's ECG table; of "source" the first folder counts. With `table`, of that. It must be there.
        sites: Split -> what stands in the column. "test" must be there; without "train", all others train.
        table: A CSV with patient_id and the column, one or more lines a patient.
        unclear: Where patients go of whom no site is known or who were at sites of two splits; None: they are refused.
        deidentifier: The one by which the store was made: the table has original ids.

    Raises:
        SettingsError: There is no such column or site, a site is in two splits or in none, patients are unclear and
            nothing was said about that, or the store was not made with this secret.
        StoreError: The table cannot be read.
    """
    if column is None:
        raise SettingsError("split: --by site needs --column NAME")
    if table is None:
        of_patient = _sites_of_store(store, column)
    else:
        of_patient = read_sites(store, table, column=column, deidentifier=deidentifier)
    here = {patient for (patient,) in _columns(store, "patient_id")}
    there = sorted({site for patient in here for site in of_patient.get(patient, ())})
    split_of = _place_sites(sites, there=there, column=column)
    drawn = tuple(name for name in ("train", "validation", "calibration") if name == "train" or name not in sites)
    torn: dict[str, list[str]] = {}

    def place(patient: str) -> tuple[str, ...] | None:
        splits = sorted({split_of[site] for site in of_patient.get(patient, ())}, key=SPLITS.index)
        if len(splits) == 1:
            return drawn if splits == ["train"] else (splits[0],)
        if splits:
            torn[patient] = splits
        return None

    def why() -> str:
        return describe_torn(torn) if torn else f"no {column} is known of them"

    settings = {"column": column, "sites": {split: list(names) for split, names in sites.items()}}
    if table is not None:
        settings["table"] = tell_name(store, table)
    return _divide(store, place, by="site", why=why, unclear=unclear, settings=settings)


def split_as_table(
    store: Store, table: Path, *, unclear: str | None = None, deidentifier: Deidentifier | None = None
) -> SplitSummary:
    """Take the splits of a CSV (patient_id, split).

    Args:
        store: Its `splits.csv` is replaced.
        table: It may name more patients than the store has.
        unclear: Where patients go whom it does not name; None: they are refused.
        deidentifier: The one by which the store was made: the table has original ids.

    Raises:
        StoreError: The table cannot be read, or patients are in two splits.
        SettingsError: It does not name all patients and nothing was said about that, or the store was not made with
            this secret.
    """
    named = read_table(store, table, deidentifier=deidentifier)

    def place(patient: str) -> tuple[str, ...] | None:
        return (named[patient],) if patient in named else None

    settings = {"table": tell_name(store, table)}
    why = f"{table if settings['table'] else 'the table'} does not name them"
    if deidentifier is None and KEY in store.manifest.provenance:
        why += " (the store is de-identified: for a table of original ids give --deidentify SECRET_FILE)"
    return _divide(store, place, by="table", why=why, unclear=unclear, settings=settings)


def describe_rule(store: Path) -> str:
    """How the store's patients are split, in a word or two."""
    if not (store / SPLITS_FILE).exists():
        return "by hash"
    try:
        return f"by {json.loads((store / RULE_FILE).read_bytes())['by']}"
    except (OSError, ValueError, LookupError, TypeError):
        return f"as {SPLITS_FILE} says"


Place = Callable[[str], tuple[str, ...] | None]
"""Patient -> the splits that the patient may be drawn into; None where the rule does not tell."""


def _divide(
    store: Store,
    place: Place,
    *,
    by: str,
    why: str | Callable[[], str],
    unclear: str | None,
    settings: Mapping[str, Any],
) -> SplitSummary:
    if unclear is not None and unclear not in SPLITS:
        raise SettingsError(f"--unclear: unknown split {unclear!r}{suggest(unclear, SPLITS)}")
    patients = sorted({patient for (patient,) in _columns(store, "patient_id")})
    places = {patient: place(patient) for patient in patients}
    torn = [group for group in store.joined_patients if len({places[patient] for patient in group}) > 1]
    places |= {patient: None for group in torn for patient in group}
    lost = [patient for patient in patients if places[patient] is None]
    if lost and unclear is None:
        shown = ", ".join(map(repr, lost[:_SHOWN])) + (
            f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
        )
        reason = _describe_joined(torn) if torn else why if isinstance(why, str) else why()
        raise SettingsError(
            f"{store.path}: {len(lost):,} patients cannot be placed ({shown}): {reason}; say with --unclear which "
            "split they go to, or name every patient's with --from CSV"
        )
    splits = {}
    first_of = {patient: group[0] for group in store.joined_patients for patient in group}
    for patient in patients:
        among = places[patient] or (str(unclear),)
        drawn = assign_among([first_of.get(patient, patient)], splits=among)
        splits[patient] = among[0] if len(among) == 1 else str(drawn[0])
    rule = {"schema_version": 1, "by": by, **settings, "unclear": unclear, "n_unclear": len(lost)}
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("patient_id", "split"))
    rows.writerows(splits.items())
    pieces = {SPLITS_FILE: text.getvalue().encode(), RULE_FILE: (json.dumps(rule, indent=1) + "\n").encode()}
    write_store_files(store.path, pieces, fingerprint=store.fingerprint)
    return _sum_up(store, by=by, n_unclear=len(lost))


def _describe_joined(torn: Sequence[Sequence[str]]) -> str:
    """Name patients who share an ECG and whom the rule would tear apart."""
    shown = "; ".join(" and ".join(map(repr, group[:_SHOWN])) for group in torn[:_SHOWN])
    return f"the very same ECG stands under patients for whom the rule says different splits ({shown})"


def _sum_up(store: Store, *, by: str, n_unclear: int = 0) -> SplitSummary:
    splits = store.splits()
    patients = np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_)
    row_of = {ecg_id: row for row, (ecg_id,) in enumerate(_columns(store, "ecg_id"))}
    links, linked = store.links(), {}
    if links is not None:
        pairs = zip(links["target"].to_pylist(), links["ecg_id"].to_pylist(), strict=True)
        rows = [(target, row_of[ecg_id]) for target, ecg_id in pairs if ecg_id in row_of]
        for target in dict.fromkeys(target for target, _ in rows):
            linked[target] = _count(splits[[row for name, row in rows if name == target]])
    of_patient = splits[np.unique(patients, return_index=True)[1]]
    return SplitSummary(by, _count(of_patient), _count(splits), linked, n_unclear)


def _count(splits: np.ndarray) -> dict[str, int]:
    return {name: int(np.sum(splits == name)) for name in SPLITS}


def _columns(store: Store, *names: str) -> "zip[tuple[Any, ...]]":
    return zip(*(store.ecgs[name].to_pylist() for name in names), strict=True)


def _parse_bound(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--{name}-until {text!r}: expected a date, YYYY-MM-DD") from None
    if at.tzinfo is not None:
        raise SettingsError(f"--{name}-until {text!r}: write the local time of the ECGs, without a zone")
    return at


def _find_times(
    store: Store, *, choose: Callable[[datetime, datetime], datetime], deidentifier: Deidentifier | None
) -> dict[str, datetime]:
    """When each patient came, by the ECG that counts; the true time, also of a store that is de-identified."""
    if deidentifier is not None or KEY in store.manifest.provenance:
        check_secret(store.manifest.provenance, deidentifier, where=str(store.path))
    found: dict[str, datetime] = {}
    for patient, ecg_id, text in _columns(store, "patient_id", "ecg_id", "acquired_at"):
        if text is not None:
            at = _parse_time(store, ecg_id, text)
            at += timedelta(days=0 if deidentifier is None else deidentifier.days(patient))
            found[patient] = choose(found.get(patient, at), at)
    return found


def _parse_time(store: Store, ecg_id: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise StoreError(f"{store.path}: ECG {ecg_id}: time {text!r} is not ISO 8601; ingest it again") from None
    if at.tzinfo is not None:
        raise StoreError(f"{store.path}: ECG {ecg_id}: time {text!r} names a zone; ingest it again without")
    return at


def _sites_of_store(store: Store, column: str) -> dict[str, set[str]]:
    if column not in store.ecgs.column_names:
        raise SettingsError(
            f"{store.path}: its ECG table has no column {column!r}{suggest(column, store.ecgs.column_names)}; or "
            "name a CSV with patient_id and that column with --sites"
        )
    sites: dict[str, set[str]] = {}
    for patient, value in _columns(store, "patient_id", column):
        if value is not None:
            sites.setdefault(patient, set()).add(value.split("/")[0] if column == "source" else str(value))
    return sites


def _place_sites(sites: Mapping[str, Sequence[str]], *, there: Sequence[str], column: str) -> dict[str, str]:
    """The split of each site."""
    if not sites.get("test"):
        raise SettingsError(f"split: name the sites to test at with --test; {column} has {', '.join(there) or 'none'}")
    split_of: dict[str, str] = {}
    for split, names in sites.items():
        for name in names:
            if name not in there:
                raise SettingsError(f"--{split}: no patient has {column} {name!r}{suggest(name, there)}")
            if split_of.setdefault(name, split) != split:
                raise SettingsError(f"split: {column} {name!r} is named for {split_of[name]} and for {split}")
    left = [name for name in there if name not in split_of]
    if left and sites.get("train"):
        raise SettingsError(f"split: {column} {', '.join(left)} is in no split; name all, or leave --train out")
    return {**dict.fromkeys(left, "train"), **split_of}
