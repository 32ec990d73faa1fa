"""What an objective is made of."""

from hemometric.objectives import OBJECTIVES, Recipe
from hemometric.settings import PretrainSettings


def test_a_recipe_speaks_the_names_of_the_settings():
    recipe = Recipe(batch_size=8, optimizer="adam", learning_rate=1e-3, weight_decay=0.0)
    assert set(recipe.as_settings()) <= set(PretrainSettings.model_fields)


def test_distance_mining_sees_the_ecgs_as_they_are():
    """The positive is chosen by the distance between two ECGs; random views would be other ECGs."""
    assert not OBJECTIVES["dml-dtw"].views
    assert not OBJECTIVES["dml-euclidean"].views
    assert OBJECTIVES["pclr"].views
