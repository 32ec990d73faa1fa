"""Inference: a run directory and an ECG -> value, interval, probabilities, or the reason for a refusal."""

from hemometric.inference.embedding import embed, embed_rows
from hemometric.inference.prediction import (
    Prediction,
    RowPredictions,
    TargetEstimate,
    predictions_json,
    predictions_text,
)
from hemometric.inference.predictor import Predictor

__all__ = [
    "Prediction",
    "Predictor",
    "RowPredictions",
    "TargetEstimate",
    "embed",
    "embed_rows",
    "predictions_json",
    "predictions_text",
]
