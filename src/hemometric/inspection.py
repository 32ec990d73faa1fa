"""What a store holds, or what was read from one ECG file, in words and as a plot on ECG paper."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hemometric.ecg import LEADS, Ecg
from hemometric.errors import ReadError, SettingsError, StoreError
from hemometric.formats import list_parts_apart, read_ecg_apart
from hemometric.store import Store, describe_rule, find_doubles, list_doubles, quality_of, quality_text, write_quality
from hemometric.targets import known_targets

Rows = list[tuple[str, str]]

_LISTED_PARTS = 20
_LISTED_DOUBLES = 20


def inspect_path(path: Path, *, part: str | None = None, plot: Path | None = None, save_quality: bool = False) -> str:
    """Describe a store or an ECG file; list the ECGs of a file that holds several.

    Args:
        path: A directory made by ingest or simulate, or an ECG file.
        part: Which ECG of a file that holds several.
        plot: Where to draw the ECG (PNG); only for one ECG.
        save_quality: Write what was counted into the store, as its `quality.csv`.

    Returns:
        Lines of text for a person.

    Raises:
        ReadError: The file is not an ECG that can be read, or a folder that is no store.
        SettingsError: A plot or a part is asked for of a whole store, or to save the counts of a file.
        StoreError: The store cannot be read, or written where that is asked for.
    """
    if path.is_dir() and (path / "manifest.json").is_file():
        if plot is not None or part is not None:
            asked = "--plot draws" if part is None else "--part names"
            raise SettingsError(f"{asked} one ECG, but {path} is a store: name an ECG file")
        if save_quality:
            write_quality(path)
        store = Store.open(path)
        return f"{as_text(describe_store(store))}\n\n{quality_text(quality_of(store))}"
    if save_quality:
        raise SettingsError(f"--save-quality is for a store, but {path} is none")
    if path.is_dir():
        raise ReadError(path, "is a folder but no store: name an ECG file, or ingest the folder first", code="no-store")
    if part is None and plot is None and len(parts := list_parts_apart(path)) > 1:
        return describe_parts(path, parts)
    ecg = read_ecg_apart(path, part=part)
    text = as_text(describe_ecg(ecg))
    if plot is not None:
        from hemometric.waveform import plot_ecg

        plot_ecg(ecg, plot)
        text += f"\nplot: {plot}"
    return text


def describe_parts(path: Path, parts: Sequence[str | None]) -> str:
    """List the ECGs of a file that holds several, the first 20 by name, and say how to see one."""
    shown = [f"  {part}" for part in parts[:_LISTED_PARTS]]
    more = [f"  ... and {len(parts) - _LISTED_PARTS:,} more"] if len(parts) > _LISTED_PARTS else []
    head = f"{path} holds {len(parts):,} ECGs; see one with --part {parts[0]}"
    return "\n".join([head, *shown, *more])


def as_text(rows: Rows) -> str:
    """Align names and values in two columns."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def describe_ecg(ecg: Ecg) -> Rows:
    """Say what was read from one file: who, when, rate, length, amplitudes (mV), quality and the reader's remarks."""
    from hemometric.waveform import assess

    # A lead of nothing but gaps has no largest value.
    peak = np.fmax.reduce(np.abs(ecg.waveform), axis=1)
    findings = assess(ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz)
    rows: Rows = [
        ("ecg_id", ecg.ecg_id),
        ("patient_id", ecg.patient_id or "unknown"),
        ("age, sex", f"{'unknown' if ecg.age_years is None else f'{ecg.age_years:g} years'}, {ecg.sex or 'unknown'}"),
        ("acquired at", ecg.acquired_at or "unknown"),
        ("sampling rate", f"{ecg.sampling_rate_hz:g} Hz"),
        ("length", f"{ecg.duration_s:g} s ({ecg.n_samples:,} samples)"),
        (
            "largest |mV|",
            "  ".join(
                f"{lead} {'none' if np.isnan(value) else f'{value:.2f}'}"
                for lead, value in zip(LEADS, peak, strict=True)
            ),
        ),
        ("quality", "; ".join(f"{f.code}: {f.detail}" for f in findings) or "nothing found"),
    ]
    rows += [("note", note) for note in ecg.notes]
    return rows


def describe_store(store: Store) -> Rows:
    """Count a store's ECGs, patients, splits, exact copies and labels."""
    table = store.ecgs
    patients = np.asarray(table["patient_id"].to_pylist(), dtype=str)
    known = np.asarray(table["patient_id_known"].to_pylist(), dtype=bool)
    age = np.array([np.nan if value is None else value for value in table["age_years"].to_pylist()], dtype=float)
    rates = Counter(table["sampling_rate_hz_original"].to_pylist())
    rows: Rows = [
        ("store", str(store.path)),
        ("data", "SIMULATED, never clinical" if store.simulated else "recorded"),
        ("ECGs", f"{len(store):,} of {store.n_samples / store.sampling_rate_hz:g} s at {store.sampling_rate_hz:g} Hz"),
        ("stored leads", " ".join(store.manifest.stored_leads)),
        ("patients", f"{len(np.unique(patients[known])):,} known"),
        ("ECGs of unknown patients", f"{int((~known).sum()):,} (each counted as a patient of its own)"),
        ("original rates", ", ".join(f"{rate:g} Hz: {count:,}" for rate, count in sorted(rates.items()))),
        ("sex", ", ".join(f"{sex or 'unknown'}: {n:,}" for sex, n in Counter(table["sex"].to_pylist()).most_common())),
        ("age, years", _quartiles(age)),
        ("acquired", describe_times(table["acquired_at"].to_pylist())),
    ]
    return [*rows, ("splits, ECGs", _describe_splits(store)), *_double_rows(store), *_label_rows(store)]


def _describe_splits(store: Store) -> str:
    try:
        splits = Counter(store.splits().tolist())
    except StoreError as error:  # all else that is to be seen helps to mend it
        return f"NOT USABLE: {error}"
    return f"{', '.join(f'{name}: {count:,}' for name, count in splits.items())} ({describe_rule(store.path)})"


def _double_rows(store: Store) -> Rows:
    doubles = find_doubles(store.ecgs)
    if not doubles:
        return [("exact copies", "none")]
    n_torn = sum(double.n_patients > 1 for double in doubles)
    torn = f"; {n_torn:,} of them under different patients, who share a split" if n_torn else ""
    listed = list_doubles(doubles, most=_LISTED_DOUBLES)
    return [("exact copies", f"{len(doubles):,} ECGs are there more than once{torn}"), *(("", line) for line in listed)]


def _quartiles(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "unknown"
    low, middle, high = np.percentile(finite, [25, 50, 75])
    return f"median {middle:.0f} [{low:.0f}, {high:.0f}], unknown for {len(values) - len(finite):,} ECGs"


def describe_times(times: Sequence[str | None]) -> str:
    """Between which days ECGs were acquired (ISO 8601), and of how many no day is known."""
    days = sorted(time[:10] for time in times if time)
    if not days:
        return "unknown, so that no catheter value can be linked"
    return f"{days[0]} to {days[-1]}, unknown for {len(times) - len(days):,} ECGs"


def _label_rows(store: Store) -> Rows:
    labels, links = store.labels(), store.links()
    if labels is None:
        return [("labels", "none; add them with `hemometric link`")]
    rows: Rows = []
    linked = Counter() if links is None else Counter(links["target"].to_pylist())
    names = np.asarray(labels["target"].to_pylist(), dtype=str)
    values = np.asarray(labels["value"].to_pylist(), dtype=float)
    for name, target in known_targets().items():
        chosen = values[names == name]
        if len(chosen):
            ecgs = "not linked yet" if links is None else f"linked to {linked[name]:,} ECGs"
            rows.append(
                (f"labels {name}", f"{len(chosen):,}, {chosen.mean():.1f} ± {chosen.std():.1f} {target.unit}, {ecgs}")
            )
    return rows
