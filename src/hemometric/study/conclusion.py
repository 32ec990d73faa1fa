"""What a finished study writes: results.parquet, paired.parquet, figures/, table.html and table.md."""

import io
import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hemometric.evaluation.figures import describe_event, symbol
from hemometric.store import Store
from hemometric.study.cells import Workshop, read_judged
from hemometric.study.facts import describe_study
from hemometric.study.figures import draw_study
from hemometric.study.labels import KnownLabels
from hemometric.study.page import FIGURES, HTML, SectionView, write_pages
from hemometric.study.plan import StudyPlan
from hemometric.study.results import Findings, gather, paired_table, results_table
from hemometric.study.sections import Section
from hemometric.study.settings import LabelSource
from hemometric.study.tables import overview_table, retrieval_tables, section_tables
from hemometric.targets import find_target
from hemometric.training.files import write_whole

RESULTS, PAIRED = "results.parquet", "paired.parquet"
Judged = Mapping[tuple[LabelSource, str], KnownLabels]


def conclude(workshop: Workshop, plan: StudyPlan, *, command: str) -> Path:
    """Write the results of a study whose cells are all finished.

    Args:
        workshop: Of the study.
        plan: Its work, all done.
        command: What the page says that it was made with.

    Returns:
        The page.
    """
    study, out, store = workshop.study, workshop.out, Store.open(workshop.store)
    judged: Judged = {
        (panel, target): read_judged(study, store, panel, target) for panel in study.panels for target in study.targets
    }
    findings = gather(out, plan, n_patients={key: labels.n_patients("test") for key, labels in judged.items()})
    _write_table(out / RESULTS, results_table(findings))
    _write_table(out / PAIRED, paired_table(findings, plan, versus=study.compared_with))
    shutil.rmtree(out / FIGURES, ignore_errors=True)
    (out / FIGURES).mkdir()
    views = [_view(workshop, plan, findings, store, panel, labels) for panel, labels in judged.items()]
    first = [one for one in plan.shown if (one.panel, one.target) == next(iter(judged))]
    retrieval = retrieval_tables(findings, plan.searches(), first)
    write_pages(out, describe_study(workshop, plan, store, command=command), views, retrieval)
    return out / HTML


def _view(
    workshop: Workshop,
    plan: StudyPlan,
    findings: Findings,
    store: Store,
    panel: tuple[LabelSource, str],
    judged: KnownLabels,
) -> SectionView:
    source, name = panel
    target, versus = find_target(name), workshop.study.compared_with
    section = Section(
        panel=source,
        target=target,
        shown=tuple(one for one in plan.shown if (one.panel, one.target) == panel),
        models=tuple(plan.models[source]),
        simulated=store.simulated,
    )
    event = target.events[0]
    measured = "every measured visit of" if judged.source == "truth" else "the ECGs with a linked label of"
    share = (judged.values > event.threshold if event.direction == ">" else judged.values < event.threshold).mean()
    subtitle = (
        f"Judged on {measured} {judged.n_patients('test'):,} test patients ({len(judged.rows):,} ECGs): {symbol(name)} "
        f"{judged.values.mean():.1f} ± {judged.values.std():.1f} {target.unit}, {describe_event(event, target)} in "
        f"{100 * share:.0f} % of the ECGs. Values are means over the seeds "
        f"{', '.join(map(str, workshop.study.seeds))}."
    )
    return SectionView(
        section=section,
        subtitle=subtitle,
        overview=overview_table(findings, section, versus=versus),
        tables=section_tables(findings, section, versus=versus),
        figures=draw_study(workshop.out / FIGURES, findings, section, versus=versus),
    )


def _write_table(path: Path, table: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_whole(path, buffer.getvalue())
