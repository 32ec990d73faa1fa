"""Work in several processes, with results in order.

`map_in_order` is for our own computations: a process that dies ends the run. `map_guarded` is for what comes from
outside, such as files: an errand that ends or hangs its process is lost, and the others go on.
"""

from hemometric.workers.guarded import Lost, map_guarded
from hemometric.workers.ordered import WorkerDiedError, map_in_order
from hemometric.workers.servant import Limits

__all__ = ["Limits", "Lost", "WorkerDiedError", "map_guarded", "map_in_order"]
