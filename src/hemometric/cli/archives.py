"""Commands that make and check stores."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.core import TyperCommand, TyperOption

from hemometric.cli.app import ConfigOption, ResumeOption, SetOption, StoreArgument, app
from hemometric.errors import SettingsError


@app.command(epilog="Example: hemometric simulate --out cohort --patients 2000 --seed 1 --set people.age_sd_years=8")
def simulate(
    out: Annotated[Path, typer.Option(metavar="STORE")],
    patients: Annotated[
        int | None, typer.Option(min=1, help="Number of virtual patients (or n_patients in --config).")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, show_default="0")] = None,
    sampling_rate: Annotated[
        float | None, typer.Option(min=100, max=1000, help="Of the store, Hz.", show_default="250")
    ] = None,
    coupling: Annotated[
        float | None,
        typer.Option(min=0, max=3, help="How much the ECG shows of the heart; 0: nothing.", show_default="1"),
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="reference, or other: other patients and devices.", show_default="reference")
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    resume: ResumeOption = False,
) -> None:
    """Make an archive of virtual patients with known pressures and flow. SIMULATED, never clinical."""
    from hemometric.settings import load_settings
    from hemometric.simulation import CohortSettings
    from hemometric.simulation import simulate as run_simulation

    options = {
        "n_patients": patients,
        "seed": seed,
        "sampling_rate_hz": sampling_rate,
        "coupling": coupling,
        "site": site,
        "n_workers": workers or os.cpu_count() or 1,
    }
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    settings = load_settings(CohortSettings, config=config, overrides=[*given, *(overrides or [])])
    run_simulation(out, settings=settings, resume=resume)
    typer.echo(f"{out}: {settings.n_patients:,} simulated patients; next: hemometric link {out}")


class _IngestCommand(TyperCommand):
    """Names in its help the archives of the registry, which is loaded only then."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        from hemometric.datasets import DATASETS

        for option in self.params:
            if option.name == "dataset" and isinstance(option, TyperOption):
                option.help = f"auto: recognised per SOURCE; none; or {', '.join(DATASETS)}."
        return super().get_help(ctx)


@app.command(
    cls=_IngestCommand, epilog="Example: hemometric ingest ptbxl/ more-ecgs/ --out archive --metadata patients.csv"
)
def ingest(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE", help="Folders with ECGs, or single files.")],
    out: Annotated[Path, typer.Option(metavar="STORE")],
    format_name: Annotated[
        str, typer.Option("--format", help="auto: by content; or the name of one (wfdb, dicom, ...).")
    ] = "auto",
    dataset: Annotated[str, typer.Option()] = "auto",
    metadata: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns source or ecg_id, then patient_id, age_years, sex, acquired_at."),
    ] = None,
    sampling_rate: Annotated[float, typer.Option(min=50, max=2000, help="Of the store, Hz.")] = 250.0,
    leads: Annotated[Literal["8", "12"], typer.Option(help="8: I, II, V1-V6, the others derived on reading.")] = "8",
    shard_size: Annotated[int, typer.Option(min=1, help="ECGs per shard.")] = 4096,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    pad: Annotated[
        bool, typer.Option("--pad", help="Pad records that are shorter than 10 s instead of refusing.")
    ] = False,
    seconds_per_file: Annotated[
        float,
        typer.Option(min=0.1, max=86_400, help="An ECG that takes longer is rejected; a large one may take 2 s a MB."),
    ] = 60.0,
    catheter_unit: Annotated[
        list[str] | None,
        typer.Option(metavar="WRITTEN=MEANT", help="What a unit of an archive's catheter values is: cmH2O=mmHg."),
    ] = None,
    resume: ResumeOption = False,
    deidentify: Annotated[
        Path | None,
        typer.Option(metavar="SECRET_FILE", help="Replace ids, names and dates by this secret of 16 bytes or more."),
    ] = None,
) -> None:
    """Read ECG files into a store: resampled, cut to 10 s, checked; nothing filtered, everything accounted for."""
    from hemometric.ingest import IngestSettings
    from hemometric.ingest import ingest as run_ingest

    settings = IngestSettings(
        format=format_name,
        dataset=dataset,
        metadata=metadata,
        sampling_rate_hz=sampling_rate,
        n_leads=int(leads),
        shard_size=shard_size,
        workers=workers or os.cpu_count() or 1,
        pad=pad,
        seconds_per_file=seconds_per_file,
        catheter_units=tuple(catheter_unit or ()),
        resume=resume,
        deidentify=deidentify,
    )
    typer.echo(run_ingest(sources, out=out, settings=settings).text())


@app.command(epilog="Example: hemometric verify archive")
def verify(store: StoreArgument) -> None:
    """Check every shard and table of a store against its hash."""
    from hemometric.store import verify as run_verify

    problems = run_verify(store)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise SettingsError(f"{store}: {len(problems)} problem(s); ingest the files again or restore them from a copy")
    typer.echo(f"{store}: every shard and table is as it was written")


@app.command(epilog="Example: hemometric inspect ecg.dcm --plot ecg.png")
def inspect(
    what: Annotated[Path, typer.Argument(metavar="STORE|FILE")],
    part: Annotated[
        str | None, typer.Option(help="Which ECG of a file that holds several; without: list them.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the ECG on 25 mm/s, 10 mm/mV paper.")] = None,
    save_quality: Annotated[
        bool,
        typer.Option("--save-quality", help="Write the counts into the store as quality.csv (ingest does so too)."),
    ] = False,
) -> None:
    """Say what a store holds, or what was read from one ECG file."""
    from hemometric.inspection import inspect_path

    if plot is not None and (plot.is_dir() or not plot.parent.is_dir()):
        fault = "is a folder" if plot.is_dir() else f"there is no folder {plot.parent}"
        raise SettingsError(f"--plot {plot}: {fault}; expected a file to write, such as ecg.png")
    typer.echo(inspect_path(what, part=part, plot=plot, save_quality=save_quality))
