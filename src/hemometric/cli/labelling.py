"""Commands that say what is known of the patients of a store: their catheter values, and which split they are in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric.cli.app import StoreArgument, app
from hemometric.errors import SettingsError

TextsOption = list[str] | None
SitesOption = Annotated[TextsOption, typer.Option(metavar="A,B", help="By site: those of this split.")]


@app.command(epilog="Example: hemometric link archive --labels cath.csv --columns patient_id=MRN --units mpcwp=mmHg")
def link(
    store: StoreArgument,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns patient_id, measured_at, target, value, unit; else the store's own."),
    ] = None,
    layout_name: Annotated[
        str | None, typer.Option("--layout", help="A table known by name: mimic-iv is icu/chartevents.csv.gz of it.")
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
    deidentify: Annotated[
        Path | None, typer.Option(metavar="SECRET_FILE", help="The secret by which the store was de-identified.")
    ] = None,
) -> None:
    """Join catheter values to the ECGs of the same patient within a time window."""
    from hemometric.deidentification import read_secret
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
    own_layout = bool(columns or column or names or units or date_format or decimal_comma)
    if labels is None and (own_layout or layout_name):
        raise SettingsError("how a table is laid out can be said only of one: name it with --labels CSV")
    if own_layout and layout_name:
        raise SettingsError("--layout names a table that is known: leave --columns and the like away")
    summary = run_link(
        opened,
        labels_csv=labels,
        window_hours=window_hours,
        side=side,
        layout=layout,
        preset=layout_name,
        targets=own,
        deidentifier=None if deidentify is None else read_secret(deidentify),
    )
    typer.echo(summary.text())
    typer.echo(f"\nalso in {store}: attrition.json, gaps.png{'' if labels is None else ', label_rejects.csv'}")


@app.command(epilog="Example: hemometric split archive --by time --train-until 2018-01-01")
def split(
    store: StoreArgument,
    by: Annotated[
        Literal["hash", "time", "site"] | None,
        typer.Option(help="time: train on the past; site: test elsewhere; hash: as it was at first."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--from", metavar="CSV", help="Columns patient_id and split; instead of --by.")
    ] = None,
    train_until: Annotated[
        str | None, typer.Option(metavar="DATE", help="By time: before this day train, from it on test.")
    ] = None,
    validation_until: Annotated[
        str | None, typer.Option(metavar="DATE", help="By time: a period of its own; else drawn from before.")
    ] = None,
    calibration_until: Annotated[str | None, typer.Option(metavar="DATE", help="By time, as for validation.")] = None,
    of: Annotated[
        Literal["last", "first"] | None,
        typer.Option(help="By time: which ECG of a patient counts.", show_default="last"),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="By site: the column of the ECG table; of source the first folder counts.")
    ] = None,
    sites: Annotated[
        Path | None, typer.Option(metavar="CSV", help="By site: a table with patient_id and that column.")
    ] = None,
    train: SitesOption = None,
    validation: SitesOption = None,
    calibration: SitesOption = None,
    test: SitesOption = None,
    unclear: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="Where patients go whom the rule does not place.")
    ] = None,
    deidentify: Annotated[
        Path | None,
        typer.Option(
            metavar="SECRET_FILE", help="The secret of the store: a table has original ids, dates count as they were."
        ),
    ] = None,
) -> None:
    """Say which patients train and which test; every later step keeps to it. A patient is in one split only."""
    from hemometric.deidentification import read_secret
    from hemometric.store import Store, split_as_table, split_by_hash, split_by_site, split_by_time

    if (by is None) == (table is None):
        raise SettingsError("split: say --by hash, time or site, or --from CSV, one of them")
    ends = {"train_until": train_until, "validation_until": validation_until, "calibration_until": calibration_until}
    named = {"train": train, "validation": validation, "calibration": calibration, "test": test}
    _refuse_foreign("time", {**ends, "of": of}, by=by)
    _refuse_foreign("site", {"column": column, "sites": sites, **named}, by=by)
    if deidentify is not None and table is None and sites is None and by != "time":
        raise SettingsError("split: --deidentify belongs to --from, --sites or --by time")
    opened, secret = Store.open(store), None if deidentify is None else read_secret(deidentify)
    if table is not None:
        summary = split_as_table(opened, table, unclear=unclear, deidentifier=secret)
    elif by == "time":
        summary = split_by_time(opened, **ends, of=of or "last", unclear=unclear, deidentifier=secret)
    elif by == "site":
        chosen = {split: _texts(texts) for split, texts in named.items() if texts is not None}
        summary = split_by_site(opened, column=column, sites=chosen, table=sites, unclear=unclear, deidentifier=secret)
    else:
        summary = split_by_hash(opened)
    typer.echo(summary.text())


def _refuse_foreign(rule: str, options: Mapping[str, object], *, by: str | None) -> None:
    """Refuse options of a rule that is not asked for."""
    given = [name for name, value in options.items() if value is not None]
    if rule != by and given:
        raise SettingsError(f"split: --{given[0].replace('_', '-')} belongs to --by {rule}")


def _texts(texts: list[str]) -> list[str]:
    return [one.strip() for text in texts for one in text.split(",")]
