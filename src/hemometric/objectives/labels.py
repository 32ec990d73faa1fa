"""The labels of a batch, for objectives that have a use for them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import SettingsError
from hemometric.settings import suggest
from hemometric.targets import Event, find_target


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Values of one target for some ECGs.

    Attributes:
        target: Name of the target.
        values: (n,) in the target's unit; NaN where an ECG has no label.
        mean: Of the training labels.
        sd: Of the training labels, > 0.
    """

    target: str
    values: NDArray[np.float64]
    mean: float
    sd: float

    def take(self, places: NDArray[np.integer]) -> "Labels":
        """Those of some of the ECGs."""
        return Labels(self.target, self.values[places], self.mean, self.sd)

    @property
    def known(self) -> NDArray[np.intp]:
        """Places of the ECGs that have a label."""
        return np.flatnonzero(~np.isnan(self.values))

    @property
    def standardised(self) -> NDArray[np.float64]:
        """(n,) in SDs from the mean of the training labels."""
        standardised: NDArray[np.float64] = (self.values - self.mean) / self.sd
        return standardised

    @property
    def events(self) -> NDArray[np.bool_]:
        """(n, n_events) whether each event of the target is there; of ECGs without a label it says nothing."""
        return np.stack([_happened(self.values, event) for event in find_target(self.target).events], axis=1)

    def classes(self, event: str) -> NDArray[np.int64]:
        """(n,) 1 where an event is there, else 0; of ECGs that all have a label."""
        return _happened(self.values, find_event(self.target, event)).astype(np.int64)


def find_event(target: str, event: str) -> Event:
    """The event of a target with a name such as "mpcwp>15".

    Raises:
        SettingsError: There is none; the message names the nearest.
    """
    known = {one.key: one for one in find_target(target).events}
    if event not in known:
        raise SettingsError(f"unknown event {event!r} of {target}{suggest(event, list(known))}")
    return known[event]


def _happened(values: NDArray[np.float64], event: Event) -> NDArray[np.bool_]:
    return values > event.threshold if event.direction == ">" else values < event.threshold
