"""Metrics on the sample and on every resample of it, kept, so that means over seeds and differences stay paired.

A study draws the patients to resample once for all models. A metric's replicates are its value on the test patients as
they are, then on each resample; averaging replicates over seeds, or subtracting those of two models, resample by
resample, gives the interval of the mean or of the paired difference.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hemometric.errors import RunError
from hemometric.evaluation.bootstrap import Resamples
from hemometric.evaluation.calibration import weighted_calibration
from hemometric.evaluation.classification import happened, weighted_brier, weighted_ranking
from hemometric.evaluation.predictions import FloatArray, Predictions
from hemometric.evaluation.regression import weighted_regression
from hemometric.targets import Target
from hemometric.training.files import write_whole

Replicates = dict[str, FloatArray]
"""Metric -> shape (1 + n_bootstrap,): on the sample, then on each resample; NaN where undefined."""

_SCHEMA = pa.schema(
    [
        pa.field("panel", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("labels", pa.int64(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("values", pa.list_(pa.float64()), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """What was measured of a model.

    Attributes:
        panel: Where its labels come from.
        target: What is estimated.
        labels: Labeled training patients; 0 where none has a part in it.
        metric: Such as "rmse" or "auroc:mpcwp>15".
    """

    panel: str
    target: str
    labels: int
    metric: str


def judge_replicates(target: Target, measured: FloatArray, said: Predictions, resamples: Resamples) -> Replicates:
    """Every metric of a model on the judged ECGs.

    Args:
        target: What is estimated.
        measured: Shape (n_ecgs,), in the target's unit.
        said: What the model says of the same ECGs.
        resamples: Of their patients.

    Returns:
        Regression metrics by their names; of each event "auroc:KEY", "auprc:KEY", "brier:KEY",
        "calibration_intercept:KEY", "calibration_slope:KEY" and "oe_ratio:KEY".
    """
    pieces: list[Mapping[str, FloatArray]] = []
    for weights in resamples.weights():
        piece = weighted_regression(measured, said.estimate, weights)
        for event in target.events:
            events, probability = happened(event, measured), said.probability[event.key]
            calibration = weighted_calibration(events, probability, weights)
            piece |= {
                f"{name}:{event.key}": area for name, area in weighted_ranking(events, probability, weights).items()
            }
            piece[f"brier:{event.key}"] = weighted_brier(events, probability, weights)
            piece[f"calibration_intercept:{event.key}"] = calibration["intercept"]
            piece[f"calibration_slope:{event.key}"] = calibration["slope"]
            piece[f"oe_ratio:{event.key}"] = calibration["oe_ratio"]
        pieces.append(piece)
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def mean_over_seeds(of_each_seed: Sequence[FloatArray]) -> FloatArray:
    """The replicates of the mean over seeds: the same resample of patients in all seeds, then the mean."""
    mean: FloatArray = np.mean(np.stack(of_each_seed), axis=0)
    return mean


def write_replicates(path: Path, found: Mapping[Measure, FloatArray]) -> None:
    """Write replicates to a parquet file, as a whole or not at all."""
    rows = [
        {"panel": one.panel, "target": one.target, "labels": one.labels, "metric": one.metric, "values": values}
        for one, values in found.items()
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def read_replicates(path: Path) -> dict[Measure, FloatArray]:
    """Read what `write_replicates` wrote.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        table = pq.read_table(path, schema=_SCHEMA)
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{path}: cannot be read ({error}): remove its folder and go on with --resume") from error
    names = zip(*(table[name].to_pylist() for name in ("panel", "target", "labels", "metric")), strict=True)
    values = table["values"].combine_chunks()
    ends = values.offsets.to_numpy()
    flat = values.values.to_numpy(zero_copy_only=False)
    return {Measure(*name): flat[ends[k] : ends[k + 1]] for k, name in enumerate(names)}
