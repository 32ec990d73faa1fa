"""The whole journey on simulated patients, and what it measured.

simulate an archive -> pretrain without labels -> fine-tune with few labels -> judge against supervised-from-scratch
and the other baselines -> estimate for a real ECG.
"""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hemometric.ecg import Ecg
from hemometric.errors import SettingsError
from hemometric.evaluation import evaluate, fit_baselines, paired_auroc_difference
from hemometric.evaluation.report import Interval, Report
from hemometric.formats import read_ecg
from hemometric.inference import Prediction, Predictor, predictions_text
from hemometric.labels import link
from hemometric.progress import say
from hemometric.settings import FinetuneSettings, PretrainSettings
from hemometric.simulation import CohortSettings, simulate
from hemometric.store import Store
from hemometric.targets import find_target
from hemometric.training import finetune, pretrain

Size = Literal["small", "medium", "large"]

_MARK = "demo.json"
_TARGET = "mpcwp"


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much the demo does.

    Attributes:
        n_patients: Virtual patients.
        n_passes: ECGs that pass through the encoder in pretraining with `pclr`.
        n_passes_paper: The same for the paper's `dml-dtw`, whose mining costs more.
        n_labels: Labeled training patients in fine-tuning.
    """

    n_patients: int
    n_passes: int
    n_passes_paper: int
    n_labels: int


SIZES: dict[Size, DemoSize] = {
    "small": DemoSize(n_patients=3_000, n_passes=120_000, n_passes_paper=24_000, n_labels=300),
    "medium": DemoSize(n_patients=10_000, n_passes=600_000, n_passes_paper=120_000, n_labels=1_000),
    "large": DemoSize(n_patients=40_000, n_passes=3_000_000, n_passes_paper=600_000, n_labels=3_000),
}


def run_demo(out: Path, *, size: Size = "small", seed: int = 0, device: Literal["auto", "cpu", "cuda"] = "auto") -> str:
    """Make the whole journey and return what it measured, as text.

    Args:
        out: Directory for everything that is made; one of an earlier demo is replaced, any other is refused.
        size: How much is done.
        seed: Of the cohort, the training and the subsets.
        device: Where to compute.

    Raises:
        SettingsError: `out` exists and is not from an earlier demo.
    """
    began = time.monotonic()
    amount = SIZES[size]
    _make_room(out, size=size, seed=seed)

    say(f"1/6 simulate {amount.n_patients:,} patients (100 Hz, SIMULATED)")
    archive = out / "archive"
    cohort = CohortSettings(
        n_patients=amount.n_patients, seed=seed, sampling_rate_hz=100.0, n_workers=os.cpu_count() or 1
    )
    simulate(archive, settings=cohort)
    link(Store.open(archive))
    store = Store.open(archive)

    say("2/6 learn without labels: pclr (another ECG of the same patient is the positive)")
    pretrain(
        store,
        out=out / "pretrained-pclr",
        settings=PretrainSettings(objective="pclr", n_passes=amount.n_passes, seed=seed),
        device=device,
    )
    say("3/6 learn without labels: dml-dtw (the paper: the nearest ECG of the batch is the positive)")
    pretrain(
        store,
        out=out / "pretrained-dml-dtw",
        settings=PretrainSettings(objective="dml-dtw", n_passes=amount.n_passes_paper, seed=seed),
        device=device,
    )

    say(f"4/6 fine-tune with at most {amount.n_labels:,} labeled patients, and fit the baselines")
    settings = FinetuneSettings(target=_TARGET, n_labels=amount.n_labels, seed=seed)
    for objective in ("pclr", "dml-dtw"):
        source = out / f"pretrained-{objective}"
        finetune(store, source=source, out=out / f"finetuned-{objective}", settings=settings, device=device)
    fit_baselines(out / "finetuned-pclr", store, device=device)

    say("5/6 judge on every visit of test patients that nothing was fitted to")
    ours = evaluate(out / "finetuned-pclr", store, out=out / "report", labels="truth")
    paper = evaluate(out / "finetuned-dml-dtw", store, out=out / "report-dml-dtw", labels="truth")

    say("6/6 estimate for a real ECG (the 12-lead example of the pydicom package)")
    example = _real_example()
    answer = Predictor.load(out / "finetuned-pclr", device=device).predict(example)
    text = demo_text(ours, paper, example=(example, answer), runs=out)
    text += f"\n\n{time.monotonic() - began:.0f} s in all. Report: {out / 'report' / 'report.html'}"
    (out / "demo.txt").write_text(text + "\n", encoding="utf-8")
    return text


def _make_room(out: Path, *, size: Size, seed: int) -> None:
    if out.exists():
        if not (out / _MARK).is_file():
            raise SettingsError(f"{out} exists and is not from an earlier demo: name another directory with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / _MARK).write_text(json.dumps({"size": size, "seed": seed}) + "\n", encoding="utf-8")


def _real_example() -> Ecg:
    from pydicom.data import get_testdata_file

    # download=False: the file is part of the package, and a demo asks no network.
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    if path is None:
        raise SettingsError("the pydicom package lacks its example waveform_ecg.dcm: reinstall pydicom")
    return read_ecg(str(path))


def demo_text(ours: Report, paper: Report, *, example: tuple[Ecg, Prediction], runs: Path) -> str:
    """Write the table of what was measured and the verdict, whichever way it went.

    Args:
        ours: Report of the fine-tuned `pclr` run, with all baselines.
        paper: Report of the fine-tuned `dml-dtw` run on the same ECGs.
        example: A real ECG and what the run says of it.
        runs: Directory with `finetuned-pclr`, whose predictions are compared ECG by ECG.
    """
    event = find_target(_TARGET).events[0].key
    rows = [
        ("pclr, fine-tuned", ours.regression.rmse, ours.regression.pearson_r, ours.classification[event].auroc),
        (
            "dml-dtw (paper), fine-tuned",
            paper.regression.rmse,
            paper.regression.pearson_r,
            paper.classification[event].auroc,
        ),
    ]
    names = {
        "none": "supervised from scratch",
        "features": "hand-made features",
        "random": "random frozen encoder",
        "demographics": "age and sex",
        "mean": "mean of the labels",
    }
    for key, title in names.items():
        baseline = ours.baselines[key]
        rows.append(
            (title, baseline.regression.rmse, baseline.regression.pearson_r, baseline.classification[event].auroc)
        )
    lines = [
        "SIMULATED DATA: no clinical performance.",
        f"{ours.n_ecgs:,} ECGs of {ours.n_patients:,} test patients; 95 % intervals by bootstrap over patients.",
        "",
        f"{'':<29}{'RMSE, mmHg':<22}{'Pearson r':<22}AUROC {event} mmHg",
    ]
    lines += [f"{title:<29}{_cell(rmse, 2):<22}{_cell(r, 3):<22}{_cell(auroc, 3)}" for title, rmse, r, auroc in rows]
    lines += ["", *_verdict(ours, event), ""]
    lines += [f"A real ECG ({example[0].ecg_id}, from the pydicom package), by a model of simulated patients:"]
    lines += [predictions_text([(Path("waveform_ecg.dcm"), example[1])])]
    return "\n".join(lines)


def _cell(interval: Interval, digits: int) -> str:
    if interval.value is None:
        return "undefined"
    if interval.low is None or interval.high is None:
        return f"{interval.value:.{digits}f}"
    return f"{interval.value:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def _verdict(ours: Report, event: str) -> list[str]:
    lines = []
    for name, title in (("none", "supervised from scratch"), ("features", "hand-made features")):
        difference = paired_auroc_difference(ours, versus=name, event=event)
        said = "is not told apart from"
        if difference.low is not None and difference.low > 0:
            said = "is better than"
        elif difference.high is not None and difference.high < 0:
            said = "is WORSE than"
        lines.append(f"Pretraining {said} {title}: difference in AUROC {_cell(difference, 3)} (paired).")
    return lines
