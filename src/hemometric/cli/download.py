"""The command that fetches an open archive."""

from pathlib import Path
from typing import Annotated

import typer

from hemometric.cli.app import ResumeOption, app


@app.command(epilog="Example: hemometric download ptb-xl --out ptb-xl --only records500")
def download(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="ptb-xl, ptbdb, challenge-2021, scg-rhc or mimic-iv-ecg.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the archive.")],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Files such as 'records500/00*', or a folder; may be repeated."),
    ] = None,
    resume: ResumeOption = False,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="HEMOMETRIC_DOWNLOAD_URL",
            help="A mirror; below it the files lie as SLUG/VERSION/PATH.",
            show_default="https://physionet.org/files",
        ),
    ] = None,
) -> None:
    """Fetch an open archive and check every file against the hashes of its publisher."""
    from hemometric.download import BASE_URL
    from hemometric.download import download as run_download

    summary = run_download(name, out=out, only=only or (), resume=resume, base_url=base_url or BASE_URL)
    typer.echo(summary.text())
