import numpy as np

from hemometric.simulation.rhythm import draw_beats


def _draw(morphology, seed=0):
    visit = np.arange(len(morphology.pr_ms))
    return draw_beats(
        morphology, visit, breathing_hz=np.full(len(visit), 0.25), duration_s=10.0, rng=np.random.default_rng(seed)
    )


def test_the_mean_interval_is_that_of_the_heart_rate(make_morphology):
    for fibrillating in (0.0, 1.0):
        beats = _draw(make_morphology(300, heart_rate_bpm=75.0, atrial_fibrillation=fibrillating))
        assert abs(np.diff(beats.r_s, axis=1).mean() - 0.8) < 0.01


def test_beats_reach_from_before_the_strip_to_its_end(make_morphology):
    for rate in (45.0, 130.0):
        beats = _draw(make_morphology(50, heart_rate_bpm=rate))
        assert (beats.r_s[:, 0] <= -1.2).all()
        assert (beats.r_s[:, -1] >= 10.5).all()
        assert (np.diff(beats.r_s, axis=1) > 0).all()


def test_atrial_fibrillation_is_irregular_and_without_memory(make_morphology):
    sinus = np.diff(_draw(make_morphology(200)).r_s, axis=1)
    fibrillation = np.diff(_draw(make_morphology(200, atrial_fibrillation=1.0)).r_s, axis=1)
    assert (sinus.std(axis=1) / sinus.mean(axis=1)).mean() < 0.06
    assert 0.18 < (fibrillation.std(axis=1) / fibrillation.mean(axis=1)).mean() < 0.26
    assert abs(np.corrcoef(fibrillation[:, :-1].ravel(), fibrillation[:, 1:].ravel())[0, 1]) < 0.1


def test_a_premature_beat_is_early_and_its_pause_makes_up_for_it(make_morphology):
    beats = _draw(make_morphology(200, pvc=1.0, log_rr_variation=-9.0, heart_rate_bpm=60.0))
    rows, columns = np.nonzero(beats.premature[:, 1:-1])
    assert len(rows) > 50
    before = beats.r_s[rows, columns + 1] - beats.r_s[rows, columns]
    after = beats.r_s[rows, columns + 2] - beats.r_s[rows, columns + 1]
    np.testing.assert_allclose(before, 0.62, atol=0.01)
    np.testing.assert_allclose(before + after, 2.0, atol=0.01)
    assert not (beats.premature[:, 1:] & beats.premature[:, :-1]).any()


def test_without_premature_beats_there_are_none(make_morphology):
    assert not _draw(make_morphology(20)).premature.any()


def test_a_pacemaker_beats_regularly_where_the_atria_fibrillate_and_follows_the_sinus_node(make_morphology):
    fibrillating = np.diff(_draw(make_morphology(100, atrial_fibrillation=1.0, paced=1.0, log_rr_variation=-5.0)).r_s)
    assert (fibrillating.std(axis=1) / fibrillating.mean(axis=1)).max() < 0.02
    own, paced = _draw(make_morphology(20)), _draw(make_morphology(20, paced=1.0))
    np.testing.assert_array_equal(own.r_s, paced.r_s)


def test_a_premature_beat_comes_in_paced_rhythm_too_and_resets_a_pacemaker_that_follows_no_atria(make_morphology):
    changes = {"pvc": 1.0, "heart_rate_bpm": 60.0, "paced": 1.0, "atrial_fibrillation": 1.0, "log_rr_variation": -9.0}
    beats = _draw(make_morphology(200, **changes))
    rows, columns = np.nonzero(beats.premature[:, 1:-1])
    assert len(rows) > 50
    rr = np.diff(beats.r_s, axis=1)
    np.testing.assert_allclose(rr[rows, columns], 0.62, atol=0.01)
    np.testing.assert_allclose(rr[rows, columns + 1], 1.0, atol=0.01)
