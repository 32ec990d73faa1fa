"""Commands that show what hemometric does and how fast."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric.cli.app import app, chosen_device, need_torch


@app.command(epilog="Example: hemometric demo --out demo-output")
def demo(
    out: Annotated[Path, typer.Option(help="Where everything goes; DIR/report/report.html is for people.")],
    size: Annotated[
        Literal["small", "medium", "large"], typer.Option(help="small: under 5 minutes on 2 cores.")
    ] = "small",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Make the whole journey on simulated patients: archive, pretraining, fine-tuning, report, one real ECG."""
    need_torch("demo")
    from hemometric.demo import run_demo

    typer.echo(run_demo(out, size=size, seed=seed, device=chosen_device()))


@app.command(epilog="Example: hemometric bench dtw --json dtw.json")
def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Which; by default all.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
) -> None:
    """Measure speed side by side with others, in one run."""
    from hemometric.bench import results_text, run_benchmarks, write_results

    results = run_benchmarks(names or None)
    typer.echo(results_text(results))
    if json_file is not None:
        write_results(results, json_file)
