"""STEP evaluate: a run and a store -> report.json, report.html and figures/, on patients the run has not seen."""

import secrets
import shutil
from pathlib import Path
from typing import Literal

import numpy as np

import hemometric
from hemometric.errors import LabelError, SettingsError
from hemometric.evaluation.baselines import (
    Device,
    Thresholds,
    baselines_file,
    freeze,
    predict_baselines,
    read_baselines,
    read_demographics,
)
from hemometric.evaluation.classification import FROZEN_SENSITIVITY
from hemometric.evaluation.figures import draw_figures
from hemometric.evaluation.judge import Setting, judge
from hemometric.evaluation.model import predict_run
from hemometric.evaluation.page import render_page
from hemometric.evaluation.predictions import Measurements, Predictions
from hemometric.evaluation.report import Provenance, Report
from hemometric.evaluation.run_facts import RunFacts, find_rows, read_run, refuse_seen_patients
from hemometric.labels import measured_labels
from hemometric.progress import say
from hemometric.settings import suggest
from hemometric.store import SPLITS, Store
from hemometric.targets import Target

REPORT_JSON, REPORT_HTML, FIGURES = "report.json", "report.html", "figures"
ALL = "all"
"""Instead of a split: every ECG of the store."""

THRESHOLD_RULE = (
    f"the highest probability that warns of at least {100 * FROZEN_SENSITIVITY:.0f} % of the events among the "
    "validation patients"
)


def evaluate(  # noqa: PLR0913  (the interface that the plan names; each argument is one decision of the user)
    run: str | Path,
    store: Store,
    *,
    out: Path,
    split: str = "test",
    labels: Literal["links", "truth"] = "links",
    n_bootstrap: int = 1000,
    seed: int = 0,
    device: Device = "auto",
    target: str | None = None,
) -> Report:
    """Judge one target of a run against its baselines on patients that the run has never seen.

    Args:
        run: A fine-tuned run, best with baselines (`fit_baselines`).
        store: The store it was fitted to, or another one.
        out: Directory of the report. A report that is there is replaced in one step; anything else is refused.
        split: Of the store, or "all" of an archive of other patients; refused where the run has seen one of them.
        labels: "links": the ECGs with a linked catheter value. "truth": every visit's measurement of a simulated store.
        n_bootstrap: Resamples of patients.
        seed: Of the resamples.
        device: Where to compute.
        target: One of the run's; None: its first.

    Returns:
        What stands in `out`/report.json.

    Raises:
        RunError: The run is not fine-tuned or incomplete, or has seen one of the patients to be judged.
        LabelError: The split has no ECG with a value of the target.
        SettingsError: `out` holds something that is not a report, there is no such split, or the run does not estimate
            the target.
    """
    _check_place(out)
    facts = read_run(run, target=target)
    rows, measurements = _choose_ecgs(facts, store, split=split, labels=labels)
    what = f"{len(rows):,} ECGs of {measurements.n_patients:,} patients ({split})"
    say(f"judge {facts.target.name} of {facts.path.name}: {what}")
    fitted = read_baselines(facts.path, baselines_file(facts))
    thresholds = _find_thresholds(facts, store, fitted.thresholds.get("run") if fitted else None, device=device)
    own = predict_run(facts.path, store, rows, device=device, thresholds=thresholds, target=facts.target.name)
    others = predict_baselines(facts.path, fitted, store, rows, device=device) if fitted else {}
    setting = Setting(
        simulated=store.simulated,
        split=split,
        data_fingerprint=store.fingerprint,
        provenance=Provenance(
            run=facts.path.resolve().name,
            source=facts.source,
            hemometric_version=hemometric.__version__,
            labels=labels,
            label_counts=facts.label_counts,
            trained_on_simulated=facts.trained_on_simulated,
            simulator_version=store.simulator_version,
            training_data_fingerprint=facts.data_fingerprint,
            seed=seed,
            n_bootstrap=n_bootstrap,
            threshold_rule=THRESHOLD_RULE,
        ),
        notes=_say_what_is_missing(own, others),
    )
    report = judge(facts.target, measurements, own, others, setting)
    write_report(out, report, measurements, own, others, target=facts.target)
    return report


def write_report(
    out: Path,
    report: Report,
    measurements: Measurements,
    run: Predictions,
    baselines: dict[str, Predictions],
    *,
    target: Target,
) -> None:
    """Write report.json, report.html and figures/ beside their place, then put them there in one step.

    Raises:
        SettingsError: `out` holds something that is not a report.
    """
    _check_place(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    mark = secrets.token_hex(4)
    aside, old = out.with_name(f".{out.name}.writing-{mark}"), out.with_name(f".{out.name}.replaced-{mark}")
    try:
        (aside / FIGURES).mkdir(parents=True)
        figures = draw_figures(aside / FIGURES, report, measurements, run, baselines, target=target)
        (aside / REPORT_HTML).write_text(render_page(report, target=target, figures=figures), encoding="utf-8")
        (aside / REPORT_JSON).write_text(report.to_json(), encoding="utf-8")
        if out.exists():
            out.rename(old)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _check_place(out: Path) -> None:
    if not out.exists():
        return
    if out.is_dir():
        found = {path.name for path in out.iterdir()}
        if not found or (REPORT_JSON in found and found <= {REPORT_JSON, REPORT_HTML, FIGURES}):
            return
    raise SettingsError(f"{out}: exists and is not a report (only a report is replaced): name another directory")


def _choose_ecgs(
    facts: RunFacts, store: Store, *, split: str, labels: Literal["links", "truth"]
) -> tuple[np.ndarray, Measurements]:
    known = measured_labels(store, facts.target.name, source=labels)
    if split not in (*SPLITS, ALL):
        raise SettingsError(f"unknown split {split!r}{suggest(split, (*SPLITS, ALL))}")
    inside = np.full(len(known.rows), True) if split == ALL else store.splits()[known.rows] == split
    if not inside.any():
        raise LabelError(
            f"{store.path}: no ECG of the {split} split has a value of {facts.target.name} ({len(known.rows):,} of "
            "other splits have one): link more catheter values, or name another split"
        )
    rows, values = known.rows[inside], known.values[inside]
    patients = np.array(store.ecgs["patient_id"].take(rows).to_pylist(), dtype=np.str_)
    refuse_seen_patients(facts, patients, store=store, split=split)
    age, sex = read_demographics(store, rows)
    return rows, Measurements(measured=values, patient_ids=patients, age_years=age, sex=sex)


def _find_thresholds(facts: RunFacts, store: Store, frozen: Thresholds | None, *, device: Device) -> Thresholds:
    """The run's thresholds as they were frozen, or frozen now where the validation ECGs are in this store."""
    if frozen is not None:
        return frozen
    validation = facts.labels["validation"]
    if store.fingerprint != facts.data_fingerprint or len(validation.values) == 0:
        return {}
    rows = find_rows(store, validation.ecg_ids)
    if rows is None:
        return {}
    said = predict_run(facts.path, store, rows, device=device, target=facts.target.name)
    return freeze(facts.target, validation, said)


def _say_what_is_missing(own: Predictions, others: dict[str, Predictions]) -> tuple[str, ...]:
    notes = []
    if own.low is None:
        notes.append("The run had too few calibration patients to bound its intervals: coverage is undefined.")
    if not others:
        notes.append("No baselines were fitted for this run: nothing here shows that it beats something simpler.")
    return tuple(notes)
