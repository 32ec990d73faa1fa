import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from hemometric.distances import dtw_kernel
from hemometric.distances.dtw_kernel import N_LANES, compare


def plain(a, b, radius):
    """The textbook programme on lists, with the whole table."""
    n = len(a)
    table = [[float("inf")] * (n + 1) for _ in range(n + 1)]
    table[0][0] = 0.0
    for i in range(n):
        for j in range(n):
            if abs(i - j) <= radius:
                cost = sum((p - q) ** 2 for p, q in zip(a[i].tolist(), b[j].tolist(), strict=True))
                table[i + 1][j + 1] = cost + min(table[i][j], table[i][j + 1], table[i + 1][j])
    return table[n][n] ** 0.5


@pytest.mark.parametrize("n_samples", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("radius", [0, 1, 2, 7])
def test_every_lane_equals_the_textbook(n_samples, radius):
    radius = min(radius, n_samples - 1)
    rng = np.random.default_rng([n_samples, radius])
    anchors = rng.normal(size=(2, n_samples, 3)).astype(np.float32)
    groups = rng.normal(size=(2, n_samples, 3, N_LANES)).astype(np.float32)
    out = np.full((2, 2 * N_LANES), -1.0, dtype=np.float32)
    tasks = np.array([[1, 2], [0, 1]])
    compare(anchors.reshape(2, -1), groups.reshape(2, -1), tasks, radius, (0.0,) * 3, out)
    for anchor, group in ((0, 0), (1, 0), (1, 1)):
        for lane in range(N_LANES):
            expected = plain(anchors[anchor], groups[group, :, :, lane], radius)
            assert out[anchor, group * N_LANES + lane] == pytest.approx(expected, rel=1e-5)
    assert (out[0, N_LANES:] == -1.0).all()


def test_where_nothing_can_be_kept_it_compiles_for_the_process(monkeypatch):
    def nowhere(*, nogil, cache=False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(nogil=nogil)

    monkeypatch.setattr(dtw_kernel, "njit", nowhere)
    assert dtw_kernel._kept(lambda: None)() is None


def test_distances_do_not_import_numba_before_they_need_it():
    check = "import sys, hemometric.distances; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
