"""Cards say what a run is."""

import numpy as np

from hemometric.settings import FinetuneSettings
from hemometric.training.card import finetuning_card
from hemometric.training.contract import ModelContract, TargetContract
from hemometric.training.labelled import LabelGrid

MPCWP = TargetContract(name="mpcwp", unit="mmHg", label_mean=15.7, label_sd=8.1, events=("mpcwp>15",), head="linear")
CO = TargetContract(name="co", unit="L/min", label_mean=4.6, label_sd=1.2, events=("co<4",), head="linear")


def grid(n_ecgs: int, n_patients: int, *known: int) -> LabelGrid:
    """ECGs of which the first so many have a label of each target."""
    values = np.full((n_ecgs, len(known)), np.nan)
    for column, n_known in enumerate(known):
        values[:n_known, column] = 10.0
    return LabelGrid(np.arange(n_ecgs), values, np.array([f"p{k % n_patients}" for k in range(n_ecgs)]))


def card(*, simulated: bool, targets=(MPCWP,)) -> str:
    contract = ModelContract(
        encoder="compact",
        embedding_dim=128,
        sampling_rate_hz=100,
        n_samples=1000,
        band_hz=None,
        precision="fp32",
        simulated_labels=simulated,
        targets=targets,
    )
    labels = {"train": grid(600, 300, 600, 200), "validation": grid(100, 50, 100, 80)}
    return finetuning_card(FinetuneSettings(freeze=True), contract, source="none", labels=labels, fit=["Fitted well"])


def test_it_names_sizes_target_filter_and_fit():
    said = card(simulated=False)
    for expected in ("600 ECGs of 300 patients", "15.70 +- 8.10 mmHg", "frozen", "no filter", "- Fitted well"):
        assert expected in said
    assert "not a medical device" in said


def test_it_lists_all_targets_with_the_labels_of_each():
    said = card(simulated=False, targets=(MPCWP, CO)).splitlines()
    for expected in (
        "# Estimate of mpcwp, co",
        "- Target: mpcwp in mmHg; events mpcwp>15",
        "- Target: co in L/min; events co<4",
        "- Labels, train: 600 ECGs of 300 patients (mpcwp: 600 of 300, co: 200 of 200)",
        "- Training labels of mpcwp: 15.70 +- 8.10 mmHg",
        "- Training labels of co: 4.60 +- 1.20 L/min",
    ):
        assert expected in said


def test_only_simulated_runs_are_called_simulated():
    assert "SIMULATED" in card(simulated=True)
    assert "SIMULATED" not in card(simulated=False)
