"""The simulator against what others publish: a circulation, and ECGs."""

import logging
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from hemometric.bench.race import Untyped, check_finite, need, race_with_one_thread
from hemometric.bench.results import Result
from hemometric.ecg import LEADS


def bench_circulation(repeats: int, quick: bool) -> list[Result]:
    """A heart's steady state, one thread: ours, many at a time, against the package `circulation`, one by one."""
    peer = need("circulation.regazzoni2020", "circulation", "dev")
    from hemometric.simulation import draw_patients, run_to_steady_state

    n_hearts, n_beats = (16, 2) if quick else (2_000, 26)
    hearts = draw_patients(n_hearts, np.random.default_rng(0)).circulation
    ours = partial(run_to_steady_state, hearts)
    theirs = partial(_run_published_heart, peer.Regazzoni2020, n_beats)
    check_finite("circulation", ours().co_l_per_min, theirs())
    label = ("circulation", f"steady state, {n_hearts:,} hearts at a time", "runs/s")
    name = f"circulation, {n_beats} beats"
    return race_with_one_thread(label, ours, theirs, counts=(n_hearts, 1), repeats=repeats, peer_name=name)


def bench_rendering(repeats: int, quick: bool) -> list[Result]:
    """Twelve leads of 10 s at 500 Hz into one buffer, one thread, with all that is drawn per ECG: against neurokit2."""
    peer = need("neurokit2", "neurokit2", "dev")
    from hemometric.simulation import CohortSettings, draw_people, render_people

    settings = CohortSettings(n_patients=8 if quick else 256, sampling_rate_hz=500.0)
    chunks = [draw_people(settings, chunk) for chunk in range(settings.n_chunks)]
    most = max(len(chunk.labelled) for chunk in chunks) * len(settings.visits.ecgs)
    buffer = np.empty((most, len(LEADS), settings.n_samples), dtype=np.int16)

    def ours() -> list[int]:
        return [len(render_people(settings, chunk, out=buffer)[0]) for chunk in chunks]

    theirs = partial(
        peer.ecg_simulate, duration=10, sampling_rate=500, method="multileads", random_state=0, random_state_distort=0
    )
    n_ecgs = sum(ours())
    check_finite("rendering", [n_ecgs], theirs())
    label = ("rendering", f"12 leads x 10 s at 500 Hz, {n_ecgs:,} ECGs", "ECG/s")
    return race_with_one_thread(label, ours, theirs, counts=(n_ecgs, 1), repeats=repeats, peer_name="neurokit2")


def _run_published_heart(model: Untyped, n_beats: int) -> Untyped:
    """Run the model of Regazzoni et al. 2020 and return its state; what it logs and writes goes nowhere."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            heart = model(outdir=Path(folder))
            heart.solve(num_beats=n_beats)
    finally:
        logging.disable(before)
    return heart.state
