"""What a page says about its study besides the numbers: how it is to be read, and how it was made."""

from collections.abc import Iterator

import numpy as np

from hemometric.store import SPLITS, Store
from hemometric.study.cells import Workshop
from hemometric.study.labels import VALIDATION_SHARE, KnownLabels
from hemometric.study.models import WITHOUT_ENCODER, needs_labels
from hemometric.study.page import Facts
from hemometric.study.plan import Shown, StudyPlan
from hemometric.study.settings import StudySettings, finetune_settings, pretrain_settings
from hemometric.training.files import read_json
from hemometric.training.runs import SETTINGS


def describe_study(workshop: Workshop, plan: StudyPlan, store: Store, *, command: str) -> Facts:
    """Gather what the page of a finished study says about it.

    Args:
        workshop: Of the study.
        plan: Its work, all done.
        store: Its ECGs.
        command: What the page says that it was made with.
    """
    study = workshop.study
    made_with = read_json(workshop.out / plan.cells[0].folder / SETTINGS)
    versions = ", ".join(f"{name} {number}" for name, number in made_with["versions"].items())
    lines = {
        "Command": command or "the Python function run_study",
        "Software": versions,
        "Source": f"commit {made_with['git_commit']}" if made_with["git_commit"] else "an installed package",
        "ECGs": _describe_store(study, store),
        "Patients": _describe_splits(store),
        "Seeds": ", ".join(map(str, study.seeds)),
    }
    for shown in plan.shown:
        lines[f"Labels: {shown.panel}, {shown.target}, {shown.budget}"] = _describe_labels(shown, store, study.seeds[0])
    if plan.pretrainings:
        lines["Pretraining"] = _describe_pretraining(study, plan)
    lines |= {f"Use: {use}": _describe_use(study, use) for use in study.uses}
    lines["Intervals"] = (
        f"95 %, percentiles of {study.n_bootstrap:,} bootstrap resamples of test patients (seed "
        f"{study.bootstrap_seed}); a mean over seeds is taken within each resample"
    )
    lines["Numbers"] = "results.parquet and paired.parquet, beside this page, hold all of them in full precision"
    return Facts(study.title, store.simulated, lines, tuple(_notes(study)))


def _notes(study: StudySettings) -> Iterator[str]:
    n = len(study.seeds)
    yield (
        f"Intervals cover the choice of test patients, not the luck of training: that is what {n} seed{'s' * (n > 1)} "
        "show, by their standard deviation under “Further tables”. They are not adjusted for the number of comparisons."
    )
    yield (
        f"A budget of n labeled patients trains; a further n/{VALIDATION_SHARE} choose learning rate and stopping, "
        f"and n/{VALIDATION_SHARE} calibrate probabilities. Subsets are nested and the same for all models of a seed; "
        "the test patients are the same everywhere."
    )
    with_labels = [name for name in study.objectives if needs_labels(study, name)]
    if with_labels:
        yield f"Pretrained with the labels of each budget, anew for each: {', '.join(with_labels)}."
    if "links" in study.panels:
        yield (
            "Linked labels are missing not at random: the sicker a patient, the likelier a catheter. Models that learn "
            "from them see other patients than those that they are judged on."
        )


def _describe_store(study: StudySettings, store: Store) -> str:
    said = f"{len(store):,} at {store.sampling_rate_hz:g} Hz, fingerprint {store.fingerprint[:16]}"
    if not store.simulated:
        return said
    made = f"simulated, simulator version {store.simulator_version}"
    if study.cohort is not None:
        made += f", {study.cohort.n_patients:,} patients, seed {study.cohort.seed}, coupling {study.cohort.coupling:g}"
    return f"{said} ({made})"


def _describe_splits(store: Store) -> str:
    patients, first = np.unique(np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_), return_index=True)
    of_patient, of_ecg = store.splits()[first], store.splits()
    counts = [f"{(of_patient == name).sum():,} {name} ({(of_ecg == name).sum():,} ECGs)" for name in SPLITS]
    return f"{len(patients):,}: {', '.join(counts)}"


def _describe_labels(shown: Shown, store: Store, seed: int) -> str:
    labels = KnownLabels.read(store, shown.target, shown.panel).of_budget(shown.labels, seed=seed)
    counts = []
    for split, purpose in (("train", "train"), ("validation", "choose"), ("calibration", "calibrate")):
        part = labels.of_split(split)
        counts.append(f"{part.n_patients(split):,} patients ({len(part.rows):,} ECGs) to {purpose}")
    return ", ".join(counts)


def _describe_use(study: StudySettings, use: str) -> str:
    """Method, head and learning rates of a use, and the objectives for which they are others."""
    usual = study.model_copy(update={"per_objective": {}})
    by_fit: dict[str, list[str]] = {}
    for objective in study.objectives:
        if objective not in WITHOUT_ENCODER and use in study.uses_of(objective):
            by_fit.setdefault(_describe_fit(study, objective, use), []).append(objective)
    said = _describe_fit(usual, study.objectives[0], use)
    others = [f"{', '.join(names)}: {fit}" for fit, names in by_fit.items() if fit != said]
    whose = [name for name in study.objectives if name not in WITHOUT_ENCODER and use in study.uses_of(name)]
    some = len(whose) < sum(name not in WITHOUT_ENCODER for name in study.objectives)
    return "; ".join([said, *others, *([f"only {', '.join(whose)}"] if some else [])])


def _describe_fit(study: StudySettings, objective: str, use: str) -> str:
    settings = finetune_settings(study, objective, use=use, target=study.targets[0], seed=study.seeds[0])
    head = settings.head or ("mlp" if settings.method == "finetune" else "linear")
    said = f"{settings.method}, {head} head" + (", frozen encoder" if settings.freeze else "")
    said += ", hand-made features beside the embedding" if settings.with_features else ""
    said += f", mean of {settings.n_members}" if settings.n_members > 1 else ""
    if settings.method == "probe":
        return said
    return f"{said}, learning rates {', '.join(f'{rate:g}' for rate in settings.learning_rates)}"


def _describe_pretraining(study: StudySettings, plan: StudyPlan) -> str:
    objectives = list(dict.fromkeys(one.objective for one in plan.pretrainings))
    each = {name: pretrain_settings(study, name, seed=study.seeds[0]) for name in objectives}
    usual = pretrain_settings(study, objectives[0], seed=study.seeds[0])
    said = [f"encoder {usual.encoder} at {usual.sampling_rate_hz:g} Hz"]
    reading: dict[str, list[str]] = {}
    for name, settings in each.items():
        of_whom = "" if settings.n_patients is None else f" over the ECGs of {settings.n_patients:,} training patients"
        reading.setdefault(f"{settings.n_passes:,} ECG passes{of_whom}", []).append(name)
    said += [f"{passes}: {', '.join(names)}" for passes, names in reading.items()]
    return "; ".join(said)
