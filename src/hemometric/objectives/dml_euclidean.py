"""`dml-euclidean`: the positive is the ECG of the batch that is nearest by Euclidean distance."""

from functools import partial

from hemometric.objectives.distance_mining import PAPER, mined_triplet_loss
from hemometric.objectives.objective import Objective

DML_EUCLIDEAN = Objective(
    batches="ecgs",
    projection=False,
    recipe=PAPER,
    loss=partial(mined_triplet_loss, distance="euclidean"),
    distance="euclidean",
)
