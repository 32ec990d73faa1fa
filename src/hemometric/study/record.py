"""What stands in the folders of a study beside its results, so that it can be gone on with and told from another."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from hemometric.errors import RunError
from hemometric.study.settings import StudySettings
from hemometric.training.files import read_json, write_json
from hemometric.training.runs import SETTINGS, begin_run

STUDY = "study.json"


def open_study(out: Path, *, resume: bool) -> None:
    """Make the folder of a study, or go on with one.

    Raises:
        RunError: The folder exists without `resume`, or is not of a study.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not (out / STUDY).is_file():
            raise RunError(f"{out}: exists and is not a study: name another directory with --out")
        # What was refused before it began (a budget that is too large, say) can be begun anew.
        if not resume and "settings" in read_json(out / STUDY):
            raise RunError(f"{out}: exists already: go on with --resume, or name another directory")
        return
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / STUDY, {"schema_version": 1})


def write_study(out: Path, study: StudySettings, facts: Mapping[str, object]) -> None:
    """Write `study.json`: the settings as they are now, and facts about the run."""
    settings = json.loads(study.model_dump_json(exclude={"cohort": {"n_workers"}}))
    write_json(out / STUDY, {"schema_version": 1, "settings": settings, **facts})


def begin_folder(folder: Path, description: Mapping[str, object]) -> None:
    """Make a folder that says what decides its content, or check that it is what one goes on with.

    Raises:
        RunError: It was begun with other settings; all are named.
    """
    forget_unbegun(folder)
    begin_run(folder, description, resume=True)


def forget_unbegun(folder: Path) -> None:
    """Remove a folder that was cut off before it said what it is."""
    if folder.is_dir() and not (folder / SETTINGS).exists():
        shutil.rmtree(folder)
