"""table.html for readers and table.md for documents: the same tables, from one list of views."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from hemometric.study.sections import Section, describe_panel
from hemometric.study.tables import Row, TableView
from hemometric.training.files import write_whole

HTML, MARKDOWN, FIGURES = "table.html", "table.md", "figures"
_RETRIEVAL = "What the embeddings know"
_RETRIEVAL_NOTE = "Nearness is the cosine of embeddings of frozen encoders; nothing is trained on them."
_FIGURE_NOTES = {
    "label-efficiency": (
        "Each small picture is one objective before the same baselines. Vertical lines are 95 % intervals; the grey "
        "line at 0.5 is chance."
    ),
    "versus": (
        "Each mark is the paired difference in AUROC of a model from the one that it is compared with; lines are 95 % "
        "intervals. Right of 0 it is better; a filled mark has an interval that does not hold 0."
    ),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page says about the study besides its numbers.

    Attributes:
        title: Heading.
        simulated: Whether the ECGs are.
        lines: Name -> what is said of it, in order, under "How it was made".
        notes: Sentences that a reader must see first.
    """

    title: str
    simulated: bool
    lines: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SectionView:
    """One section as a reader sees it.

    Attributes:
        section: Which.
        subtitle: Who was judged.
        overview: How many models are told apart, or None.
        tables: All of its tables.
        figures: Name -> file within the figures' directory.
    """

    section: Section
    subtitle: str
    overview: TableView | None
    tables: list[TableView]
    figures: dict[str, str]

    @property
    def heading(self) -> str:
        """Target and panel."""
        return f"{self.section.target.title}: {describe_panel(self.section.panel)}"


def write_pages(out: Path, facts: Facts, sections: Sequence[SectionView], retrieval: Sequence[TableView]) -> None:
    """Write `table.html`, which needs nothing beside it, and `table.md`.

    Args:
        out: Folder of the study, with the figures in `figures/`.
        facts: About the study.
        sections: In order.
        retrieval: What the embeddings know; none where no encoder was asked.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hemometric.study"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("study.html.j2").render(
        facts=facts,
        sections=sections,
        retrieval=retrieval,
        retrieval_text=(_RETRIEVAL, _RETRIEVAL_NOTE),
        picture=lambda name: _as_data(out / FIGURES / name),
        figure_note=_figure_note,
    )
    write_whole(out / HTML, page.encode())
    write_whole(out / MARKDOWN, _markdown(facts, sections, retrieval).encode())


def _figure_note(view: SectionView, name: str) -> str:
    """How a figure is to be read; of several of a kind, only the first one says it."""
    kinds = [other.split()[0] for other in view.figures]
    place = list(view.figures).index(name)
    return "" if kinds[place] in kinds[:place] else _FIGURE_NOTES[kinds[place]]


def _as_data(path: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _markdown(facts: Facts, sections: Sequence[SectionView], retrieval: Sequence[TableView]) -> str:
    lines = [f"# {facts.title}", ""]
    if facts.simulated:
        lines += ["**SIMULATED DATA: no clinical performance.**", ""]
    lines += [f"- {note}" for note in facts.notes]
    lines += ["", *(f"- {name}: {said}" for name, said in facts.lines.items()), ""]
    for view in sections:
        lines += [f"## {view.heading}", "", view.subtitle, ""]
        lines += _markdown_table(view.overview) if view.overview is not None else []
        lines += [*(f"![{name}]({FIGURES}/{file})" for name, file in view.figures.items()), ""]
        for table in view.tables:
            lines += _markdown_table(table)
    lines += [f"## {_RETRIEVAL}", "", _RETRIEVAL_NOTE, ""] if retrieval else []
    for table in retrieval:
        lines += _markdown_table(table)
    return "\n".join(lines) + "\n"


def _markdown_table(table: TableView) -> list[str]:
    lines = [f"### {table.title}", "", *([table.note, ""] if table.note else [])]
    lines += [f"| | {' | '.join(table.columns)} |", f"|---|{'---|' * len(table.columns)}"]
    return [*lines, *(_markdown_row(row) for row in table.rows), ""]


def _markdown_row(row: Row) -> str:
    cells = []
    for entry in row.entries:
        text = f"{entry.value} {entry.ends}".rstrip()
        cells.append({"better": f"**{text}**", "worse": f"*{text}*"}.get(entry.mark, text))
    return f"| {row.title} | {' | '.join(cells)} |"
