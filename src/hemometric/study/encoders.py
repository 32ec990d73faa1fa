"""The encoders of a study: each pretrained once, then asked what its embedding knows without any training."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hemometric.evaluation.bootstrap import Resamples, draw_patients
from hemometric.evaluation.predictions import FloatArray
from hemometric.inference import embed_rows
from hemometric.store import Store
from hemometric.store.durable import digest_file
from hemometric.study.cells import Workshop, read_judged
from hemometric.study.labels import KnownLabels, LabelView
from hemometric.study.plan import REPLICATES, Pretraining, Search, Shown
from hemometric.study.record import forget_unbegun
from hemometric.study.replicates import Measure, write_replicates
from hemometric.study.retrieval import (
    Vectors,
    draw_compared,
    label_correlation,
    neighbor_estimates,
    neighbor_r2,
    recall_by_patient,
    unit_vectors,
)
from hemometric.study.settings import pretrain_settings
from hemometric.training import pretrain
from hemometric.training.files import read_json, write_json
from hemometric.training.runs import ENCODER_WEIGHTS

_ASKED = "asked.json"


def finish_pretraining(workshop: Workshop, one: Pretraining) -> None:
    """Pretrain one encoder, or go on where it was cut off. It sees the labels of its budget, or none."""
    store = Store.open(workshop.store)
    target = one.shown.target if one.shown else workshop.study.targets[0]
    source = one.shown.panel if one.shown else next(iter(workshop.study.panels))
    shown = KnownLabels.read(store, target, source).of_budget(one.shown.labels if one.shown else 0, seed=one.seed)
    out = workshop.out / one.folder
    forget_unbegun(out)
    settings = pretrain_settings(workshop.study, one.objective, seed=one.seed, target=target if one.shown else None)
    view = LabelView.show(workshop.store, shown, target=target)
    pretrain(view, out=out, settings=settings, resume=True, device=workshop.device)
    shutil.rmtree(out / "checkpoint", ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Question:
    """What an embedding is asked with: the labels of a budget and the judged ECGs."""

    shown: Shown
    labels: KnownLabels
    judged: KnownLabels
    resamples: Resamples


def finish_search(workshop: Workshop, search: Search) -> None:
    """Measure what the embedding of one encoder knows; what was measured with the same labels stays as it is."""
    folder, run = workshop.out / search.folder, workshop.out / search.run
    store = Store.open(workshop.store)
    questions = [_ask(workshop, store, shown, seed=search.seed) for shown in search.shown]
    asked = {
        "encoder_sha256": digest_file(run / ENCODER_WEIGHTS),
        "n_bootstrap": workshop.study.n_bootstrap,
        "bootstrap_seed": workshop.study.bootstrap_seed,
        "labels": [[one.shown.budget, one.labels.fingerprint, one.judged.fingerprint] for one in questions],
    }
    if (folder / REPLICATES).exists() and read_json(folder / _ASKED) == asked:
        return
    rows = np.unique(np.concatenate([part.rows for one in questions for part in (one.labels, one.judged)]))
    vectors = unit_vectors(embed_rows(run, store, rows, device=workshop.device))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPLICATES).unlink(missing_ok=True)
    write_json(folder / _ASKED, asked)
    write_replicates(folder / REPLICATES, _answer(search, questions, rows, vectors, seed=workshop.study.bootstrap_seed))


def _ask(workshop: Workshop, store: Store, shown: Shown, *, seed: int) -> _Question:
    labels = KnownLabels.read(store, shown.target, shown.panel).of_budget(shown.labels, seed=seed).of_split("train")
    judged = read_judged(workshop.study, store, shown.panel, shown.target)
    resamples = draw_patients(
        judged.patients, n_bootstrap=workshop.study.n_bootstrap, seed=workshop.study.bootstrap_seed
    )
    return _Question(shown, labels, judged, resamples)


def _answer(
    search: Search, questions: list[_Question], rows: np.ndarray, vectors: Vectors, *, seed: int
) -> Mapping[Measure, FloatArray]:
    """Identity once, the rank correlation once a target, the neighbours' estimate for every budget."""
    found: dict[Measure, FloatArray] = {}
    first = questions[0].shown
    for one in questions:
        panel, target = one.shown.panel, one.shown.target
        judged = vectors[np.searchsorted(rows, one.judged.rows)]
        labeled = vectors[np.searchsorted(rows, one.labels.rows)]
        if not found:
            recalls = recall_by_patient(judged, one.resamples)
            found |= {Measure(panel, target, search.labels, name): values for name, values in recalls.items()}
        ranked = Measure(panel, target, search.labels, "label_spearman")
        if panel == first.panel and ranked not in found:
            compared = draw_compared(len(judged), seed=seed)
            kept = np.zeros(len(judged), dtype=np.bool_)
            kept[compared] = True
            found[ranked] = label_correlation(judged[kept], one.judged.values[kept], one.resamples.subset(kept))
        estimates = neighbor_estimates(judged, labeled, one.labels.values)
        r2 = neighbor_r2(estimates, one.judged.values, one.resamples)
        found[Measure(panel, target, one.shown.labels, "neighbor_r2")] = r2
    return found
