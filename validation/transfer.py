"""Does what is learned on simulated hearts transfer to real ones?

    OMP_NUM_THREADS=1 python -m validation.transfer DATA --out FOLDER

DATA is the folder that holds ptbxl/ (PTB-XL 1.0.3, or a part of it). Encoders are pretrained without labels on
simulated ECGs, on recorded ones, and on recorded ones after simulated ones. Linear probes of their embeddings answer
what the recorded ECGs are asked about, each ECG by a model of other patients; where recorded ECGs are pretrained on,
those of the fold that is judged are in no store that pretraining opens. FOLDER gets the stores, the runs, `scores.json`
and `tables.md`, and what is finished in it is not computed again. The same seeds give the same bytes on one machine.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hemometric.evaluation.bootstrap import draw_patients
from hemometric.progress import say
from validation.sections import as_table
from validation.transfer_encoders import Effort, Inputs, read_inputs
from validation.transfer_probes import answer, answer_by_mean
from validation.transfer_questions import Floats, Question
from validation.transfer_recorded import Recorded
from validation.transfer_scores import REFERENCES, Score, score, scores_table

N_BOOTSTRAP = 1000

Bools = NDArray[np.bool_]


def main(arguments: Sequence[str] | None = None) -> None:
    """Pretrain, probe, and write the tables."""
    options, effort = _parse(arguments)
    out: Path = options.out
    torch.set_num_threads(1)
    with threadpool_limits(1):
        recorded = Recorded.read(options.data / "ptbxl", out / "recorded")
        inputs = read_inputs(recorded, effort, out)
        answers = [answer_all(question, inputs, recorded) for question in recorded.questions]
        everyone = np.ones(len(recorded.odd), dtype=np.bool_)
        parts = {"all": everyone, "odd folds": recorded.odd}
        scores = {name: score_all(recorded, answers, kept=kept) for name, kept in parts.items()}
    counted = {name: count(recorded, kept) for name, kept in parts.items()}
    about = {"effort": effort._asdict(), "recorded_fingerprint": recorded.store.fingerprint, "counts": counted}
    _write_scores(out / "scores.json", about, scores)
    text = write_tables(counted, scores)
    (out / "tables.md").write_text(text, encoding="utf-8")
    print(text)


def answer_all(question: Question, inputs: Mapping[str, Inputs], recorded: Recorded) -> dict[str, Floats]:
    """Arm -> (n_seeds, n) out-of-fold answers; the mean alone answers for values: of events it would rank folds."""
    answers: dict[str, Floats] = {}
    if not question.is_event:
        answers["mean"] = answer_by_mean(question, folds=recorded.folds)[None]
    for arm, seeds in inputs.items():
        say(f"{question.name}: {arm}")
        of_seeds = [answer(question, one, patients=recorded.patients, folds=recorded.folds) for one in seeds]
        answers[arm] = np.stack(of_seeds)
    return answers


def score_all(recorded: Recorded, answers: Sequence[Mapping[str, Floats]], *, kept: Bools) -> list[Score]:
    """Score the answers to all questions about some of the ECGs, shape (n,)."""
    resamples = draw_patients(recorded.patients[kept], n_bootstrap=N_BOOTSTRAP)
    found = []
    for question, said in zip(recorded.questions, answers, strict=True):
        part = question._replace(values=question.values[kept])
        found += score(part, {arm: rows[:, kept] for arm, rows in said.items()}, resamples)
    return found


def count(recorded: Recorded, kept: Bools) -> dict[str, dict[str, int]]:
    """Question -> ECGs and patients that are asked about, and ECGs with the event."""
    found = {}
    for question in recorded.questions:
        asked = question.known & kept
        n_patients = len(np.unique(recorded.patients[asked]))
        found[question.name] = {"ecgs": int(asked.sum()), "patients": n_patients}
        if question.is_event:
            found[question.name]["with"] = int(question.values[asked].sum())
    return found


def write_tables(counted: Mapping[str, Mapping[str, Mapping[str, int]]], scores: Mapping[str, list[Score]]) -> str:
    """All tables in Markdown."""
    pieces = []
    for part, found in scores.items():
        rows = [
            (name, *(f"{row.get(what, ''):}" for what in ("ecgs", "patients", "with")))
            for name, row in counted[part].items()
        ]
        pieces += [
            f"## {part}",
            as_table(("question", "ECGs", "patients", "with it"), rows),
            scores_table(found, versus=None),
        ]
        for versus in REFERENCES:
            pieces += [f"minus {versus}:", scores_table(found, versus=versus)]
    return "\n\n".join(pieces) + "\n"


def _write_scores(path: Path, about: Mapping[str, object], scores: Mapping[str, list[Score]]) -> None:
    """Write every number, that of each seed too."""
    entries = {
        part: [{**one._asdict(), "interval": one.interval.model_dump()} for one in found]
        for part, found in scores.items()
    }
    path.write_text(json.dumps({**about, "scores": entries}, indent=1) + "\n", encoding="utf-8")


def _parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, Effort]:
    parser = argparse.ArgumentParser(
        prog="python -m validation.transfer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    named = os.environ.get("HEMOMETRIC_REAL_DATA")
    parser.add_argument("data", type=Path, nargs="?", default=named and Path(named), help="folder that holds ptbxl/")
    parser.add_argument("--out", type=Path, required=True, help="folder for stores, runs and tables")
    parser.add_argument("--patients", type=_count, default=5000, help="simulated patients")
    parser.add_argument("--cohort-seed", type=int, default=6)
    parser.add_argument("--seeds", type=_count, default=3, help="encoders of each kind")
    parser.add_argument("--passes", type=_count, default=60_000, help="on the simulated archive")
    on_recorded = "on the recorded archive of a fold; 0 leaves out what is pretrained on one"
    parser.add_argument("--recorded-passes", type=_count_or_none, default=12_800, help=on_recorded)
    options = parser.parse_args(arguments)
    if options.data is None:
        parser.error("name the folder of recorded ECGs, or set HEMOMETRIC_REAL_DATA")
    if not (options.data / "ptbxl" / "ptbxl_database.csv").is_file():
        parser.error(f"{options.data}: has no ptbxl/ptbxl_database.csv: name the folder that holds ptbxl/")
    sizes = (options.patients, options.cohort_seed, options.seeds, options.passes, options.recorded_passes)
    return options, Effort(*sizes)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number of 1 or more")
    return int(text)


def _count_or_none(text: str) -> int:
    return 0 if text == "0" else _count(text)


if __name__ == "__main__":
    main()
