import numpy as np

from hemometric.neighbors import sketches
from hemometric.neighbors.sketches import Axes, sketch_beats, sketch_strips


def far_over_near(vectors):
    """How much farther (Euclid) the third is from the first than the second is."""
    flat = vectors.reshape(3, -1)
    return np.linalg.norm(flat[0] - flat[2]) / np.linalg.norm(flat[0] - flat[1])


def test_a_sketch_changes_less_with_a_warp_than_the_beat_does():
    time = np.linspace(0.0, 1.0, 140)
    beat = np.exp(-(((time - 0.4) / 0.03) ** 2)) + 0.3 * np.exp(-(((time - 0.75) / 0.08) ** 2))
    warped = np.interp(time + 0.03 * np.sin(np.pi * time), time, beat)
    beats = np.stack([beat, warped, 0.8 * beat])[:, None].astype(np.float32)
    assert far_over_near(sketch_beats(beats)) > 1.6 * far_over_near(beats)


def test_a_sketch_of_a_strip_does_not_see_its_phase_but_sees_its_rhythm():
    time = np.arange(500) / 50.0
    strips = np.stack([np.sin(2 * np.pi * time), np.sin(2 * np.pi * (time + 0.3)), np.sin(2 * np.pi * time)])
    beats, rr_s = np.zeros((3, 1, 140), np.float32), np.array([1.0, 1.0, 0.8])
    sketch = sketch_strips(strips[:, None].astype(np.float32), beats, rr_s)
    assert np.linalg.norm(sketch[0] - sketch[1]) < 0.1 * np.linalg.norm(sketch[0] - sketch[2])


def test_the_axes_of_flat_sketches_keep_their_distances(monkeypatch):
    monkeypatch.setattr(sketches, "N_AXES", 3)
    rng = np.random.default_rng(0)
    flat = (rng.normal(size=(50, 3)) @ rng.normal(size=(3, 40)) + 7.0).astype(np.float32)
    turned = Axes.fit(flat).project(flat)
    assert turned.shape == (50, 3)
    before = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    after = np.linalg.norm(turned[:, None] - turned[None], axis=2)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_fewer_sketches_than_axes_have_as_many_axes_as_there_are():
    assert Axes.fit(np.eye(4, 10, dtype=np.float32)).project(np.zeros((2, 10), np.float32)).shape == (2, 4)
