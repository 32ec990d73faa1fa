"""From measurements and predictions to the numbers of a report."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hemometric.evaluation.bootstrap import MIN_PATIENTS, Resamples, draw_patients, intervals, paired_difference
from hemometric.evaluation.calibration import weighted_calibration
from hemometric.evaluation.classification import happened, weighted_auroc, weighted_classification
from hemometric.evaluation.predictions import FloatArray, Measurements, Predictions
from hemometric.evaluation.regression import weighted_fraction, weighted_regression, weighted_rmse
from hemometric.evaluation.report import (
    Baseline,
    Calibration,
    Classification,
    Coverage,
    Difference,
    Provenance,
    Regression,
    Report,
    Uncertainty,
)
from hemometric.evaluation.subgroups import covered, judge_subgroups
from hemometric.targets import Event, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a report says about itself besides its numbers.

    Attributes:
        simulated: Whether the judged ECGs are simulated.
        split: Name of the judged split.
        data_fingerprint: Of the judged store.
        provenance: Where the numbers come from; its seed and n_bootstrap are used for the bootstrap.
        notes: Sentences that a reader must see.
    """

    simulated: bool
    split: str
    data_fingerprint: str
    provenance: Provenance
    notes: tuple[str, ...] = ()


def judge(
    target: Target,
    measurements: Measurements,
    run: Predictions,
    baselines: Mapping[str, Predictions],
    setting: Setting,
) -> Report:
    """Compute every number of a report, with patient-clustered intervals and differences paired on the same draws.

    Args:
        target: What was estimated.
        measurements: What was measured, one entry per judged ECG.
        run: What the judged model said about the same ECGs.
        baselines: What each simpler model said about them.
        setting: What the report says about itself.
    """
    made_by = setting.provenance
    resamples = draw_patients(measurements.patient_ids, n_bootstrap=made_by.n_bootstrap, seed=made_by.seed)
    return Report(
        target=target.name,
        unit=target.unit,
        simulated=setting.simulated,
        split=setting.split,
        n_patients=resamples.n_patients,
        n_ecgs=len(measurements.measured),
        data_fingerprint=setting.data_fingerprint,
        regression=_judge_regression(measurements, run, resamples),
        classification=_judge_classification(target, measurements, run, resamples),
        calibration={event.key: _judge_calibration(event, measurements, run, resamples) for event in target.events},
        uncertainty=_judge_uncertainty(measurements, run, resamples),
        subgroups=judge_subgroups(measurements, run, target.events[0], resamples),
        baselines={
            name: Baseline(
                regression=_judge_regression(measurements, baseline, resamples),
                classification=_judge_classification(target, measurements, baseline, resamples),
                difference=_judge_difference(target, measurements, run, baseline, resamples),
            )
            for name, baseline in baselines.items()
        },
        notes=(*setting.notes, *_say_what_is_undefined(target, measurements, run)),
        provenance=made_by,
    )


def _judge_regression(measurements: Measurements, model: Predictions, resamples: Resamples) -> Regression:
    def metrics(weights: FloatArray) -> dict[str, FloatArray]:
        return weighted_regression(measurements.measured, model.estimate, weights)

    return Regression(**intervals(metrics, resamples))


def _judge_classification(
    target: Target, measurements: Measurements, model: Predictions, resamples: Resamples
) -> dict[str, Classification]:
    judged = {}
    for event in target.events:
        events = happened(event, measurements.measured)
        probability, threshold = model.probability[event.key], model.thresholds.get(event.key)

        def metrics(
            weights: FloatArray,
            events: np.ndarray = events,
            probability: FloatArray = probability,
            threshold: float | None = threshold,
        ) -> dict[str, FloatArray]:
            return weighted_classification(events, probability, weights, threshold=threshold)

        judged[event.key] = Classification(
            prevalence=float(events.mean()), threshold=threshold, **intervals(metrics, resamples)
        )
    return judged


def _judge_calibration(event: Event, measurements: Measurements, run: Predictions, resamples: Resamples) -> Calibration:
    events, probability = happened(event, measurements.measured), run.probability[event.key]
    return Calibration(**intervals(lambda weights: weighted_calibration(events, probability, weights), resamples))


def _judge_uncertainty(measurements: Measurements, run: Predictions, resamples: Resamples) -> Uncertainty:
    hits = covered(measurements, run)
    if hits is None:
        coverage = Coverage(nominal=run.nominal_coverage, value=None, low=None, high=None)
    else:
        held = intervals(lambda weights: {"coverage": weighted_fraction(hits, weights)}, resamples)["coverage"]
        coverage = Coverage(nominal=run.nominal_coverage, value=held.value, low=held.low, high=held.high)
    return Uncertainty(coverage=coverage, auroc_by_reliability_decile=(), risk_coverage=())


def _judge_difference(
    target: Target, measurements: Measurements, run: Predictions, baseline: Predictions, resamples: Resamples
) -> Difference:
    measured = measurements.measured

    def rmse(estimate: FloatArray, weights: FloatArray) -> FloatArray:
        return weighted_rmse(measured, estimate, weights)

    def pearson_r(estimate: FloatArray, weights: FloatArray) -> FloatArray:
        return weighted_regression(measured, estimate, weights)["pearson_r"]

    by_event = {}
    for event in target.events:
        events = happened(event, measured)

        def auroc(probability: FloatArray, weights: FloatArray, events: np.ndarray = events) -> FloatArray:
            return weighted_auroc(events, probability, weights)

        by_event[event.key] = paired_difference(
            auroc, run.probability[event.key], baseline.probability[event.key], resamples
        )
    return Difference(
        rmse=paired_difference(rmse, run.estimate, baseline.estimate, resamples),
        pearson_r=paired_difference(pearson_r, run.estimate, baseline.estimate, resamples),
        auroc=by_event,
    )


def _say_what_is_undefined(target: Target, measurements: Measurements, run: Predictions) -> list[str]:
    """One plain sentence for each reason why numbers of the report are null."""
    notes = []
    if measurements.n_patients < MIN_PATIENTS:
        notes.append(f"Patients judged: {measurements.n_patients}. An interval needs {MIN_PATIENTS}, so none is given.")
    for event in target.events:
        n_events = int(happened(event, measurements.measured).sum())
        if n_events in (0, len(measurements.measured)):
            kind = "No" if n_events == 0 else "Every"
            notes.append(
                f"{kind} judged ECG has {event.key}: what needs both kinds (AUROC, AUPRC, calibration) is undefined."
            )
        if run.thresholds.get(event.key) is None:
            notes.append(
                f"No threshold was frozen for {event.key}: sensitivity, specificity, PPV and NPV are undefined."
            )
    n_ecgs = len(measurements.measured)
    unknown = {"age": ~np.isfinite(measurements.age_years), "sex": measurements.sex == ""}
    for name, where in unknown.items():
        if where.any():
            notes.append(f"Of {n_ecgs:,} ECGs, {int(where.sum()):,} are of unknown {name}: in no {name} group.")
    return notes
