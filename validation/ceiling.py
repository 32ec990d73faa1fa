"""How hard the cohort is: the best possible reader at several couplings, and the negative control."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hemometric.simulation.difficulty import Reading, Score
from hemometric.targets import TARGETS
from validation.bisect import read
from validation.drawing import Drawn
from validation.sections import Check, Section, Task, as_table, checks_table, picture, within

_COUPLINGS = (0.0, 0.5, 1.0, 1.5, 2.0)
_CHUNKS_OF_CURVE = 64
_PUBLISHED = (
    "Published, for mPCWP > 15 mmHg: networks .80 ± .02 and .79 ± .01 (JACC Adv 2022, PMC11198366, 6,739 records); "
    "for > 18 mmHg in heart failure .82, .81 elsewhere, and .71 and .67 for a logistic regression (Sci Rep 2023, "
    "s41598-023-30900-9)."
)


def report(task: Task) -> Section:
    """Estimate the ceiling of all targets at coupling 1, and of mPCWP at the others."""
    drawn = task.drawn
    first = list(drawn.people[:_CHUNKS_OF_CURVE])
    curve = {coupling: read(first, coupling, targets=("mpcwp",)) for coupling in _COUPLINGS}
    readings = read(list(drawn.people), 1.0, targets=tuple(TARGETS))
    event = _find(readings, "mpcwp>15")
    checks = (
        within("ceiling of mPCWP > 15 at coupling 1, AUROC", event.ceiling.value, low=0.83, high=0.85, digits=3),
        _negative_control(_find(curve[0.0], "mpcwp>15")),
        _rises(curve),
    )
    _plot(curve, task)
    body = "\n\n".join(
        [
            "The best possible reader knows the generator's true parameters of each ECG, with age and sex, and is "
            "fitted to what the catheter shows; cross-validated by patient over every visit, with 95 % "
            "patient-clustered bootstrap intervals. The ceiling is the better of a linear model and gradient-boosted "
            f"trees. {_PUBLISHED} The coupling was set once so that the ceiling for > 15 mmHg is .84, a little above "
            "what networks reach in people, and does not follow any method's result.",
            f"Coupling 1, {len(drawn.patient):,} visits of {drawn.settings.n_patients:,} patients:",
            _readings_table(readings),
            f"mPCWP > 15 mmHg at other couplings, {_n_visits(drawn):,} visits:",
            _curve_table(curve),
            picture(task, "ceiling.png", "AUROC of the best possible reader against the coupling"),
            "At coupling 0 the pressures reach the ECG only through what any heart shows without coupling: its rate, "
            "atrial fibrillation, pacing and drugs.",
            checks_table(checks),
        ]
    )
    return Section("How hard it is", body, checks)


def _n_visits(drawn: Drawn) -> int:
    return sum(len(chunk.labelled) for chunk in drawn.people[:_CHUNKS_OF_CURVE])


def _find(readings: list[Reading], measure: str) -> Reading:
    return next(reading for reading in readings if reading.measure == measure)


def _negative_control(reading: Reading) -> Check:
    excess = reading.ceiling.value - reading.demographics.value
    return Check(
        "negative control: ceiling at coupling 0 above age and sex alone, AUROC",
        "at most 0.05",
        f"{excess:+.3f}",
        abs(excess) <= 0.05,
    )


def _rises(curve: dict[float, list[Reading]]) -> Check:
    values = [_find(readings, "mpcwp>15").ceiling.value for readings in curve.values()]
    found = ", ".join(f"{value:.3f}" for value in values)
    return Check("the ceiling rises with the coupling", "at every step", found, bool(np.all(np.diff(values) > 0)))


def _text(score: Score) -> str:
    return "undefined" if np.isnan(score.value) else f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def _readings_table(readings: list[Reading]) -> str:
    rows = [
        (
            reading.target,
            reading.measure if reading.measure in ("r", "RMSE") else f"AUROC, {reading.measure}",
            _text(reading.ceiling),
            _text(reading.linear),
            _text(reading.boosting),
            _text(reading.demographics),
        )
        for reading in readings
    ]
    return as_table(("target", "measure", "ceiling", "linear", "boosting", "age and sex alone"), rows)


def _curve_table(curve: dict[float, list[Reading]]) -> str:
    rows = [
        (f"{coupling:g}", *(_text(_find(readings, event).ceiling) for event in ("mpcwp>15", "mpcwp>18")))
        for coupling, readings in curve.items()
    ]
    return as_table(("coupling", "ceiling, > 15 mmHg", "ceiling, > 18 mmHg"), rows)


def _plot(curve: dict[float, list[Reading]], task: Task) -> None:
    figure = Figure(figsize=(6, 3.6), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    found = [_find(readings, "mpcwp>15") for readings in curve.values()]
    kinds = (("linear", "#4c72b0"), ("boosting", "#c44e52"), ("demographics", "#777777"))
    for name, colour in kinds:
        scores = [getattr(reading, name) for reading in found]
        values = np.array([score.value for score in scores])
        lengths = [values - [score.low for score in scores], [score.high for score in scores] - values]
        label = "age and sex alone" if name == "demographics" else name
        axis.errorbar(list(curve), values, lengths, color=colour, capsize=3, label=label)
    axis.axhspan(0.79, 0.80, color="#dddddd", label="published networks")
    axis.set(xlabel="coupling", ylabel="AUROC of mPCWP > 15 mmHg", ylim=(0.5, 1.0))
    axis.legend(fontsize=8, frameon=False)
    figure.savefig(task.images / "ceiling.png")
