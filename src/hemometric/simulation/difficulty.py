"""How well the best possible reader of the simulated ECGs could do: the ceiling that an encoder cannot pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hemometric.simulation.circulation import FloatVector
from hemometric.simulation.morphology import Morphology

FloatMatrix = NDArray[np.float64]

_N_FOLDS = 4


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Cross-validated discrimination of the measured mPCWP from the ECG's true parameters with age and sex.

    Attributes:
        n_visits: Visits used.
        auroc_above_15: Of mPCWP > 15 mmHg.
        auroc_above_18: Of mPCWP > 18 mmHg.
        pearson_r: Between estimate and measured value.
        rmse_mmhg: Of the estimate.
        demographics_auroc_above_15: Of mPCWP > 15 mmHg from age and sex alone.
    """

    n_visits: int
    auroc_above_15: float
    auroc_above_18: float
    pearson_r: float
    rmse_mmhg: float
    demographics_auroc_above_15: float


def ceiling(
    morphology: Morphology,
    *,
    age_years: FloatVector,
    female: NDArray[np.bool_],
    mpcwp_mmhg: FloatVector,
    patient: NDArray[np.int64],
) -> Ceiling:
    """Estimate the ceiling by logistic and ridge regression on the true parameters, cross-validated by patient.

    On the prototype of this simulator gradient-boosted trees (0.82) and a Monte-Carlo posterior (0.81, a lower bound)
    did not pass the linear models (0.83), so those stand for the best possible reader.

    Args:
        morphology: Of m visits.
        age_years: Shape (m,).
        female: Shape (m,).
        mpcwp_mmhg: Shape (m,), measured.
        patient: Shape (m,); visits of a patient are never in two folds.
    """
    demographics = np.column_stack([age_years, female])
    features = np.column_stack([_without_gaps(morphology), demographics])
    above = {threshold: mpcwp_mmhg > threshold for threshold in (15.0, 18.0)}
    estimate = _cross_fit(features, mpcwp_mmhg, patient=patient)
    return Ceiling(
        n_visits=len(patient),
        auroc_above_15=_auroc(features, above[15.0], patient=patient),
        auroc_above_18=_auroc(features, above[18.0], patient=patient),
        pearson_r=float(np.corrcoef(estimate, mpcwp_mmhg)[0, 1]),
        rmse_mmhg=float(np.sqrt(np.mean((estimate - mpcwp_mmhg) ** 2))),
        demographics_auroc_above_15=_auroc(demographics, above[15.0], patient=patient),
    )


def _without_gaps(morphology: Morphology) -> FloatMatrix:
    """Parameters as columns; what does not exist in atrial fibrillation gets the median of the others."""
    columns = np.column_stack(morphology)
    return np.where(np.isnan(columns), np.nanmedian(columns, axis=0), columns)


def _auroc(features: FloatMatrix, event: NDArray[np.bool_], *, patient: NDArray[np.int64]) -> float:
    """NaN where a fold lacks one of the classes."""
    score = np.empty(len(event))
    for train, test in GroupKFold(_N_FOLDS).split(features, event, patient):
        if len(np.unique(event[train])) < 2:
            return float("nan")
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(features[train], event[train])
        score[test] = model.decision_function(features[test])
    return float(roc_auc_score(event, score)) if len(np.unique(event)) == 2 else float("nan")


def _cross_fit(features: FloatMatrix, value: FloatVector, *, patient: NDArray[np.int64]) -> FloatVector:
    estimate = np.empty(len(value))
    for train, test in GroupKFold(_N_FOLDS).split(features, value, patient):
        model = make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(features[train], value[train])
        estimate[test] = model.predict(features[test])
    return estimate
