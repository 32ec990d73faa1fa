"""STEP study: objectives x uses x panels x budgets x seeds x targets -> tables with intervals, figures and a page."""

import contextvars
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from hemometric.errors import TrainingError
from hemometric.labels import link
from hemometric.neighbors import MINABLE, mine_if_needed
from hemometric.objectives import find_objective
from hemometric.progress import say, set_quiet, track
from hemometric.simulation import simulate
from hemometric.store import Store
from hemometric.study.cells import Workshop, check_begun, finish_cell, is_finished
from hemometric.study.conclusion import conclude
from hemometric.study.encoders import finish_pretraining, finish_search
from hemometric.study.models import check_names
from hemometric.study.plan import StudyPlan, make_plan
from hemometric.study.record import open_study, write_study
from hemometric.study.settings import StudySettings, pretrain_settings
from hemometric.workers import WorkerDiedError, map_in_order

COHORT = "cohort"
Errand = TypeVar("Errand")


def run_study(
    study: StudySettings,
    *,
    out: Path,
    resume: bool = False,
    n_workers: int = 1,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    command: str = "",
) -> Path:
    """Run a study, or go on with one, and write its tables, figures and page.

    Every encoder is pretrained once for each seed and used with all budgets and targets; only objectives that read
    labels are pretrained for each budget. What is finished is kept whatever happens, and `resume` goes on from there;
    objectives, budgets, seeds and targets may be added to a study that is finished.

    Args:
        study: What is compared.
        out: The folder of the study.
        resume: Go on with an interrupted or finished study; on none it starts.
        n_workers: Processes, of one thread each. The results do not depend on it.
        device: Where to compute.
        command: What the page says that it was made with.

    Returns:
        The page, `out`/table.html.

    Raises:
        SettingsError: An unknown objective or target, or a budget larger than the labels there are.
        RunError: `out` exists without `resume`, is no study, or a part of it was begun with other settings.
        LabelError: The store has no labels of a target.
        TrainingError: Labels or ECGs are too few, a loss is not finite, or a worker was killed.
    """
    if study.store is not None:
        Store.open(study.store)  # it may define targets of its user's own, which the names are checked against
    check_names(study)
    open_study(out, resume=resume)
    store = _open_store(study, out, n_workers=n_workers)
    plan = make_plan(study, store)
    workshop = Workshop(out=out, store=store.path, study=study, device=device)
    check_begun(workshop, plan.cells, store)
    write_study(out, study, {"command": command, "data_fingerprint": store.fingerprint})
    _mine_once(study, plan, store)
    do = partial(_do_all, n_workers=n_workers)
    do(partial(finish_pretraining, workshop), plan.pretrainings, title="pretrain", unit="encoders")
    left = [cell for cell in plan.cells if not is_finished(workshop, cell)]
    do(partial(finish_cell, workshop), left, title="fit and judge", unit="cells")
    do(partial(finish_search, workshop), plan.searches(), title="retrieval", unit="encoders")
    return conclude(workshop, plan, command=command)


def _open_store(study: StudySettings, out: Path, *, n_workers: int) -> Store:
    if study.store is not None:
        return Store.open(study.store)
    path = out / COHORT
    if study.cohort is not None:
        simulate(path, settings=study.cohort.model_copy(update={"n_workers": n_workers}), resume=True)
    store = Store.open(path)
    if store.links() is None:
        say(link(store).text())
    return store


def _mine_once(study: StudySettings, plan: StudyPlan, store: Store) -> None:
    """Find the neighbours that pretrainings will ask for: two processes must not mine one store at the same time."""
    for objective in dict.fromkeys(one.objective for one in plan.pretrainings):
        settings = pretrain_settings(study, objective, seed=study.seeds[0])
        if find_objective(settings.objective).batches in ("partners", "half-labeled") and settings.neighbors in MINABLE:
            mine_if_needed(store, distance=settings.neighbors, n_neighbors=settings.n_neighbors)


def _do_all(
    function: Callable[[Errand], None], errands: Sequence[Errand], *, title: str, unit: str, n_workers: int
) -> None:
    if not errands:
        return
    quietly = partial(_do_quietly, function)
    done = map_in_order(quietly, errands, n_workers=min(n_workers, len(errands)))
    try:
        for _ in track(done, total=len(errands), unit=unit, title=title):
            continue
    except WorkerDiedError as error:
        raise TrainingError(
            f"{title}: a worker process died (out of memory?); what is finished is kept: go on with --resume and "
            "fewer --workers"
        ) from error


def _do_quietly(function: Callable[[Errand], None], errand: Errand) -> None:
    """Do one errand without its own progress, which would write over that of the whole, and with one thread."""
    import torch

    n_threads, variable = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    context = contextvars.copy_context()
    context.run(set_quiet, True)
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        context.run(function, errand)
    finally:
        torch.set_num_threads(n_threads)
        if variable is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = variable
