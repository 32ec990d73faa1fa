"""ECGs to look at: recorded ones of PTB-XL with what their readers said, and one of each simulated patient."""

import ast
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hemometric import Store, read_ecg
from hemometric.ecg import Ecg, Waveform
from hemometric.waveform import assess, find_r_peaks
from validation.drawing import draw

QUERIES = {
    "normal": "the first normal ECG",
    "lbbb": "the first with left bundle branch block",
    "fibrillation": "the first with atrial fibrillation",
}
"""Which ECGs the pictures start from: names of files, and the rule in words."""

_LIKELY = 50.0
_CODE_OF_OVER_89 = 300.0
_YOUNGEST_OVER_89 = 90.0
_LEAST_BEATS = 4
_FREE = ("duration_s", "shard_size", "with_ceiling")  # what decides neither patients nor the forms of their ECGs
_RHYTHM_KINDS = {"PACE": "PACE", "AFIB": "AF", "AFLT": "AF"}


class Statements(NamedTuple):
    """A row of PTB-XL's table.

    Attributes:
        path: Of the record at 500 Hz.
        patient_id: As PTB-XL has it.
        age_years: NaN where it is not known; 90 where the table says that it is over 89.
        codes: SCP statement -> likelihood in percent; 0 where none was given, as of every rhythm.
    """

    path: Path
    patient_id: str
    age_years: float
    codes: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """ECGs among which neighbours are looked for.

    Attributes:
        waveforms: Shape (n, 12, n_samples), mV, not filtered.
        sampling_rate_hz: Of all.
        simulated: Whether they were computed.
        patients: Shape (n,), whose each is.
        labels: What a picture says of each, n of them.
        kinds: Shape (n,): "AF" (fibrillation or flutter), "PACE" or the diagnostic class of recorded ECGs; "AF", "LBBB"
            or "other" of simulated ones.
        values: Shape (n,): true mPCWP in mmHg of simulated ECGs, age in years of recorded ones.
        queries: Keys of `QUERIES` -> row.
    """

    waveforms: Waveform
    sampling_rate_hz: float
    simulated: bool
    patients: NDArray[np.str_]
    labels: list[str]
    kinds: NDArray[np.str_]
    values: NDArray[np.float64]
    queries: dict[str, int]


def read_statements(data: Path) -> dict[int, Statements]:
    """Read PTB-XL's table (Wagner et al. 2020, PhysioNet ptb-xl 1.0.3): ecg_id -> row, of the records that are there.

    Args:
        data: Folder that holds ptbxl/, which may be a part of PTB-XL.
    """
    root = data / "ptbxl"
    with (root / "ptbxl_database.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = {}
    for row in rows:
        path = root / row["filename_hr"]
        if path.with_suffix(".hea").is_file():
            patient, codes = row["patient_id"].removesuffix(".0"), ast.literal_eval(row["scp_codes"])
            found[int(row["ecg_id"])] = Statements(path, patient, _read_age(row["age"]), codes)
    return found


def recorded(data: Path) -> Collection:
    """Read the ECGs of PTB-XL that pass quality and have a typical beat, in the order of their ecg_id."""
    classes, rhythms = _read_classes(data / "ptbxl" / "scp_statements.csv")
    ecgs, rows = [], []
    for row in read_statements(data).values():
        ecg = read_ecg(row.path)
        if _can_be_compared(ecg):
            ecgs.append(ecg)
            rows.append(row)
    described = [_describe(row.codes, classes, rhythms) for row in rows]
    first = {
        "normal": [row.codes.get("NORM", 0.0) == 100.0 for row in rows],
        "lbbb": ["CLBBB" in row.codes for row in rows],
        "fibrillation": ["AFIB" in row.codes for row in rows],
    }
    return Collection(
        waveforms=np.stack([ecg.waveform for ecg in ecgs]),
        sampling_rate_hz=ecgs[0].sampling_rate_hz,
        simulated=False,
        patients=np.array([row.patient_id for row in rows]),
        labels=[f"{text}, {_write_age(row.age_years)}" for (_, text), row in zip(described, rows, strict=True)],
        kinds=np.array([kind for kind, _ in described]),
        values=np.array([row.age_years for row in rows]),
        queries={name: is_it.index(True) for name, is_it in first.items()},
    )


def simulated(path: Path) -> Collection:
    """Take the first ECG of each patient of a store that `hemometric simulate` wrote, at the default settings.

    Raises:
        ValueError: The store is not simulated, or was drawn with other settings.
    """
    store = Store.open(path)
    truth = store.truth()
    if truth is None:
        raise ValueError(f"{path}: expected a store that `hemometric simulate` wrote")
    settings = dict(store.manifest.provenance["settings"])
    drawn = draw(settings["n_patients"], seed=settings["seed"])
    usual = drawn.settings.model_dump(mode="json")
    changed = [key for key, value in settings.items() if key not in _FREE and value != usual[key]]
    if changed:
        raise ValueError(f"{path}: expected a store of the default settings, got another {', '.join(changed)}")
    is_mpcwp = np.array(truth["target"].to_pylist()) == "mpcwp"
    of_visits = np.array(truth["value"].to_pylist())[is_mpcwp]
    patients, rows = np.unique(np.array(store.ecgs["patient_id"].to_pylist()), return_index=True)
    visits = np.unique(drawn.patient, return_index=True)[1]
    block, fibrillating = drawn.morphology.lbbb[visits] > 0, drawn.morphology.atrial_fibrillation[visits] > 0
    mpcwp = of_visits[visits]
    kinds = np.where(fibrillating, "AF", np.where(block, "LBBB", "other"))
    texts = [
        "".join(f", {name}" for name, is_it in (("LBBB", b), ("AF", f)) if is_it)
        for b, f in zip(block, fibrillating, strict=True)
    ]
    first = {"normal": drawn.is_normal[visits], "lbbb": block & ~fibrillating, "fibrillation": fibrillating & ~block}
    return Collection(
        waveforms=store.take(rows),
        sampling_rate_hz=store.sampling_rate_hz,
        simulated=True,
        patients=patients,
        labels=[f"mPCWP {value:.0f} mmHg{text}" for value, text in zip(mpcwp, texts, strict=True)],
        kinds=kinds,
        values=mpcwp,
        queries={name: int(np.flatnonzero(is_it)[0]) for name, is_it in first.items()},
    )


def heart_rates(collection: Collection) -> NDArray[np.float64]:
    """Beats per minute of each ECG, shape (n,)."""
    rate = collection.sampling_rate_hz
    beats = [find_r_peaks(waveform, sampling_rate_hz=rate) for waveform in collection.waveforms]
    return np.array([60.0 * rate / np.diff(peaks).mean() if len(peaks) > 1 else np.nan for peaks in beats])


def _read_age(text: str) -> float:
    age = float(text or "nan")
    return _YOUNGEST_OVER_89 if age == _CODE_OF_OVER_89 else age


def _write_age(years: float) -> str:
    return "age unknown" if np.isnan(years) else f"{years:g} y"


def _can_be_compared(ecg: Ecg) -> bool:
    rate = ecg.sampling_rate_hz
    if any(finding.refuse for finding in assess(ecg.waveform, sampling_rate_hz=rate)):
        return False
    return len(find_r_peaks(ecg.waveform, sampling_rate_hz=rate)) >= _LEAST_BEATS


def _read_classes(path: Path) -> tuple[dict[str, str], set[str]]:
    """Return statement -> diagnostic class (NORM, MI, STTC, CD or HYP), and which statements are rhythms."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    classes = {row[""]: row["diagnostic_class"] for row in rows if row["diagnostic"]}
    return classes, {row[""] for row in rows if row["rhythm"]} - {"SR"}


def _describe(codes: Mapping[str, float], classes: Mapping[str, str], rhythms: set[str]) -> tuple[str, str]:
    """Return what kind of ECG it is, and for a reader its diagnostic class, its likeliest statements and its rhythm."""
    diagnoses = sorted((code for code in codes if code in classes), key=lambda code: -codes[code])
    likely = [code for code in diagnoses if codes[code] >= _LIKELY] or diagnoses[:1]
    diagnosis = classes[likely[0]] if likely else ""
    parts = [diagnosis if likely == ["NORM"] else f"{diagnosis} ({' '.join(likely[:2])})"] if likely else []
    text = " ".join([*parts, *(code for code in codes if code in rhythms)])
    kind = next((kind for code, kind in _RHYTHM_KINDS.items() if code in codes), diagnosis)
    return kind or "none", text or "no statement"
