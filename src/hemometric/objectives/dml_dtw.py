"""`dml-dtw`: the positive is the ECG of the batch that is nearest by dynamic time warping."""

from functools import partial

from hemometric.objectives.distance_mining import PAPER, mined_triplet_loss
from hemometric.objectives.objective import Objective

DML_DTW = Objective(
    batches="ecgs",
    projection=False,
    recipe=PAPER,
    loss=partial(mined_triplet_loss, distance="dtw"),
    distance="dtw",
)
