"""Cards say what a run is."""

from hemometric.settings import FinetuneSettings
from hemometric.training.card import finetuning_card
from hemometric.training.contract import ModelContract, TargetContract


def card(*, simulated: bool) -> str:
    target = TargetContract(
        name="mpcwp", unit="mmHg", label_mean=15.7, label_sd=8.1, events=("mpcwp>15",), head="linear"
    )
    contract = ModelContract(
        encoder="compact",
        embedding_dim=128,
        sampling_rate_hz=100,
        n_samples=1000,
        band_hz=None,
        precision="fp32",
        simulated_labels=simulated,
        targets=(target,),
    )
    counts = {"train": (600, 300), "validation": (100, 50)}
    return finetuning_card(FinetuneSettings(freeze=True), contract, source="none", counts=counts, fit=["Fitted well"])


def test_it_names_sizes_target_filter_and_fit():
    said = card(simulated=False)
    for expected in ("600 ECGs of 300 patients", "15.70 +- 8.10 mmHg", "frozen", "no filter", "- Fitted well"):
        assert expected in said
    assert "not a medical device" in said


def test_only_simulated_runs_are_called_simulated():
    assert "SIMULATED" in card(simulated=True)
    assert "SIMULATED" not in card(simulated=False)
