"""Whether the circulation behaves like one, is solved accurately, and agrees with models that others wrote."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hemometric.simulation import Circulation, Hemodynamics, draw_patients, healthy, run_to_steady_state
from hemometric.simulation.adaptation import fibrillate
from hemometric.simulation.patients import HFPEF, HFREF, PRECAPILLARY, Patients
from validation import circulation_check, plain_loop
from validation.drawing import Bools, Floats
from validation.sections import Check, Section, Task, answer, as_table, checks_table, picture

_N_PATIENTS = 320
_SEED = 11
_ADAPTATION = 2.0**0.30
"""Of the right ventricle's elastance to twice the resistance, as in the simulator's pre-capillary patients."""
_SHOWN = ("mpcwp_mmhg", "mpap_mmhg", "rap_mmhg", "co_l_per_min", "map_mmhg")


class _Response(NamedTuple):
    """What is changed in every patient, and which way the medians must move (0: by less than a tenth)."""

    what: str
    changed: Circulation
    expected: dict[str, int]


def report(task: Task) -> Section:
    """Disturb and refine the circulation of some patients."""
    patients = draw_patients(_N_PATIENTS, np.random.default_rng(_SEED))
    heart = patients.circulation
    before = run_to_steady_state(heart)
    responses = [(response, run_to_steady_state(response.changed)) for response in _responses(heart)]
    checks = [_check_response(response, before, after) for response, after in responses]
    checks += _accuracy(heart, before)
    checks.append(_check_against_plain(heart, before))
    agreement = circulation_check.compare()
    asked = [row for row in agreement if row.output in ("mPCWP", "CO")]
    agreeing = sum(row.agrees for row in asked)
    checks.append(
        Check(
            "independent model (package circulation, Regazzoni 2020), mPCWP and CO",
            "responses agree in direction and size",
            f"{agreeing} of {len(asked)}",
            agreeing == len(asked),
        )
    )
    same = sum(row.same_direction for row in agreement)
    checks.append(
        Check(
            "independent model, mPCWP, CO and mPAP",
            "responses agree in direction",
            f"{same} of {len(agreement)}",
            same == len(agreement),
        )
    )
    _plot(patients, task)
    body = "\n\n".join(
        [
            f"Median change over {_N_PATIENTS} patients (seed {_SEED}) when one thing is changed in all of them:",
            as_table(
                ("change", "mPCWP, mmHg", "mPAP, mmHg", "RAP, mmHg", "CO, L/min", "MAP, mmHg"),
                [(response.what, *_moves(before, after)) for response, after in responses],
            ),
            checks_table(checks),
            "Responses of a healthy heart beside those of a published model, from each one's own rest (its wedge "
            "pressure is 16 mmHg, ours 9). Without baroreflex, as the published model has none, and with it; changes "
            f"agree when their signs do and their sizes differ by a factor of {circulation_check.LARGEST_FACTOR:g} at "
            f"most, or both are below {circulation_check.SMALL:g}. Where mPAP disagrees in size, the two hearts start "
            "from different elastances: from the same one (the rows of 2.6 mmHg/mL) it agrees.",
            _agreement_table(agreement),
            picture(task, "loops.png", "Pressure-volume loops of both ventricles, and pressures over a beat"),
        ]
    )
    return Section("The circulation", body, tuple(checks))


def _agreement_table(agreement: Sequence[circulation_check.Row]) -> str:
    return as_table(
        ("disturbance", "output", "published", "ours", "ours with reflex", "agrees"),
        [
            (
                row.disturbance,
                f"{row.output}, {row.unit}",
                *(f"{response.change:+.2f}" for response in (row.published, row.ours, row.ours_with_reflex)),
                answer(row.agrees),
            )
            for row in agreement
        ],
    )


def _responses(heart: Circulation) -> list[_Response]:
    everyone: Bools = np.ones(len(heart.heart_rate_bpm), dtype=np.bool_)
    in_sinus = heart.atrial_kick > 0

    def scaled(name: str, factor: float) -> Circulation:
        return heart._replace(**{name: getattr(heart, name) * factor})

    up, down, same = 1, -1, 0
    return [
        _Response(
            "stressed volume +15 %",
            scaled("stressed_volume_ml", 1.15),
            {"mpcwp_mmhg": up, "mpap_mmhg": up, "rap_mmhg": up, "co_l_per_min": up},
        ),
        _Response(
            "stressed volume -15 %",
            scaled("stressed_volume_ml", 0.85),
            {"mpcwp_mmhg": down, "mpap_mmhg": down, "rap_mmhg": down, "co_l_per_min": down},
        ),
        _Response(
            "pulmonary resistance doubled",
            scaled("pulmonary_resistance", 2.0),
            {"mpap_mmhg": up, "rap_mmhg": up, "co_l_per_min": down},
        ),
        _Response(
            "pulmonary resistance doubled, right ventricle adapted",
            scaled("pulmonary_resistance", 2.0)._replace(rv_elastance=heart.rv_elastance * _ADAPTATION),
            {"mpap_mmhg": up, "mpcwp_mmhg": same},
        ),
        _Response(
            "LV elastance -30 %", scaled("lv_elastance", 0.7), {"mpcwp_mmhg": up, "mpap_mmhg": up, "co_l_per_min": down}
        ),
        _Response(
            "RV elastance -30 %", scaled("rv_elastance", 0.7), {"rap_mmhg": up, "co_l_per_min": down, "mpap_mmhg": down}
        ),
        _Response(
            "LV stiffness +20 %",
            scaled("lv_stiffness_per_ml", 1.2),
            {"mpcwp_mmhg": up, "mpap_mmhg": up, "co_l_per_min": down},
        ),
        _Response(
            "atrial fibrillation (where there was none)",
            fibrillate(heart, everyone & in_sinus),
            {"mpcwp_mmhg": up, "co_l_per_min": down},
        ),
        _Response(
            "wanted arterial pressure +15 mmHg",
            heart._replace(wanted_map_mmhg=heart.wanted_map_mmhg + 15.0),
            {"map_mmhg": up, "mpcwp_mmhg": up},
        ),
        _Response(
            "mitral leak",
            heart._replace(mitral_leak_ml_per_s_mmhg=heart.mitral_leak_ml_per_s_mmhg + 1.5),
            {"mpcwp_mmhg": up, "co_l_per_min": down},
        ),
        _Response(
            "venous tone +15 %",
            scaled("systemic_venous_compliance", 0.85),
            {"mpcwp_mmhg": up, "rap_mmhg": up, "co_l_per_min": up},
        ),
    ]


def _moves(before: Hemodynamics, after: Hemodynamics) -> list[str]:
    return [f"{np.median(getattr(after, name) - getattr(before, name)):+.2f}" for name in _SHOWN]


def _check_response(response: _Response, before: Hemodynamics, after: Hemodynamics) -> Check:
    signs = {1: "up", -1: "down", 0: "within a tenth"}
    held, found = [], []
    for name, sign in response.expected.items():
        was, is_now = getattr(before, name), getattr(after, name)
        median = float(np.median(is_now - was))
        relative = median / float(np.median(was))
        held.append(abs(relative) < 0.1 if sign == 0 else sign * median > 0)
        found.append(f"{_title(name)} {relative:+.0%}")
    bound = ", ".join(f"{_title(name)} {signs[sign]}" for name, sign in response.expected.items())
    return Check(response.what, bound, ", ".join(found), all(held))


def _title(name: str) -> str:
    short = name.split("_")[0]
    return {"mpcwp": "mPCWP", "mpap": "mPAP"}.get(short, short.upper())


def _accuracy(heart: Circulation, before: Hemodynamics) -> list[Check]:
    fine, long = run_to_steady_state(heart, n_steps=2400), run_to_steady_state(heart, n_beats=240)
    lost = float(np.abs(before.stressed_volume_ml / heart.stressed_volume_ml - 1.0).max())
    pressures = _SHOWN[:3]
    step_error = _largest(before, fine, pressures)
    beat_error = _largest(before, long, pressures)
    return [
        Check("blood volume is conserved", "1e-9 of it", f"{lost:.1e}", lost < 1e-9),
        Check(
            "2,400 steps in a beat instead of the usual",
            "no pressure moves by more than 0.1 mmHg",
            f"{step_error:.3f} mmHg",
            step_error < 0.1,
        ),
        Check(
            "240 beats instead of the usual",
            "no pressure moves by more than 0.1 mmHg",
            f"{beat_error:.3f} mmHg",
            beat_error < 0.1,
        ),
    ]


def _largest(one: Hemodynamics, other: Hemodynamics, names: Sequence[str]) -> float:
    return max(float(np.abs(getattr(one, name) - getattr(other, name)).max()) for name in names)


def _check_against_plain(heart: Circulation, before: Hemodynamics) -> Check:
    """Compare the fast kernel with a plain implementation on the first hearts."""
    worst = 0.0
    for row in range(3):
        beat = plain_loop.run(heart, row)
        for name, bed in (("mpcwp_mmhg", "pv"), ("mpap_mmhg", "pa"), ("rap_mmhg", "ra")):
            worst = max(worst, abs(float(beat.pressure_mmhg[bed].mean()) - float(getattr(before, name)[row])))
    return Check("kernel against a plain implementation", "0.05 mmHg", f"{worst:.4f} mmHg", worst < 0.05)


def _plot(patients: Patients, task: Task) -> None:
    figure = Figure(figsize=(10, 6), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    (left, right), (pulmonary, systemic) = figure.subplots(2, 2)
    hearts: list[tuple[str, Circulation, int, str]] = [("healthy", healthy(1), 0, "#555555")]
    for kind, name, colour in (
        (HFREF, "HFrEF", "#c44e52"),
        (HFPEF, "HFpEF", "#dd8452"),
        (PRECAPILLARY, "pre-capillary PH", "#8172b3"),
    ):
        hearts.append((name, patients.circulation, _typical(patients, kind), colour))
    for name, heart, row, colour in hearts:
        beat = plain_loop.run(heart, row)
        _draw_beat((left, right, pulmonary, systemic), beat, name, colour)
    left.set(xlabel="LV volume, mL", ylabel="LV pressure, mmHg")
    right.set(xlabel="RV volume, mL", ylabel="RV pressure, mmHg")
    pulmonary.set(xlabel="time, s", ylabel="PA (solid), LA (dashed), mmHg")
    systemic.set(xlabel="time, s", ylabel="LV (solid), arteries (dashed), mmHg")
    figure.legend(*right.get_legend_handles_labels(), fontsize=9, frameon=False, loc="outside upper center", ncols=4)
    figure.savefig(task.images / "loops.png")


def _draw_beat(axes: Sequence[Axes], beat: plain_loop.Beat, name: str, colour: str) -> None:
    left, right, pulmonary, systemic = axes
    volume, pressure = beat.volume_ml, beat.pressure_mmhg
    for axis, chamber in ((left, "lv"), (right, "rv")):
        axis.plot(_closed(volume[chamber]), _closed(pressure[chamber]), color=colour, label=name, linewidth=1.2)
    for axis, solid, dashed in ((pulmonary, "pa", "la"), (systemic, "lv", "sa")):
        axis.plot(beat.time_s, pressure[solid], color=colour, linewidth=1.2)
        axis.plot(beat.time_s, pressure[dashed], color=colour, linewidth=1.0, linestyle="--")


def _typical(patients: Patients, kind: int) -> int:
    """Patient of the phenotype, in sinus rhythm, whose wedge pressure is nearest the median."""
    wedge = patients.baseline.mpcwp_mmhg
    rows = np.flatnonzero((patients.phenotype == kind) & ~patients.atrial_fibrillation)
    return int(rows[np.argmin(np.abs(wedge[rows] - np.median(wedge[rows])))])


def _closed(values: Floats) -> Floats:
    return np.append(values, values[:1])
