"""Commands that say what is known of the patients of a store: their catheter values, and which split they are in."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric.cli.app import StoreArgument, app

TextsOption = list[str] | None


@app.command(epilog="Example: hemometric link archive --labels cath.csv --columns patient_id=MRN --units mpcwp=mmHg")
def link(
    store: StoreArgument,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns patient_id, measured_at, target, value, unit; else the store's own."),
    ] = None,
    window_hours: Annotated[float, typer.Option(min=0, help="Largest time between ECG and catheterisation.")] = 24.0,
    side: Annotated[
        Literal["before", "after", "both"], typer.Option(help="Where the ECG may lie: before the catheterisation, ...")
    ] = "both",
    columns: Annotated[
        TextsOption,
        typer.Option(metavar="FIELD=COLUMN,...", help="Columns with other names: patient_id=MRN,measured_at=day+time."),
    ] = None,
    column: Annotated[
        TextsOption,
        typer.Option(metavar="TARGET=COLUMN:UNIT", help="A column of values, of a table with a column per target."),
    ] = None,
    names: Annotated[
        TextsOption, typer.Option(metavar="TARGET=TEXT,...", help="What the target column calls a target.")
    ] = None,
    units: Annotated[
        TextsOption, typer.Option(metavar="TARGET=UNIT,...", help="Units of a table that does not state them.")
    ] = None,
    date_format: Annotated[
        TextsOption, typer.Option(metavar="FORMAT", help="Such as '%d.%m.%Y %H:%M'; several are tried in turn.")
    ] = None,
    decimal_comma: Annotated[bool, typer.Option("--decimal-comma", help="12,5 is twelve and a half.")] = False,
    targets: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Targets of your own; the store keeps them.")
    ] = None,
) -> None:
    """Join catheter values to the ECGs of the same patient within a time window."""
    from hemometric.errors import SettingsError
    from hemometric.labels import link as run_link
    from hemometric.labels import parse_layout, read_definitions, targets_of
    from hemometric.store import Store

    opened = Store.open(store)
    own = () if targets is None else read_definitions(targets)
    layout = parse_layout(
        targets=targets_of(opened, own),
        columns=columns or (),
        wide=column or (),
        names=names or (),
        units=units or (),
        date_formats=date_format or (),
        decimal_comma=decimal_comma,
    )
    if labels is None and (columns or column or names or units or date_format or decimal_comma):
        raise SettingsError("how a table is laid out can be said only of one: name it with --labels CSV")
    summary = run_link(opened, labels_csv=labels, window_hours=window_hours, side=side, layout=layout, targets=own)
    typer.echo(summary.text())
    typer.echo(f"\nalso in {store}: attrition.json, gaps.png{'' if labels is None else ', label_rejects.csv'}")
