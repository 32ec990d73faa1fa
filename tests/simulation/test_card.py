from hemometric.simulation.card import write_card
from hemometric.simulation.population import draw_people
from hemometric.simulation.settings import CohortSettings


def _card(**changes):
    settings = CohortSettings(n_patients=320, seed=1, **changes)
    people = [draw_people(settings, chunk) for chunk in range(settings.n_chunks)]
    return write_card(settings, people, n_ecgs=1234)


def test_the_card_says_that_it_is_simulated_and_how_hard_it_is():
    card = _card(coupling=0.5)
    assert "**Simulated, not clinical.**" in card
    assert "seed 1, coupling 0.5" in card
    assert "320 patients" in card
    assert "1,234 ECGs" in card
    assert "| mpcwp | AUROC of mpcwp>15 | 0." in card
    assert "| co | RMSE, L/min | " in card


def test_the_ceiling_can_be_left_out():
    assert "Ceiling" not in _card(with_ceiling=False)


def test_a_cohort_that_is_too_small_for_a_ceiling_says_so():
    settings = CohortSettings(n_patients=3)
    assert "Not estimated: " in write_card(settings, [draw_people(settings, 0)], n_ecgs=9)
