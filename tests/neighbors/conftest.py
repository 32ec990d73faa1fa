import pytest

from hemometric.simulation import CohortSettings, simulate
from hemometric.store import Store


@pytest.fixture(scope="session")
def small_store(tmp_path_factory):
    """About 170 simulated ECGs of 40 patients at 100 Hz."""
    path = tmp_path_factory.mktemp("neighbors") / "store"
    settings = CohortSettings(n_patients=40, seed=2, sampling_rate_hz=100.0, with_ceiling=False)
    simulate(path, settings=settings)
    return Store.open(path)
