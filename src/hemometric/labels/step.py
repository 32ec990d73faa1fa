"""STEP link: a table of catheter values and a store -> labels, links, and the account of what was lost on the way."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from hemometric.deidentification import KEY, Deidentifier, check_secret, describe_fault
from hemometric.errors import LabelError, SettingsError
from hemometric.labels.attrition import LinkSummary, ValueStep
from hemometric.labels.catheter_csv import read_catheter_csv
from hemometric.labels.discretion import hide_error, hide_patients
from hemometric.labels.layout import Layout
from hemometric.labels.linking import WINDOW_HOURS, Joined, Side, join
from hemometric.labels.presets import Preset, find_preset
from hemometric.labels.reject_file import encode_label_rejects, read_label_rejects
from hemometric.labels.repeats import count_repeats
from hemometric.labels.values import CatheterTable
from hemometric.store import Store, write_store_files
from hemometric.store.definitions import TARGETS_FILE, encode_targets, read_targets
from hemometric.store.durable import digest_file
from hemometric.store.tables import ATTRITION, GAPS, LABEL_REJECTS, encode_table
from hemometric.targets import TARGETS, Target, add_targets

_STRANGERS_SHOWN = 3


def link(  # noqa: PLR0913  (one argument for each option of the command)
    store: Store,
    *,
    labels_csv: str | Path | None = None,
    window_hours: float = WINDOW_HOURS,
    side: Side = "both",
    layout: Layout | None = None,
    preset: str | None = None,
    targets: Sequence[Target] = (),
    deidentifier: Deidentifier | None = None,
) -> LinkSummary:
    """Join catheter values to the ECGs of the same patient, and write `links.parquet` and what belongs to it.

    Beside it: `attrition.json` (what was left after each step), `gaps.png` (how far ECGs and values are apart),
    `targets.json` where a user's own targets are known, and with `labels_csv` `labels.parquet` and
    `label_rejects.csv` (values that were written and are not used).

    Args:
        store: The store; what an earlier link wrote is replaced.
        labels_csv: A table as `read_catheter_csv` takes it; None: what is in `labels.parquet`.
        window_hours: Largest distance between ECG and catheter value, >= 0.
        side: On which side of the catheterisation an ECG may lie; see `hemometric.labels.linking`.
        layout: Of the table.
        preset: One of `PRESETS` in place of `layout`, where the table is one that is known by name ("mimic-iv").
        targets: Of the user's own, beside those that the store defines already.
        deidentifier: The one by which the store was made: the table's ids and dates are mapped as those of the ECGs.

    Raises:
        LabelError: There are no values, the table is not usable, or no ECG lies within the window of any value (then
            nothing is written).
        SettingsError: A target is built in, or gets another unit while its values stay; or the store is de-identified
            by another secret, or is not where one is given.
        ValueError: The window is negative or not a number, or there is no such side.
    """
    from hemometric.labels.gaps import draw_gaps  # here, since training reads labels without drawing any

    if not window_hours >= 0:
        raise ValueError(f"window_hours must be at least 0, got {window_hours}")
    if side not in get_args(Side):
        raise ValueError(f"side must be one of {', '.join(get_args(Side))}, got {side!r}")
    known = targets_of(store, targets)
    table = None
    how_laid_out: Layout | Preset = (layout or Layout()) if preset is None else find_preset(preset)
    if labels_csv is not None:
        labels_csv = Path(labels_csv)
        check_secret(store.manifest.provenance, deidentifier, where=str(store.path))
        table = _read_table(labels_csv, how_laid_out, known, deidentifier)
    labels = _stored_labels(store, known) if table is None else table.labels
    found = join(store.ecgs, labels, window_hours=window_hours, side=side)
    earlier = _read_earlier(store, labels) if table is None else {}
    summary = _sum_up(store, labels, found, table=table, earlier=earlier, how=(window_hours, side))
    if not found.links.num_rows:
        hints = ". ".join([summary.sentence(), summary.ecg_sentence(), *summary.remarks()])
        raise LabelError(f"{store.path}: no ECG can be linked. {hints}")
    source = earlier.get("table", {})
    pieces = {"links.parquet": encode_table(found.links)}
    if labels_csv is not None and table is not None:
        source = _describe_table(labels_csv, how_laid_out, deidentifier)
        pieces["labels.parquet"] = encode_table(labels)
        pieces[LABEL_REJECTS] = encode_label_rejects(table.rejects)
    pieces[ATTRITION] = summary.to_json(table=source)
    pieces[GAPS] = draw_gaps(found.links, targets=known, window_hours=window_hours, simulated=store.simulated)
    own = [target for target in known.values() if target.name not in TARGETS]
    if own:
        pieces[TARGETS_FILE] = encode_targets(own)
    write_store_files(store.path, pieces, fingerprint=store.fingerprint)
    add_targets(own, where=str(store.path), replace=True)
    return summary


def _read_table(
    path: Path, layout: Layout | Preset, known: Mapping[str, Target], deidentifier: Deidentifier | None
) -> CatheterTable:
    try:
        if isinstance(layout, Preset):
            table = layout.read(path)
        else:
            table = read_catheter_csv(path, layout=layout, targets=known)
    except LabelError as error:
        raise hide_error(error, deidentifier) from (None if deidentifier else error.__cause__)
    except Exception as error:
        if deidentifier is None:
            raise
        raise LabelError(describe_fault(error)) from None  # it may quote the table
    if deidentifier is None:
        return table
    words = None if isinstance(layout, Preset) else {*known, *layout.names, *(one.header for one in layout.wide)}
    return hide_patients(table, deidentifier, words=words)


def _describe_table(path: Path, layout: Layout | Preset, deidentifier: Deidentifier | None) -> dict[str, Any]:
    digest = digest_file(path)
    described = dict(layout.describe()) if isinstance(layout, Preset) else asdict(layout)
    if deidentifier is not None:
        return {"file": "", "sha256": deidentifier.digest(digest), "layout": described}
    return {"file": path.name, "sha256": digest, "layout": described}


def targets_of(store: Store, new: Sequence[Target] = ()) -> dict[str, Target]:
    """The targets whose values a store may hold, by name: built in, defined in the store, and new ones.

    Raises:
        SettingsError: A new one is built in.
    """
    for target in new:
        if target.name in TARGETS:
            raise SettingsError(f"{target.name} is built in and keeps its meaning: choose another name")
    own = [*read_targets(store.path), *new]
    return {**TARGETS, **{target.name: target for target in own}}


def _stored_labels(store: Store, known: Mapping[str, Target]) -> pa.Table:
    labels = store.labels()
    if labels is None:
        raise LabelError(f"{store.path}: has no catheter values yet; give them with --labels CSV")
    there = set(pc.unique(labels["target"]).to_pylist())
    for old in read_targets(store.path):
        new = known[old.name]
        if new.unit != old.unit and old.name in there:
            raise SettingsError(
                f"{store.path}: its values of {old.name} are in {old.unit}, not in {new.unit}: give the table again "
                "with --labels"
            )
    return labels


def _read_earlier(store: Store, labels: pa.Table) -> dict[str, Any]:
    """What the last link, or ingest, knew of where these labels came from; empty where nothing is known."""
    if not (store.path / ATTRITION).exists():
        return _account_of_ingest(store, labels)
    try:
        content: dict[str, Any] = json.loads((store.path / ATTRITION).read_bytes())
        usable = content["values"][1]["n_values"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return content if usable == labels.num_rows else {}


def _account_of_ingest(store: Store, labels: pa.Table) -> dict[str, Any]:
    """Values that came with an archive: those that can be used, and the rejects that ingest wrote."""
    rejects = read_label_rejects(store.path)
    patients = set(labels["patient_id"].to_pylist()) | {reject.patient_id for reject in rejects if reject.patient_id}
    read = ValueStep("in the table", len(patients), labels.num_rows + len(rejects))
    return {"dropped": Counter(reject.reason_code for reject in rejects), "values": [asdict(read)]}


def _sum_up(
    store: Store,
    labels: pa.Table,
    found: Joined,
    *,
    table: CatheterTable | None,
    earlier: Mapping[str, Any],
    how: tuple[float, Side],
) -> LinkSummary:
    hidden = KEY in store.manifest.provenance
    in_store = pc.is_in(labels["patient_id"], value_set=pc.unique(store.ecgs["patient_id"]))
    there, strangers = labels.filter(in_store), labels.filter(pc.invert(in_store))
    usable = _values("usable", labels)
    read = ValueStep("in the table", usable.n_patients, usable.n_values)
    if table is not None:
        read = ValueStep("in the table", table.n_patients, table.n_read)
    elif earlier:
        read = ValueStep(**earlier["values"][0])
    n_repeated, n_differing = count_repeats(labels)
    return LinkSummary(
        window_hours=how[0],
        side=how[1],
        dropped=earlier.get("dropped", {}) if table is None else table.dropped,
        value_steps=(
            read,
            usable,
            _values("of a patient in the store", there),
            ValueStep("linked to an ECG", found.n_patients_linked, found.n_labels_linked),
        ),
        steps=found.steps,
        targets=found.targets,
        n_repeated=n_repeated,
        n_repeated_differing=n_differing,
        n_order_unknown=found.n_order_unknown,
        # Of a de-identified store a stranger is a hash, by which nobody finds a row of the table.
        strangers=() if hidden else tuple(pc.unique(strangers["patient_id"]).to_pylist()[:_STRANGERS_SHOWN]),
        hidden=hidden,
        alike=_find_alike(
            pc.unique(strangers["patient_id"]).to_pylist(), pc.unique(store.ecgs["patient_id"]).to_pylist()
        ),
    )


def _find_alike(strangers: Sequence[str], patients: Sequence[str]) -> tuple[str, str] | None:
    """A stranger and the patient of the store who is perhaps meant, or None."""

    def bare(patient: str) -> str:
        return patient.rpartition(":")[2].strip().removesuffix(".0").lstrip("0").casefold()

    known = {bare(patient): patient for patient in patients}
    return next(((one, known[bare(one)]) for one in strangers if bare(one) and bare(one) in known), None)


def _values(title: str, labels: pa.Table) -> ValueStep:
    return ValueStep(title, pc.count_distinct(labels["patient_id"]).as_py(), labels.num_rows)
