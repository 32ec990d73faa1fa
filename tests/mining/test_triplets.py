import numpy as np

from hemometric.mining import NPairs, Triplets
from hemometric.mining.triplets import count_patients


def test_n_pairs_become_a_triplet_for_each_negative():
    negatives = np.array([[False, False, True, True], [True, False, False, False]])
    pairs = NPairs(np.array([0, 2]), np.array([1, 3]), negatives)
    triplets = pairs.to_triplets()
    assert list(zip(*map(np.ndarray.tolist, triplets), strict=True)) == [(0, 1, 2), (0, 1, 3), (2, 3, 0)]


def test_patients_are_counted_by_triplet_and_anchors_once():
    triplets = Triplets(np.array([0, 0, 1]), np.array([1, 2, 0]), np.array([3, 1, 2]))
    counts = count_patients(triplets, np.array(["a", "a", "b", "b"]))
    assert counts._asdict() == {"n_anchors": 2, "n_same_patient_positives": 2, "n_same_patient_negatives": 1}
