"""The application, what holds for every command, and the arguments that several commands have."""

import importlib.util
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from hemometric import __version__
from hemometric.errors import MissingExtraError, RunError
from hemometric.progress import set_quiet

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


def _check_run(path: Path) -> Path:
    """Refuse a run that is not there before PyTorch is loaded, which takes seconds."""
    if not path.is_dir():
        raise RunError.absent(path)
    return path


StoreArgument = Annotated[Path, typer.Argument(metavar="STORE", help="A store made by ingest or simulate.")]
RunArgument = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="A run directory made by pretrain or finetune.", callback=_check_run),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="TOML", help="Settings that differ from default.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting; may be repeated.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")]


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


def need_torch(command: str) -> None:
    """Refuse a command that computes with PyTorch where that is not installed.

    Raises:
        MissingExtraError: It is not.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(f"`{command}` needs PyTorch, which is not installed: pip install 'hemometric[train]'")


def chosen_device() -> Device:
    """What `--device` says."""
    return _state["device"]
