"""What a finished run tells about itself: its labels, whom it has seen, where its encoder came from."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hemometric.errors import RunError
from hemometric.evaluation.predictions import FloatArray
from hemometric.evaluation.report import LabelCounts
from hemometric.settings import FinetuneSettings
from hemometric.store import Store
from hemometric.targets import Target, find_target
from hemometric.training.runs import Run

SUBSET_FILE = "label_subset.parquet"
SPLITS_FILE = "splits.csv"
_SUBSET_COLUMNS = ("ecg_id", "patient_id", "role", "target", "value")
_SEEN_SPLITS = ("train", "validation", "calibration")


@dataclass(frozen=True, slots=True)
class SubsetEcgs:
    """The labelled ECGs that a run used for one purpose.

    Attributes:
        ecg_ids: Shape (n,).
        patient_ids: Shape (n,).
        values: Shape (n,), in the target's unit.
    """

    ecg_ids: NDArray[np.str_]
    patient_ids: NDArray[np.str_]
    values: FloatArray


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A fine-tuned run, seen from outside.

    Attributes:
        path: Its directory.
        target: What it estimates, of several the one that is asked about.
        settings: Its resolved settings.
        source: Where its encoder came from: an objective, "none" or "random".
        data_fingerprint: Of the store it was fitted to.
        trained_on_simulated: Whether simulated ECGs or labels had a part in its weights.
        labels: Role ("train", "validation", "calibration") -> its labelled ECGs.
    """

    path: Path
    target: Target
    settings: FinetuneSettings
    source: str
    data_fingerprint: str
    trained_on_simulated: bool
    labels: dict[str, SubsetEcgs]

    @property
    def label_counts(self) -> LabelCounts:
        """How many labelled patients and ECGs it learned from."""
        counts = {}
        for role, ecgs in self.labels.items():
            counts[f"{role}_patients"] = int(np.unique(ecgs.patient_ids).size)
            counts[f"{role}_ecgs"] = len(ecgs.ecg_ids)
        return LabelCounts(**counts)


def read_run(path: str | Path, *, target: str | None = None) -> RunFacts:
    """Read what a fine-tuned run tells about itself and one of its targets.

    Args:
        path: Of the run.
        target: Its name; None: the first of the run.

    Raises:
        RunError: There is no such run, it is not finished, it was pretrained only, or a file of it is damaged.
        SettingsError: The run does not estimate the target.
    """
    run = Run.open(path)
    if not run.contract.targets:
        raise RunError(f"{run.path}: estimates nothing: it is pretrained only; run hemometric finetune --from it")
    chosen = find_target(run.contract.choose_target(target).name)
    return RunFacts(
        path=run.path,
        target=chosen,
        settings=FinetuneSettings.model_validate(run.settings["settings"]),
        source=_name_source(run.settings),
        data_fingerprint=str(run.settings["data_fingerprint"]),
        trained_on_simulated=run.contract.trained_on_simulated,
        labels=_read_subset(run.path / SUBSET_FILE, target=chosen.name),
    )


def find_rows(store: Store, ecg_ids: NDArray[np.str_]) -> NDArray[np.int64] | None:
    """Rows of the store that hold the ECGs, shape (n,), or None where one of them is not in the store."""
    rows = pa.compute.index_in(pa.array(ecg_ids.tolist(), pa.string()), value_set=store.ecgs["ecg_id"])
    if rows.null_count:
        return None
    found: NDArray[np.int64] = rows.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def refuse_seen_patients(facts: RunFacts, patient_ids: NDArray[np.str_], *, store: Store, split: str) -> None:
    """Make sure that no judged patient had a part in the run.

    Args:
        facts: The run.
        patient_ids: Of the ECGs that are to be judged.
        store: Where they come from, for the message.
        split: Which of its splits they are, for the message.

    Raises:
        RunError: A patient is among those whom the run was trained, chosen or calibrated with.
    """
    seen = _read_seen(facts.path / SPLITS_FILE).union(*(ecgs.patient_ids.tolist() for ecgs in facts.labels.values()))
    leaked = sorted(seen.intersection(patient_ids.tolist()))
    if leaked:
        where = "" if split == "all" else f" of its {split} split"
        raise RunError(
            f"{store.path}: {len(leaked):,} patients{where} (first {leaked[0]!r}) are among those that "
            f"{facts.path} was trained, chosen or calibrated with; judge it on other patients: the split it was not "
            "fitted to, or an archive whose patient ids do not overlap"
        )


def _read_subset(path: Path, *, target: str) -> dict[str, SubsetEcgs]:
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise RunError(f"{path}: missing: the run is incomplete; fine-tune it again") from None
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{path}: cannot be read ({error}): copy the run again or fine-tune it anew") from error
    absent = [name for name in _SUBSET_COLUMNS if name not in table.column_names]
    if absent:
        raise RunError(f"{path}: lacks the columns {', '.join(absent)}: fine-tune the run anew")
    columns = {name: np.array(table[name].to_pylist()) for name in _SUBSET_COLUMNS}
    labels = {}
    for role in _SEEN_SPLITS:
        chosen = (columns["role"] == role) & (columns["target"] == target)
        labels[role] = SubsetEcgs(
            ecg_ids=columns["ecg_id"][chosen].astype(np.str_),
            patient_ids=columns["patient_id"][chosen].astype(np.str_),
            values=columns["value"][chosen].astype(np.float64),
        )
    return labels


def _read_seen(path: Path) -> set[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["patient_id"] for row in csv.DictReader(file) if row["split"] in _SEEN_SPLITS}
    except FileNotFoundError:
        raise RunError(
            f"{path}: missing: without it nothing shows that judged patients are new to the run; fine-tune it again"
        ) from None
    except KeyError as error:
        raise RunError(f"{path}: lacks the column {error}: fine-tune the run anew") from None


def _name_source(settings: dict[str, Any]) -> str:
    """The objective of the pretrained run, or "none" or "random" where there is none."""
    source = settings["source"]
    return source if isinstance(source, str) else str(source["objective"] or "another fine-tuned run")
