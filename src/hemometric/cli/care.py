"""Commands that change a complete store, or make one of several."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric.cli.app import ResumeOption, StoreArgument, app
from hemometric.errors import SettingsError


@app.command(epilog="Example: hemometric append archive more-ecgs/ --metadata patients.csv")
def append(
    store: StoreArgument,
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE", help="Folders with ECGs, or single files.")],
    format_name: Annotated[
        str, typer.Option("--format", help="auto: by content; or the name of one (wfdb, dicom, ...).")
    ] = "auto",
    dataset: Annotated[str, typer.Option(help="auto: recognised per SOURCE; none; or a name, as for ingest.")] = "auto",
    metadata: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns source or ecg_id, then patient_id, age_years, sex, acquired_at."),
    ] = None,
    sampling_rate: Annotated[float | None, typer.Option(help="The store's own; another is refused.")] = None,
    leads: Annotated[Literal["8", "12"] | None, typer.Option(help="The store's own; others are refused.")] = None,
    shard_size: Annotated[int | None, typer.Option(min=1, help="ECGs per new shard; by default as before.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    pad: Annotated[bool | None, typer.Option("--pad/--no-pad", help="Pad short records; by default as before.")] = None,
    seconds_per_file: Annotated[
        float,
        typer.Option(min=0.1, max=86_400, help="An ECG that takes longer is rejected; a large one may take 2 s a MB."),
    ] = 60.0,
    catheter_unit: Annotated[
        list[str] | None,
        typer.Option(metavar="WRITTEN=MEANT", help="What a unit of an archive's catheter values is: cmH2O=mmHg."),
    ] = None,
    new_patients: Annotated[
        str | None,
        typer.Option(metavar="hash|SPLIT", help="Where patients go whom the store's splits.csv does not name."),
    ] = None,
    resume: ResumeOption = False,
    deidentify: Annotated[
        Path | None, typer.Option(metavar="SECRET_FILE", help="The secret by which the store was de-identified.")
    ] = None,
) -> None:
    """Ingest further files into a store, in new shards. ECGs that are there already are not doubled."""
    from hemometric.ingest import append as run_append
    from hemometric.ingest import settings_of
    from hemometric.store import Store

    fixed = settings_of(Store.open(store))
    settings = replace(
        fixed,
        format=format_name,
        dataset=dataset,
        metadata=metadata,
        sampling_rate_hz=fixed.sampling_rate_hz if sampling_rate is None else sampling_rate,
        n_leads=fixed.n_leads if leads is None else int(leads),
        shard_size=shard_size or fixed.shard_size,
        workers=workers or os.cpu_count() or 1,
        pad=fixed.pad if pad is None else pad,
        seconds_per_file=seconds_per_file,
        catheter_units=tuple(catheter_unit or ()),
        resume=resume,
        deidentify=deidentify,
    )
    typer.echo(run_append(store, sources, settings=settings, new_patients=new_patients).text())


@app.command(epilog="Example: hemometric merge hospital-a hospital-b --out both --prefix-names")
def merge(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE", help="Two or more; they are only read.")],
    out: Annotated[Path, typer.Option(metavar="STORE")],
    same_patients: Annotated[
        bool, typer.Option("--same-patients", help="Equal patient ids in two stores are the same person.")
    ] = False,
    prefix_names: Annotated[
        bool, typer.Option("--prefix-names", help="Put each store's folder name before the names of its ECGs.")
    ] = False,
    resume: ResumeOption = False,
) -> None:
    """Make one store of several with the same rate, length and leads."""
    from hemometric.store import merge as run_merge

    summary = run_merge(stores, out=out, same_patients=same_patients, prefix_names=prefix_names, resume=resume)
    typer.echo(summary.text())


@app.command(epilog="Example: hemometric withdraw archive --patient 4711 --patient 0815")
def withdraw(
    store: StoreArgument,
    patient: Annotated[list[str] | None, typer.Option(metavar="ID", help="A patient's id; may be repeated.")] = None,
    patients: Annotated[Path | None, typer.Option(metavar="FILE", help="A text file with an id on each line.")] = None,
    deidentify: Annotated[
        Path | None,
        typer.Option(metavar="SECRET_FILE", help="The ids are original ones; the secret of the store."),
    ] = None,
) -> None:
    """Take patients out of a store with all that it holds of them. There is no way back."""
    from hemometric.deidentification import read_secret
    from hemometric.store import withdraw as run_withdraw

    ids = [*(patient or []), *([] if patients is None else _read_ids(patients))]
    deidentifier = None if deidentify is None else read_secret(deidentify)
    typer.echo(run_withdraw(store, ids, deidentifier=deidentifier).text())


@app.command(epilog="Example: hemometric mend archive")
def mend(store: StoreArgument) -> None:
    """Finish an append, withdrawal or link that was interrupted, or throw away what it left."""
    from hemometric.store import mend as run_mend

    for sentence in run_mend(store):
        typer.echo(f"{store}: {sentence}")
    typer.echo(f"{store}: nothing is half done")


def _read_ids(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}): give a text file with an id on each line") from error
