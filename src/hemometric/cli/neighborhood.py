"""Commands about distances between the ECGs of a store."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric.cli.app import StoreArgument, app


@app.command(epilog="Example: hemometric mine archive --distance beat-dtw --neighbors 16")
def mine(
    store: StoreArgument,
    distance: Annotated[
        str,
        typer.Option(help="beat-dtw, beat-euclidean, features, or dtw of whole strips (slow; says its cost first)."),
    ] = "beat-dtw",
    neighbors: Annotated[int, typer.Option(min=1, help="Of each ECG.")] = 16,
    candidates: Annotated[
        int | None,
        typer.Option(min=1, help="Compared exactly for each ECG (beat-dtw, dtw).", show_default="768"),
    ] = None,
    band_ms: Annotated[
        float | None,
        typer.Option(min=0, help="Half width of the warping band.", show_default="a tenth: 70, of strips 1000"),
    ] = None,
    memory_gib: Annotated[
        float, typer.Option(min=0, help="Compared in memory up to this size, above it from a file.")
    ] = 4.0,
) -> None:
    """Find the nearest ECGs of each ECG over the whole store, with and without those of the same patient.

    Interrupted, it goes on with the same command; where ECGs were added, only these are compared.
    """
    from hemometric.neighbors import mine as run_mining
    from hemometric.store import Store

    found = run_mining(
        Store.open(store),
        distance=distance,
        n_neighbors=neighbors,
        n_candidates=candidates,
        band_ms=band_ms,
        memory_gib=memory_gib,
    )
    without = f", {found.n_without:,} without a typical beat left out" if found.n_without else ""
    file = store / "neighbors" / f"{distance}.parquet"
    typer.echo(f"{file}: {found.n_neighbors} neighbours of each of {found.n_ecgs:,} ECGs{without}")
    for pool, recall in (("all", found.recall), ("other patients", found.recall_others)):
        said = "undefined" if recall is None else f"{recall:.3f}"
        typer.echo(f"recall of the true neighbours among {pool}: {said} (exact search for {found.n_sampled} ECGs)")


@app.command("study-distances", epilog="Example: hemometric study-distances cohort --labels truth --out distances")
def study_of_distances(
    store: StoreArgument,
    out: Annotated[Path, typer.Option(metavar="DIR")],
    target: Annotated[str, typer.Option(help="mpcwp, mpap, rap or co.")] = "mpcwp",
    labels: Annotated[
        Literal["links", "truth"], typer.Option(help="links, or truth: every visit of a simulated store.")
    ] = "links",
    ecgs: Annotated[int, typer.Option(min=50, help="Sampled at most.")] = 800,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Measure what each distance knows of a pressure: table.md and a figure."""
    from hemometric.neighbors import plot_study, study_distances, study_text
    from hemometric.store import Store

    opened = Store.open(store)
    known = study_distances(opened, target=target, labels=labels, n_ecgs=ecgs, seed=seed)
    table = study_text(known, target=target)
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(table + "\n", encoding="utf-8")
    plot_study(known, out / "distances.png", target=target, simulated=opened.simulated)
    typer.echo(table)
