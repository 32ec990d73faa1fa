import numpy as np
import pytest

from hemometric.neighbors.candidates import prepare_archive, sketch_beats


def test_a_sketch_changes_less_with_a_warp_than_the_beat_does():
    time = np.linspace(0.0, 1.0, 140)
    beat = np.exp(-(((time - 0.4) / 0.03) ** 2)) + 0.3 * np.exp(-(((time - 0.75) / 0.08) ** 2))
    warped = np.interp(time + 0.03 * np.sin(np.pi * time), time, beat)
    other = 0.8 * beat
    beats = np.stack([beat, warped, other])[:, None].astype(np.float32)
    sketches = sketch_beats(beats)

    def ratio(vectors):
        flat = vectors.reshape(3, -1)
        return np.linalg.norm(flat[0] - flat[1]) / np.linalg.norm(flat[0] - flat[2])

    assert ratio(sketches) < 0.6 * ratio(beats)


def test_whole_strips_are_not_prepared(small_store, tmp_path):
    with pytest.raises(ValueError, match="'dtw' compares whole strips"):
        prepare_archive(small_store, distance="dtw", folder=tmp_path)
