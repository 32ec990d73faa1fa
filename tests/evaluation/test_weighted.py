"""Undefined quotients: NaN inside, None outside, never a warning."""

import numpy as np

from hemometric.evaluation.weighted import defined, defined_all, quotient


def test_a_quotient_without_a_positive_denominator_is_nan():
    found = quotient(np.array([1.0, 1.0, 0.0, 1.0]), np.array([2.0, 0.0, 0.0, np.nan]))
    assert found[0] == 0.5
    assert np.isnan(found[1:]).all()


def test_what_is_nan_inside_is_none_outside():
    assert defined(np.array([np.nan])) is None
    assert defined_all({"a": np.array([1.5]), "b": np.array([np.inf])}) == {"a": 1.5, "b": None}
