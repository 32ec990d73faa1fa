"""`card.md`: what a run was trained on and reads, for the person who finds it later."""

from collections.abc import Mapping, Sequence

import numpy as np

from hemometric.settings import FinetuneSettings, PretrainSettings
from hemometric.training.contract import ModelContract, TargetContract
from hemometric.training.labelled import LabelGrid, Role
from hemometric.training.loop import Progress
from hemometric.training.plan import PretrainingPlan

_NOT_A_DEVICE = "Research software; not a medical device."
SIMULATED = "**SIMULATED**: the weights were fitted to simulated patients. Nothing here is clinical performance."


def pretraining_card(
    settings: PretrainSettings,
    contract: ModelContract,
    progress: Progress,
    plan: PretrainingPlan,
    *,
    label_counts: Mapping[str, tuple[int, int]] | None = None,
) -> str:
    """The card of a pretrained run, Markdown.

    Args:
        settings: Of the pretraining.
        contract: Of the model.
        progress: How it went.
        plan: What was read.
        label_counts: For each role, labelled ECGs and their patients; None where the objective reads no labels.
    """
    rows = plan.train_rows
    labels = "without labels"
    if label_counts is not None:
        seen = [f"{role}: {n:,} ECGs of {m:,} patients" for role, (n, m) in label_counts.items() if n]
        labels = f"with labels of {settings.target} ({'; '.join(seen)})"
    best = "none: the validation split was too small, the last weights were kept"
    if progress.best_loss is not None:
        best = f"{progress.best_loss:.4f} at step {progress.best_step:,} of {progress.step:,} (these weights were kept)"
    lines = [
        f"- Objective: {settings.objective}",
        f"- Trained on: {len(rows):,} ECGs of {len(np.unique(plan.patient_codes[rows])):,} patients, {labels}",
        f"- Left out: {plan.n_left_out:,} patients with one ECG",
        f"- Validation loss: {best}",
    ]
    return _card("Pretrained encoder", contract, lines)


def finetuning_card(
    settings: FinetuneSettings,
    contract: ModelContract,
    *,
    source: str,
    labels: Mapping[Role, LabelGrid],
    fit: Sequence[str],
) -> str:
    """The card of a fine-tuned run, Markdown.

    Args:
        settings: Of the fine-tuning.
        contract: Of the model.
        source: What the encoder was before.
        labels: For each role, the labelled ECGs; their values in the order of the contract's targets.
        fit: Sentences on the fit and on its calibration.
    """
    beside = [] if contract.features is None else [f"{len(contract.features.names)} hand-made features"]
    lines = [
        *(f"- Target: {one.name} in {one.unit}; events {', '.join(one.events)}" for one in contract.targets),
        f"- Encoder before: {source}; {'frozen' if settings.freeze else 'trained with the heads'}",
        *(f"- The heads read, beside the embedding: {one}" for one in beside),
        *(f"- Labels, {role}: {_count(grid, contract)}" for role, grid in labels.items()),
        *(
            f"- Training labels{_of(one, contract)}: {one.label_mean:.2f} +- {one.label_sd:.2f} {one.unit}"
            for one in contract.targets
        ),
        *(f"- {sentence}" for sentence in fit),
    ]
    return _card(f"Estimate of {', '.join(one.name for one in contract.targets)}", contract, lines)


def _of(target: TargetContract, contract: ModelContract) -> str:
    """The target, where there are others."""
    return f" of {target.name}" if len(contract.targets) > 1 else ""


def _count(grid: LabelGrid, contract: ModelContract) -> str:
    """How many ECGs and patients; with several targets, of each too."""
    said = "{:,} ECGs of {:,} patients".format(*grid.counts)
    if len(contract.targets) == 1:
        return said
    parts = [
        "{}: {:,} of {:,}".format(one.name, *grid.of(column).counts) for column, one in enumerate(contract.targets)
    ]
    return f"{said} ({', '.join(parts)})"


def _card(title: str, contract: ModelContract, lines: Sequence[str]) -> str:
    band = "no filter" if contract.band_hz is None else f"band-pass {contract.band_hz[0]:g}-{contract.band_hz[1]:g} Hz"
    reads = (
        f"- Reads: 12 leads ({' '.join(contract.leads)}), {contract.duration_s:g} s at {contract.sampling_rate_hz:g} "
        f"samples per second in {contract.unit}, {band}, normalisation {contract.normalisation}"
    )
    encoder = f"- Encoder: {contract.encoder}, embedding of {contract.embedding_dim}, trained in {contract.precision}"
    warning = [SIMULATED, ""] if contract.trained_on_simulated else []
    return "\n".join([f"# {title}", "", *warning, _NOT_A_DEVICE, "", *lines, encoder, reads, ""])
