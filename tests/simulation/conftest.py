"""A small cohort, and single hand-made ECGs, for the tests of the simulator."""

from collections.abc import Callable

import numpy as np
import pytest

from hemometric.simulation.anatomy import Sources, draw_anatomy, draw_recordings
from hemometric.simulation.dipoles import build_waves
from hemometric.simulation.morphology import Morphology
from hemometric.simulation.noise import noise_bank
from hemometric.simulation.normal_beats import DOWER, load_normal_beats
from hemometric.simulation.patients import Patients, Visits, draw_patients, draw_visits
from hemometric.simulation.rendering import Scene, render
from hemometric.simulation.rhythm import Beats, draw_beats
from hemometric.simulation.settings import DeviceSettings


@pytest.fixture(scope="session")
def cohort() -> tuple[Patients, Visits]:
    """1,200 patients with about 2,900 visits."""
    rng = np.random.default_rng(20)
    patients = draw_patients(1200, rng)
    return patients, draw_visits(patients, rng)


@pytest.fixture(scope="session")
def make_morphology() -> Callable[..., Morphology]:
    """Return a function that makes the morphology of `n` healthy visits, with the fields that are named changed."""
    healthy = {
        "p_duration_ms": 106.0,
        "p_terminal_force_mv_s": 0.022,
        "ra_amplitude_mv": 0.11,
        "pr_ms": 158.0,
        "lbbb": 0.0,
        "rbbb": 0.0,
        "qrs_ms": 90.0,
        "qtc_ms": 412.0,
        "qrs_t_angle_deg": 32.0,
        "axis_deg": 40.0,
        "log_voltage": 0.0,
        "log_r_v1": float(np.log(0.22)),
        "strain": 0.0,
        "rv_strain": 0.0,
        "log_t_amplitude": 0.0,
        "heart_rate_bpm": 68.0,
        "log_rr_variation": -3.4,
        "atrial_fibrillation": 0.0,
        "pvc": 0.0,
        "paced": 0.0,
        "digoxin": 0.0,
    }

    def make(n: int = 1, **changed: float) -> Morphology:
        if changed.get("atrial_fibrillation"):
            gone = ("p_duration_ms", "p_terminal_force_mv_s", "ra_amplitude_mv", "pr_ms")
            changed = {**dict.fromkeys(gone, np.nan), "log_rr_variation": -1.5, **changed}
        return Morphology(**{name: np.full(n, value) for name, value in (healthy | changed).items()})

    return make


@pytest.fixture(scope="session")
def render_ecgs() -> Callable[..., tuple[np.ndarray, Beats]]:
    """Return a function that renders one ECG per visit of a morphology, each of another patient, to microvolts.

    With `clean` there is neither noise nor breathing, and every chest is the average one. Other arguments are settings
    of the device.
    """

    def draw(
        morphology: Morphology,
        *,
        sampling_rate_hz: float = 500.0,
        duration_s: float = 10.0,
        clean: bool = False,
        seed: int = 0,
        out: np.ndarray | None = None,
        **changed: object,
    ) -> tuple[np.ndarray, Beats]:
        rng = np.random.default_rng(seed)
        visit = np.arange(len(morphology.pr_ms))
        n = len(visit)
        anatomy = draw_anatomy(
            np.full(n, 50.0),
            np.zeros(n, dtype=np.bool_),
            axis_deg=morphology.axis_deg,
            qrs_t_angle_deg=morphology.qrs_t_angle_deg,
            rng=rng,
        )
        if clean:
            usual = load_normal_beats().mean
            anatomy = anatomy._replace(
                normal_mv=np.broadcast_to(usual, anatomy.normal_mv.shape).copy(),
                own_stretch=np.ones(n),
                lead_field=np.broadcast_to(DOWER, anatomy.lead_field.shape),
                nondipolar=np.ones_like(anatomy.nondipolar),
            )
        waves = build_waves(morphology, anatomy.own_stretch)
        usual_device = {"placement": 0.0, "high_pass_hz": 0.0} if clean else {}
        device = DeviceSettings.model_validate(usual_device | changed)
        recordings = draw_recordings(Sources(visit, visit, morphology, waves, anatomy), device=device, rng=rng)
        if clean:
            recordings = recordings._replace(
                noise_mv=0.0 * recordings.noise_mv,
                mains_mv=0.0 * recordings.mains_mv,
                breathing_depth=0.0 * recordings.breathing_depth,
            )
        beats = draw_beats(morphology, visit, breathing_hz=anatomy.breathing_hz, duration_s=duration_s, rng=rng)
        bank = noise_bank(
            low_pass_hz=device.low_pass_hz, sampling_rate_hz=sampling_rate_hz, rng=np.random.default_rng(1)
        )
        microvolts = render(
            recordings,
            beats,
            scene=Scene(morphology, waves, anatomy, device, sampling_rate_hz, bank),
            n_samples=round(duration_s * sampling_rate_hz),
            rng=rng,
            out=out,
        )
        return microvolts, beats

    return draw
