"""One cell of a study: a model fitted to the labels of a budget, and how good is what it says of the test patients."""

import io
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from hemometric.evaluation.baselines import Device
from hemometric.evaluation.bootstrap import draw_patients
from hemometric.evaluation.model import predict_run
from hemometric.evaluation.predictions import Predictions
from hemometric.store import Store
from hemometric.study.baselines import say_by_baseline
from hemometric.study.labels import KnownLabels, LabelView
from hemometric.study.models import WITHOUT_ENCODER
from hemometric.study.plan import PREDICTIONS, REPLICATES, RUN, Cell
from hemometric.study.record import begin_folder, forget_unbegun
from hemometric.study.replicates import Measure, judge_replicates, write_replicates
from hemometric.study.settings import LabelSource, StudySettings, finetune_settings, pretrain_settings
from hemometric.targets import find_target
from hemometric.training import finetune
from hemometric.training.files import write_whole


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where a study works, and with what.

    Attributes:
        out: Its folder.
        store: Path of the store.
        study: Its settings.
        device: Where to compute.
    """

    out: Path
    store: Path
    study: StudySettings
    device: Device


def is_finished(workshop: Workshop, cell: Cell) -> bool:
    """Whether nothing is left to do for a cell."""
    return (workshop.out / cell.folder / REPLICATES).exists()


def finish_cell(workshop: Workshop, cell: Cell) -> None:
    """Fit and judge one cell, or go on where it was cut off."""
    folder = workshop.out / cell.folder
    store = Store.open(workshop.store)
    shown = KnownLabels.read(store, cell.shown.target, cell.shown.panel)
    shown = shown.of_budget(cell.shown.labels, seed=cell.seed)
    judged = read_judged(workshop.study, store, cell.shown.panel, cell.shown.target)
    begin_folder(folder, describe_cell(workshop.study, cell, store, shown=shown, judged=judged))
    target = find_target(cell.shown.target)
    if cell.model.objective in WITHOUT_ENCODER:
        said = say_by_baseline(cell.model.objective, store, shown, judged, target=target, seed=cell.seed)
    else:
        said = _say_by_encoder(workshop, cell, shown, judged)
    write_whole(folder / PREDICTIONS, _prediction_table(store, judged, said))
    resamples = draw_patients(
        judged.patients, n_bootstrap=workshop.study.n_bootstrap, seed=workshop.study.bootstrap_seed
    )
    found = judge_replicates(target, judged.values, said, resamples)
    measures = {Measure(cell.shown.panel, target.name, cell.shown.labels, name): found[name] for name in found}
    write_replicates(folder / REPLICATES, measures)
    _drop_what_is_not_needed(folder / RUN, keep_weights=workshop.study.keep_weights or cell.model.objective == "random")


def check_begun(workshop: Workshop, cells: Iterable[Cell], store: Store) -> None:
    """Make sure, before anything is computed, that the cells which are there are those that would be made.

    Raises:
        RunError: One was begun with other settings or labels; all differences are named.
    """
    known: dict[tuple[LabelSource, str], tuple[KnownLabels, KnownLabels]] = {}
    for cell in cells:
        folder, key = workshop.out / cell.folder, (cell.shown.panel, cell.shown.target)
        forget_unbegun(folder)
        if not folder.exists():
            continue
        if key not in known:
            panel, target = key
            judged = read_judged(workshop.study, store, panel, target)
            known[key] = KnownLabels.read(store, target, panel), judged
        labels, judged = known[key]
        shown = labels.of_budget(cell.shown.labels, seed=cell.seed)
        begin_folder(folder, describe_cell(workshop.study, cell, store, shown=shown, judged=judged))


def read_judged(study: StudySettings, store: Store, panel: LabelSource, target: str) -> KnownLabels:
    """The measurements of the test patients on which a panel is judged."""
    source = study.panels[panel].judged_on or ("truth" if store.truth() is not None else "links")
    return KnownLabels.read(store, target, source).of_split("test")


def describe_cell(
    study: StudySettings, cell: Cell, store: Store, *, shown: KnownLabels, judged: KnownLabels
) -> dict[str, object]:
    """What decides the content of a cell."""
    objective, use, seed = cell.model.objective, cell.model.use, cell.seed
    steps: dict[str, object] = {}
    if use:
        settings = finetune_settings(study, objective, use=use, target=cell.shown.target, seed=seed)
        steps["finetune"] = json.loads(settings.model_dump_json())
    if cell.model.pretrained:
        steps["pretrain"] = json.loads(pretrain_settings(study, objective, seed=seed).model_dump_json())
    return {
        "kind": "study-cell",
        "objective": objective,
        "settings": steps,
        "n_bootstrap": study.n_bootstrap,
        "bootstrap_seed": study.bootstrap_seed,
        "data_fingerprint": store.fingerprint,
        "labels_shown": shown.fingerprint,
        "labels_judged": judged.fingerprint,
        "seed": seed,
    }


def _say_by_encoder(workshop: Workshop, cell: Cell, shown: KnownLabels, judged: KnownLabels) -> Predictions:
    run = workshop.out / cell.folder / RUN
    forget_unbegun(run)
    model, target = cell.model, cell.shown.target
    view = LabelView.show(workshop.store, shown, target=target)
    settings = finetune_settings(workshop.study, model.objective, use=model.use, target=target, seed=cell.seed)
    source: Path | Literal["none", "random"] = "random" if model.objective == "random" else "none"
    if cell.pretraining is not None:
        source = workshop.out / cell.pretraining.folder
    finetune(view, source=source, out=run, settings=settings, resume=True, device=workshop.device)
    return predict_run(run, view, judged.rows, device=workshop.device)


def _prediction_table(store: Store, judged: KnownLabels, said: Predictions) -> bytes:
    columns = {
        "ecg_id": store.ecgs["ecg_id"].take(pa.array(judged.rows)).combine_chunks(),
        "patient_id": judged.patients.tolist(),
        "measured": judged.values,
        "estimate": said.estimate,
        **{f"probability:{key}": values for key, values in said.probability.items()},
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def _drop_what_is_not_needed(run: Path, *, keep_weights: bool) -> None:
    """Hundreds of cells need room: of a judged run stay its settings, card, history and labels."""
    for folder in list(run.rglob("checkpoint")):
        shutil.rmtree(folder)
    for weights in [] if keep_weights else list(run.rglob("*.safetensors")):
        weights.unlink()
