"""STEP finetune: a pretrained (or new) encoder and a few labels -> estimates of targets, each in its unit."""

import copy
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from hemometric.encoders import Encoder, build_encoder
from hemometric.errors import TrainingError
from hemometric.progress import say
from hemometric.settings import FinetuneSettings, PretrainSettings
from hemometric.store import Store
from hemometric.store.durable import digest_file
from hemometric.targets import TARGETS, find_target
from hemometric.training.batches import PreparedEcgs
from hemometric.training.calibration import Judged, calibrate, write_calibrations
from hemometric.training.card import finetuning_card
from hemometric.training.contract import ModelContract, TargetContract
from hemometric.training.device import keep_freed_memory, resolve_device, resolve_precision
from hemometric.training.files import write_whole
from hemometric.training.fitting import Fitted, LabelledData, fit
from hemometric.training.forward import embed_in_batches
from hemometric.training.hand_features import FeatureTable, fit_features, measure_rows, refuse_slow, standardise
from hemometric.training.labelled import (
    LabelGrid,
    Role,
    choose_label_grids,
    grid_table,
    table_bytes,
    table_fingerprint,
)
from hemometric.training.members import (
    Estimator,
    estimate_members,
    member_place,
    member_seed,
    new_heads,
    write_members,
)
from hemometric.training.pretrain import check_store
from hemometric.training.randomness import Purpose, seeded_layers, torch_seed
from hemometric.training.runs import (
    CONFORMAL,
    ENCODER_WEIGHTS,
    Run,
    begin_run,
    finish_run,
    write_splits,
)

Source = Path | Literal["none", "random"]
Labels = dict[Role, LabelGrid]


def finetune(
    store: Store,
    *,
    source: Source,
    out: Path,
    settings: FinetuneSettings,
    resume: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Fit estimates of one or several targets to the labels of a store; its test split is never read.

    Every learning rate of the settings is tried, the probe too where the method has one, and the weights with the
    lowest validation loss are kept. The interval and the probabilities of each target are then fitted to its labels of
    the calibration split.

    Args:
        store: With linked labels; its sampling rate need not be that of the pretraining store.
        source: A pretrained run, "none" (a new encoder, trained with the heads) or "random" (a new encoder, frozen).
        out: The run to write; it is finished when this returns.
        settings: See `FinetuneSettings`.
        resume: Go on with an interrupted run; on none it starts, on a finished one it changes nothing.
        device: Where to compute.

    Raises:
        SettingsError: An unknown target or encoder, or a device or precision that is not to be had.
        LabelError: The store has no labels of a target.
        TrainingError: Too few labels of a target, a store that the encoder cannot read, features that cannot be
            measured on what it reads, or a loss that is not finite.
        RunError: `source` is no finished run; or `out` exists without `resume`, or was begun with other settings.
    """
    where = resolve_device(device)
    settings = _resolve_method(settings, source)
    encoder, contract, settings = _start(source, settings, store, device=where)
    labels = choose_label_grids(store, targets=settings.targets, n_labels=settings.n_labels, seed=settings.seed)
    contract = contract.model_copy(update={"targets": _target_contracts(labels["train"], settings)})
    table = grid_table(store, labels, targets=settings.targets)
    description = _describe(store, source, settings, contract)
    if begin_run(out, {**description, "label_fingerprint": table_fingerprint(table)}, resume=resume):
        say(f"{out}: is finished already")
        return
    keep_freed_memory()
    rows = np.concatenate([chosen.rows for chosen in labels.values()])
    ecgs = PreparedEcgs(store, rows, contract=contract, memory_gib=settings.memory_gib)
    contract, features = _measure(ecgs, labels, contract) if settings.with_features else (contract, None)
    names = store.ecgs["ecg_id"].take(labels["train"].rows).to_pylist()
    data = LabelledData(ecgs, labels["train"], labels["validation"], names, features)
    members = []
    for number in range(settings.n_members):
        own = settings.model_copy(update={"seed": member_seed(settings.seed, number)})
        model = _new_member(encoder, source, own, contract)
        place = member_place(out, number)
        members.append(fit(model, data, settings=own, contract=contract, run=place, device=where))
    judged = [_judge(members, data, labels[role]) for role in ("calibration", "validation")]
    calibrations = [
        calibrate(target, *of_target, level=settings.coverage, events=settings.events)
        for target, *of_target in zip(contract.targets, *judged, strict=True)
    ]
    write_whole(out / "label_subset.parquet", table_bytes(table))
    write_splits(out / "splits.csv", store)
    write_calibrations(out / CONFORMAL, calibrations)
    write_members(out, [fitted.model for fitted in members])
    prefixes = [f"Member {number}: " for number in range(1, len(members) + 1)] if len(members) > 1 else [""]
    sentences = [prefix + _fit_sentence(fitted, settings) for prefix, fitted in zip(prefixes, members, strict=True)]
    for target, calibration in zip(contract.targets, calibrations, strict=True):
        of_target = f"{target.name}: " if len(contract.targets) > 1 else ""
        sentences += [of_target + sentence for sentence in calibration.sentences(target.unit)]
    sentences += _leak(store, source)
    card = finetuning_card(settings, contract, source=_source_name(source), labels=labels, fit=sentences)
    write_whole(out / "card.md", card.encode())
    finish_run(out, contract)


def _resolve_method(settings: FinetuneSettings, source: Source) -> FinetuneSettings:
    """The settings with the method, the head and the freezing that they come to with this source."""
    freeze = settings.freeze or settings.method == "probe" or source == "random"
    if source == "none" and freeze:
        raise TrainingError("a new encoder that is frozen learns nothing: say random instead of none to have that")
    method = "probe" if freeze and settings.method == "probe-then-finetune" else settings.method
    head = settings.head or ("mlp" if method == "finetune" else "linear")
    n_members = 1 if method == "probe" else settings.n_members
    return settings.model_copy(update={"freeze": freeze, "method": method, "head": head, "n_members": n_members})


def _measure(ecgs: PreparedEcgs, labels: Labels, contract: ModelContract) -> tuple[ModelContract, FeatureTable]:
    """The contract with features standardised by the training ECGs, and those of the ECGs of all roles."""
    rows = np.unique(np.concatenate([chosen.rows for chosen in labels.values()]))
    measured = measure_rows(ecgs, rows, contract=contract)
    features = fit_features(measured[np.isin(rows, labels["train"].rows)])
    table = FeatureTable(rows, standardise(measured, features=features))
    return contract.model_copy(update={"features": features}), table


def _new_member(encoder: Encoder, source: Source, settings: FinetuneSettings, contract: ModelContract) -> Estimator:
    """A copy of the encoder, or a new one where it starts from scratch, with new heads, by the member's seed."""
    device = next(encoder.parameters()).device
    member = copy.deepcopy(encoder)
    if source == "none":
        member = build_encoder(contract.encoder, seed=torch_seed(settings.seed, Purpose.WEIGHTS)).to(device)
    with seeded_layers(settings.seed, Purpose.WEIGHTS, 1, device=device):
        return Estimator(member, new_heads(contract)).to(device)


def _judge(members: Sequence[Fitted], data: LabelledData, labels: LabelGrid) -> list[Judged]:
    """For each target, its labelled ECGs and what the members say about them."""
    models = [fitted.model for fitted in members]
    inputs = []
    for model in models:
        device = next(model.parameters()).device
        embeddings = embed_in_batches(model.encoder, data.ecgs, labels.rows, device=device)
        inputs.append(data.beside(embeddings, labels.rows))
    said = estimate_members(models, inputs)
    return [Judged(labels.of(column), one.at(labels.known(column))) for column, one in enumerate(said)]


def _fit_sentence(fitted: Fitted, settings: FinetuneSettings) -> str:
    tried = ", ".join(f"{rate:g}" for rate in settings.learning_rates)
    loss = fitted.progress.best_loss
    found = f"validation loss {'unknown' if loss is None else f'{loss:.4f}'}"
    if fitted.learning_rate is not None:
        return f"Learning rate {fitted.learning_rate:g} of {tried}; {found} at step {fitted.progress.best_step:,}"
    beside = " and the hand-made features" if settings.with_features else ""
    kind = "Kernel probe: kernel ridge regression" if settings.head == "kernel" else "Linear probe: ridge regression"
    probe = f"{kind} on the frozen encoder's embedding{beside}; {found}"
    return probe if settings.method == "probe" else f"{probe}, which no learning rate of {tried} was below"


def _start(
    source: Source, settings: FinetuneSettings, store: Store, *, device: torch.device
) -> tuple[Encoder, ModelContract, FinetuneSettings]:
    """The encoder before fine-tuning, the contract so far (without targets) and the settings with what it reads."""
    if isinstance(source, Path):
        run = Run.open(source)
        encoder, contract = run.load_encoder(device=device), run.contract
        _refuse_other_signal(settings, contract, source)
    else:
        encoder, contract = _new_encoder(settings)
    precision = resolve_precision(settings.precision, device=device)
    changed = {"precision": precision, "simulated_labels": store.simulated, "n_members": settings.n_members}
    contract = contract.model_copy(update={**changed, "targets": (), "features": None})
    check_store(store, contract)
    if settings.with_features:
        refuse_slow(contract)
    return encoder, contract, settings.model_copy(update=_signal(contract))


def _new_encoder(settings: FinetuneSettings) -> tuple[Encoder, ModelContract]:
    default = PretrainSettings()
    name = settings.encoder or default.encoder
    rate_hz = settings.sampling_rate_hz or default.sampling_rate_hz
    encoder = build_encoder(name, seed=torch_seed(settings.seed, Purpose.WEIGHTS))
    contract = ModelContract(
        encoder=name,
        embedding_dim=encoder.embedding_dim,
        sampling_rate_hz=rate_hz,
        n_samples=round((settings.duration_s or default.duration_s) * rate_hz),
        band_hz=None if settings.band_hz == "off" else settings.band_hz or default.band_hz,
        precision="fp32",
    )
    return encoder, contract


def _signal(contract: ModelContract) -> dict[str, object]:
    """What an encoder reads, under the names of `FinetuneSettings`."""
    return {
        "encoder": contract.encoder,
        "sampling_rate_hz": contract.sampling_rate_hz,
        "duration_s": contract.duration_s,
        "band_hz": contract.band_hz or "off",
    }


def _refuse_other_signal(settings: FinetuneSettings, contract: ModelContract, source: Path) -> None:
    for name, value in _signal(contract).items():
        asked = getattr(settings, name)
        if asked is not None and asked != value:
            raise TrainingError(f"{source}: has {name} {value}, not {asked}: leave {name} out of the settings")


def _target_contracts(train: LabelGrid, settings: FinetuneSettings) -> tuple[TargetContract, ...]:
    contracts = []
    for column, target in enumerate(map(find_target, settings.targets)):
        values = train.of(column).values
        contracts.append(
            TargetContract(
                name=target.name,
                unit=target.unit,
                label_mean=float(values.mean()),
                label_sd=float(values.std()),
                events=tuple(event.key for event in target.events),
                head=settings.head or "mlp",
                definition=None if target.name in TARGETS else target,
            )
        )
    return tuple(contracts)


def _source_name(source: Source) -> str:
    return str(source) if not isinstance(source, Path) else f"the run {source.name}"


def _describe(store: Store, source: Source, settings: FinetuneSettings, contract: ModelContract) -> dict[str, object]:
    where_from: str | dict[str, object] = str(source)
    if isinstance(source, Path):
        run = Run.open(source)
        where_from = {
            "objective": run.settings["settings"].get("objective"),
            "encoder_sha256": digest_file(source / ENCODER_WEIGHTS),
            "settings": run.settings["settings"],
            "data_fingerprint": run.settings["data_fingerprint"],
        }
    return {
        "kind": "finetune",
        "settings": json.loads(settings.model_dump_json()),
        "source": where_from,
        "precision": contract.precision,
        "data_fingerprint": store.fingerprint,
        "simulated": store.simulated,
        "simulator_version": store.simulator_version,
        "seed": settings.seed,
    }


def _leak(store: Store, source: Source) -> list[str]:
    """A sentence on test patients whom pretraining read, where there are any."""
    if not isinstance(source, Path) or not (source / "splits.csv").exists():
        return []
    with (source / "splits.csv").open(newline="", encoding="utf-8") as file:
        read = {line["patient_id"] for line in csv.DictReader(file) if line["split"] in ("train", "validation")}
    ids = np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_)
    seen = read & set(ids[store.splits() == "test"].tolist())
    if not seen:
        return []
    sentence = f"{len(seen):,} test patients were read (without labels) in pretraining: the splits differ"
    say(f"{source}: {sentence}")
    return [sentence]
