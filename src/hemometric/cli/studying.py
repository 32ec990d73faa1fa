"""Commands that compare objectives."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hemometric.cli.app import ResumeOption, app, chosen_device, need_torch


@app.command(epilog="Example: hemometric study --config configs/study-paper.toml --out study --workers 2")
def study(
    config: Annotated[Path, typer.Option(metavar="TOML", help="What is compared; configs/ has examples.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where everything goes; DIR/table.html is for people.")],
    resume: ResumeOption = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes, of one thread each; the results are the same.")] = 1,
) -> None:
    """Compare objectives over label budgets, seeds and targets: tables with intervals, figures and a page."""
    need_torch("study")
    from hemometric.study import load_study, run_study

    command = ["hemometric", "study", "--config", str(config), "--out", str(out), "--workers", str(workers)]
    settings = load_study(config)
    page = run_study(
        settings, out=out, resume=resume, n_workers=workers, device=chosen_device(), command=shlex.join(command)
    )
    typer.echo(f"{page}")
