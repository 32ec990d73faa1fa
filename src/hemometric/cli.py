"""The command line: each command calls one function of the library. Heavy imports happen inside the commands."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric import __version__
from hemometric.errors import MissingExtraError, ReadError, SettingsError
from hemometric.progress import say, set_quiet

Device = Literal["auto", "cpu", "cuda"]

app = typer.Typer(
    name="hemometric",
    help=(
        "Learn representations of 12-lead ECGs without labels and estimate intracardiac pressures from few catheter"
        " labels. Research software: not a medical device."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_state: dict[str, Device] = {"device": "auto"}

StoreArgument = Annotated[Path, typer.Argument(metavar="STORE", help="A store made by ingest or simulate.")]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory made by pretrain or finetune.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="TOML", help="Settings that differ from default.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting; may be repeated.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")]


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; errors of hemometric are left to the caller."""
    try:
        app(args=list(arguments))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    return 0


@app.callback(invoke_without_command=True)
def everywhere(
    context: typer.Context,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads for computing; by default one per core.")] = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = "auto",
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no remarks, only results and errors.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Take the options that hold for every command (they may stand anywhere on the line)."""
    if version:
        typer.echo(f"hemometric {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
    set_quiet(quiet)
    _state["device"] = device
    # Threads that wait by spinning take the cores from each other as soon as anything else runs: with two threads on
    # two shared cores pretraining took 33.6 s spinning and 9.1 s sleeping. To be set before torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads is not None:
        # Before numpy, numba or torch are imported: they read these once.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ[name] = str(threads)


def _need_torch(command: str) -> None:
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(f"`{command}` needs PyTorch, which is not installed: pip install 'hemometric[train]'")


@app.command(epilog="Example: hemometric demo --out demo-output")
def demo(
    out: Annotated[Path, typer.Option(help="Where everything goes; DIR/report/report.html is for people.")],
    size: Annotated[
        Literal["small", "medium", "large"], typer.Option(help="small: under 5 minutes on 2 cores.")
    ] = "small",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Make the whole journey on simulated patients: archive, pretraining, fine-tuning, report, one real ECG."""
    _need_torch("demo")
    from hemometric.demo import run_demo

    typer.echo(run_demo(out, size=size, seed=seed, device=_state["device"]))


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


@app.command(epilog="Example: hemometric ingest ptbxl/ more-ecgs/ --out archive --metadata patients.csv")
def ingest(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE", help="Folders with ECGs, or single files.")],
    out: Annotated[Path, typer.Option(metavar="STORE")],
    format_name: Annotated[str, typer.Option("--format", help="auto: by content; or wfdb, dicom.")] = "auto",
    dataset: Annotated[str, typer.Option(help="auto: recognised per SOURCE; or ptb-xl, ptbdb, none.")] = "auto",
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
    resume: ResumeOption = False,
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
        resume=resume,
    )
    typer.echo(run_ingest(sources, out=out, settings=settings).text())


@app.command(epilog="Example: hemometric link archive --labels catheterisations.csv --window-hours 24")
def link(
    store: StoreArgument,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns patient_id, measured_at, target, value, unit; else the store's own."),
    ] = None,
    window_hours: Annotated[float, typer.Option(min=0, help="Largest time between ECG and catheterisation.")] = 24.0,
) -> None:
    """Join catheter values to the ECGs of the same patient within a time window."""
    from hemometric.labels import link as run_link
    from hemometric.store import Store

    typer.echo(run_link(Store.open(store), labels_csv=labels, window_hours=window_hours).text())


@app.command(epilog="Example: hemometric mine archive --distance beat-dtw --neighbors 16")
def mine(
    store: StoreArgument,
    distance: Annotated[str, typer.Option(help="beat-dtw, beat-euclidean or features.")] = "beat-dtw",
    neighbors: Annotated[int, typer.Option(min=1, help="Of each ECG.")] = 16,
    candidates: Annotated[int, typer.Option(min=1, help="Compared exactly for each ECG (beat-dtw).")] = 384,
) -> None:
    """Find the nearest ECGs of each ECG over the whole store, with and without those of the same patient."""
    from hemometric.neighbors import mine as run_mining
    from hemometric.store import Store

    found = run_mining(Store.open(store), distance=distance, n_neighbors=neighbors, n_candidates=candidates)
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
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the ECG on 25 mm/s, 10 mm/mV paper.")] = None,
) -> None:
    """Say what a store holds, or what was read from one ECG file."""
    from hemometric.inspection import inspect_path

    typer.echo(inspect_path(what, plot=plot))


@app.command(epilog="Example: hemometric pretrain archive --objective pclr --out runs/pclr --set n_passes=500000")
def pretrain(
    store: StoreArgument,
    out: Annotated[Path, typer.Option(metavar="RUN")],
    objective: Annotated[str, typer.Option(help="pclr, dml-dtw or dml-euclidean.")] = "pclr",
    config: ConfigOption = None,
    settings: SetOption = None,
    resume: ResumeOption = False,
) -> None:
    """Learn a representation of the store's ECGs without labels."""
    _need_torch("pretrain")
    from hemometric.settings import PretrainSettings, load_settings
    from hemometric.store import Store
    from hemometric.training import pretrain as run_pretraining

    chosen = load_settings(PretrainSettings, config=config, overrides=[f"objective={objective}", *(settings or [])])
    run_pretraining(Store.open(store), out=out, settings=chosen, resume=resume, device=_state["device"])
    typer.echo(f"{out}: pretrained; next: hemometric finetune {store} --from {out} --target mpcwp --out RUN")


@app.command(
    epilog="Example: hemometric finetune archive --from runs/pclr --target mpcwp --labels 300 --out runs/mpcwp"
)
def finetune(
    store: StoreArgument,
    source: Annotated[str, typer.Option("--from", metavar="RUN|none", help="A pretrained run; none: from scratch.")],
    target: Annotated[str, typer.Option(help="mpcwp, mpap, rap or co.")],
    out: Annotated[Path, typer.Option(metavar="RUN")],
    labels: Annotated[int | None, typer.Option(min=1, help="Use only N labeled training patients.")] = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Train only the heads.")] = False,
    baselines: Annotated[bool, typer.Option(help="Also fit the baselines that the report needs.")] = True,
    config: ConfigOption = None,
    settings: SetOption = None,
    resume: ResumeOption = False,
) -> None:
    """Fit an estimate of a pressure or flow on the labeled ECGs of a store."""
    _need_torch("finetune")
    from hemometric.evaluation import fit_baselines
    from hemometric.settings import FinetuneSettings, load_settings
    from hemometric.store import Store
    from hemometric.training import finetune as run_finetuning

    named = [f"target={target}", *([f"n_labels={labels}"] if labels else []), *(["freeze=true"] if freeze else [])]
    chosen = load_settings(FinetuneSettings, config=config, overrides=[*named, *(settings or [])])
    opened = Store.open(store)
    start: Path | Literal["none", "random"]
    start = "none" if source == "none" else "random" if source == "random" else Path(source)
    run_finetuning(opened, source=start, out=out, settings=chosen, resume=resume, device=_state["device"])
    if baselines:
        fit_baselines(out, opened, device=_state["device"])
    typer.echo(f"{out}: fine-tuned; next: hemometric evaluate {out} --store {store} --out REPORT")


@app.command(epilog="Example: hemometric evaluate runs/mpcwp --store archive --out report")
def evaluate(
    run_path: RunArgument,
    store: Annotated[Path, typer.Option(metavar="STORE")],
    out: Annotated[Path, typer.Option(metavar="REPORT")],
    split: Annotated[str, typer.Option(help="test, or a split of splits.csv.")] = "test",
    labels: Annotated[
        Literal["links", "truth"],
        typer.Option(help="links: ECGs with a linked label; truth: every visit's measurement (simulated stores only)."),
    ] = "links",
) -> None:
    """Judge a run against baselines on patients that it never saw: report.json and report.html."""
    _need_torch("evaluate")
    from hemometric.evaluation import evaluate as run_evaluation
    from hemometric.store import Store

    run_evaluation(run_path, Store.open(store), out=out, split=split, labels=labels)
    typer.echo(f"{out / 'report.html'}")


@app.command(epilog="Example: hemometric embed runs/pclr archive --out embeddings.parquet")
def embed(
    run_path: RunArgument,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A store, a folder with ECGs, or one ECG file.")],
    out: Annotated[Path, typer.Option(metavar="FILE.parquet")],
) -> None:
    """Write the embedding of every ECG of a store or folder to a parquet table."""
    _need_torch("embed")
    from hemometric.inference import embed as run_embedding

    n_embedded, n_refused = run_embedding(run_path, source, out=out, device=_state["device"])
    refused = f", {n_refused:,} refused (see above)" if n_refused else ""
    typer.echo(f"{out}: {n_embedded:,} embeddings{refused}")


@app.command(epilog="Example: hemometric predict runs/mpcwp ecg.dcm record.hea --json")
def predict(
    run_path: RunArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="ECGs in any supported format.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of text.")] = False,
) -> None:
    """Estimate the run's target for ECG files, or say why an ECG is refused."""
    _need_torch("predict")
    from hemometric.inference import Predictor, predictions_json, predictions_text

    predictor = Predictor.load(run_path, device=_state["device"])
    answers = [(path, predictor.predict_file(path)) for path in files]
    typer.echo(predictions_json(answers) if as_json else predictions_text(answers))
    refused = [(path, answer) for path, answer in answers if answer.refused]
    if len(refused) == len(answers):
        path, answer = refused[0]
        raise ReadError(path, answer.reason or "refused", code="refused")
    for path, answer in refused:
        say(f"{path}: refused: {answer.reason}")


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
