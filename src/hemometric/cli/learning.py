"""Commands that learn, judge and estimate."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric.cli.app import (
    ConfigOption,
    ResumeOption,
    RunArgument,
    SetOption,
    StoreArgument,
    app,
    chosen_device,
    need_torch,
)
from hemometric.errors import ReadError, SettingsError
from hemometric.progress import say


@app.command(epilog="Example: hemometric pretrain archive --objective default --out runs/default --set n_passes=500000")
def pretrain(
    store: StoreArgument,
    out: Annotated[Path, typer.Option(metavar="RUN")],
    objective: Annotated[
        str,
        typer.Option(
            help="default, pclr, simclr, clocs, tfc, dml-beat, dml-dtw, dml-euclidean; by labels joint, supervised-dml"
        ),
    ] = "default",
    config: ConfigOption = None,
    settings: SetOption = None,
    resume: ResumeOption = False,
) -> None:
    """Learn a representation of the store's ECGs, without labels but for joint and supervised-dml."""
    need_torch("pretrain")
    from hemometric.settings import PretrainSettings, load_settings
    from hemometric.store import Store
    from hemometric.training import pretrain as run_pretraining

    chosen = load_settings(PretrainSettings, config=config, overrides=[f"objective={objective}", *(settings or [])])
    run_pretraining(Store.open(store), out=out, settings=chosen, resume=resume, device=chosen_device())
    typer.echo(f"{out}: pretrained; next: hemometric finetune {store} --from {out} --target mpcwp --out RUN")


@app.command(
    epilog="Example: hemometric finetune archive --from runs/pclr --target mpcwp --target rap --out runs/pressures"
)
def finetune(
    store: StoreArgument,
    source: Annotated[str, typer.Option("--from", metavar="RUN|none", help="A pretrained run; none: from scratch.")],
    target: Annotated[
        list[str],
        typer.Option(
            metavar="NAME", help="mpcwp, mpap, rap, co or one that the store defines; repeated for several at a time."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="RUN")],
    labels: Annotated[
        int | None, typer.Option(min=1, help="Use only N training patients with a label of any target.")
    ] = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Train only the heads.")] = False,
    baselines: Annotated[bool, typer.Option(help="Also fit the baselines that the report needs.")] = True,
    config: ConfigOption = None,
    settings: SetOption = None,
    resume: ResumeOption = False,
) -> None:
    """Fit estimates of pressures or flows on the labeled ECGs of a store."""
    need_torch("finetune")
    from hemometric.evaluation import fit_baselines
    from hemometric.settings import FinetuneSettings, load_settings
    from hemometric.store import Store
    from hemometric.training import finetune as run_finetuning

    first, *more = target
    named = [f"target={first}", *([f"more_targets={json.dumps(more)}"] if more else [])]
    named += [*([f"n_labels={labels}"] if labels else []), *(["freeze=true"] if freeze else [])]
    chosen = load_settings(FinetuneSettings, config=config, overrides=[*named, *(settings or [])])
    opened = Store.open(store)
    start: Path | Literal["none", "random"]
    start = "none" if source == "none" else "random" if source == "random" else Path(source)
    run_finetuning(opened, source=start, out=out, settings=chosen, resume=resume, device=chosen_device())
    for name in chosen.targets if baselines else ():
        fit_baselines(out, opened, device=chosen_device(), target=name)
    which = f" --target {chosen.targets[0]} (or {', '.join(chosen.targets[1:])})" if len(chosen.targets) > 1 else ""
    typer.echo(f"{out}: fine-tuned; next: hemometric evaluate {out} --store {store} --out REPORT{which}")


@app.command(epilog="Example: hemometric evaluate runs/mpcwp --store archive --out report")
def evaluate(
    run_path: RunArgument,
    store: Annotated[Path, typer.Option(metavar="STORE")],
    out: Annotated[Path, typer.Option(metavar="REPORT")],
    split: Annotated[str, typer.Option(help="test, another split, or all of an archive of other patients.")] = "test",
    labels: Annotated[
        Literal["links", "truth"],
        typer.Option(help="links: ECGs with a linked label; truth: every visit's measurement (simulated stores only)."),
    ] = "links",
    target: Annotated[str | None, typer.Option(help="One of the run's targets; without it the first.")] = None,
) -> None:
    """Judge one target of a run against baselines on patients that it never saw: report.json and report.html."""
    need_torch("evaluate")
    from hemometric.evaluation import evaluate as run_evaluation
    from hemometric.store import Store

    run_evaluation(run_path, Store.open(store), out=out, split=split, labels=labels, target=target)
    typer.echo(f"{out / 'report.html'}")


@app.command(epilog="Example: hemometric embed runs/pclr archive --out embeddings.parquet")
def embed(
    run_path: RunArgument,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A store, a folder with ECGs, or one ECG file.")],
    out: Annotated[Path, typer.Option(metavar="FILE.parquet")],
) -> None:
    """Write the embedding of every ECG of a store or folder to a parquet table."""
    need_torch("embed")
    from hemometric.inference import embed as run_embedding

    n_embedded, n_refused = run_embedding(run_path, source, out=out, device=chosen_device())
    refused = f", {n_refused:,} refused (see above)" if n_refused else ""
    typer.echo(f"{out}: {n_embedded:,} embeddings{refused}")


@app.command(epilog="Example: hemometric predict runs/mpcwp ecg.dcm record.hea --json")
def predict(
    run_path: RunArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="ECGs in any supported format.")],
    part: Annotated[
        str | None, typer.Option(help="Which ECG of a file that holds several; without: all of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of text.")] = False,
) -> None:
    """Estimate the run's targets for ECG files, or say why an ECG is refused.

    Of a file that holds several ECGs each has an answer, or the one that --part names.
    """
    if part is not None and len(files) != 1:
        raise SettingsError(f"--part names one ECG of one file, but {len(files)} files are named")
    need_torch("predict")
    from hemometric.inference import Predictor, predictions_json, predictions_text

    predictor = Predictor.load(run_path, device=chosen_device())
    if part is None:
        answers = list(predictor.predict_files(files))
    else:
        answers = [(files[0], predictor.predict_file(files[0], part=part))]
    typer.echo(predictions_json(answers) if as_json else predictions_text(answers))
    refused = [(path, answer) for path, answer in answers if answer.refused]
    if len(refused) == len(answers):
        path, answer = refused[0]
        raise ReadError(path, answer.reason or "refused", code="refused")
    for path, answer in refused:
        say(f"{path}: refused: {answer.reason}")
