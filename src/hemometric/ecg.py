"""The one value that every reader returns and every later step accepts: a 12-lead ECG in millivolts."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import EcgError

Waveform = NDArray[np.float32]
"""Millivolts, shape (n_leads, n_samples), leads in the order of `LEADS` unless said otherwise."""

Sex = Literal["female", "male"]

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The eight leads that are measured; the other four are sums and differences of I and II."""

LEADS_FROM_INDEPENDENT: NDArray[np.float32] = np.zeros((12, 8), dtype=np.float32)
"""Shape (12, 8): turns the eight independent leads into all twelve (Einthoven 1913, Goldberger 1942)."""
LEADS_FROM_INDEPENDENT[0, 0] = 1.0
LEADS_FROM_INDEPENDENT[1, 1] = 1.0
LEADS_FROM_INDEPENDENT[2, :2] = (-1.0, 1.0)
LEADS_FROM_INDEPENDENT[3, :2] = (-0.5, -0.5)
LEADS_FROM_INDEPENDENT[4, :2] = (1.0, -0.5)
LEADS_FROM_INDEPENDENT[5, :2] = (-0.5, 1.0)
LEADS_FROM_INDEPENDENT[6:, 2:] = np.eye(6, dtype=np.float32)
LEADS_FROM_INDEPENDENT.setflags(write=False)

INDEPENDENT_ROWS = tuple(LEADS.index(lead) for lead in INDEPENDENT_LEADS)
"""Rows of a 12-lead waveform that hold the independent leads."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ecg:
    """A resting 12-lead ECG.

    Attributes:
        waveform: Shape (12, n_samples), float32 mV, leads in the order of `LEADS`. NaN is let through here, since a
            reader must be able to say what it found; `hemometric.waveform.assess` names it and ingest refuses it.
        sampling_rate_hz: Samples per second, > 0.
        ecg_id: Name of the record as its file gives it; in a store it is unique.
        patient_id: Whom to keep on one side of every split, or None where the source does not say.
        age_years: At acquisition, or None.
        sex: "female", "male" or None.
        acquired_at: ISO 8601 ("2020-05-15" or "2020-05-15T15:35:30"), or None. No zone is invented.
        notes: What the reader had to assume, one sentence each ("unit absent: mV as the format says").
    """

    waveform: Waveform = field(repr=False)
    sampling_rate_hz: float
    ecg_id: str
    patient_id: str | None = None
    age_years: float | None = None
    sex: Sex | None = None
    acquired_at: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what every later step relies on.

        Raises:
            EcgError: Wrong shape or type of waveform, no samples, or a rate that is not positive and finite.
        """
        shape = self.waveform.shape
        if self.waveform.ndim != 2 or shape[0] != len(LEADS) or shape[1] == 0:
            raise EcgError(f"waveform of {self.ecg_id} has shape {shape}, expected (12, n_samples)", code="wrong-shape")
        if self.waveform.dtype != np.float32:
            raise EcgError(
                f"waveform of {self.ecg_id} has type {self.waveform.dtype}, expected float32 mV", code="wrong-type"
            )
        if not (np.isfinite(self.sampling_rate_hz) and self.sampling_rate_hz > 0):
            raise EcgError(
                f"sampling rate of {self.ecg_id} is {self.sampling_rate_hz} Hz, expected a positive number",
                code="wrong-rate",
            )

    @property
    def n_samples(self) -> int:
        """Samples per lead."""
        return int(self.waveform.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sampling_rate_hz


def derive_leads(independent: Waveform) -> Waveform:
    """Compute all twelve leads from the eight independent ones.

    Args:
        independent: Shape (..., 8, n_samples), mV, leads in the order of `INDEPENDENT_LEADS`.

    Returns:
        Shape (..., 12, n_samples), mV, leads in the order of `LEADS`. III = II - I, aVR = -(I + II) / 2,
        aVL = I - II / 2, aVF = II - I / 2. NaN stays where it came from: of V1 in V1, of I or II in the sums too.

    Raises:
        ValueError: The lead axis does not have eight entries.
    """
    if independent.ndim < 2 or independent.shape[-2] != len(INDEPENDENT_LEADS):
        raise ValueError(f"expected shape (..., 8, n_samples), got {independent.shape}")
    derived = np.empty((*independent.shape[:-2], len(LEADS), independent.shape[-1]), dtype=np.float32)
    derived[..., :2, :] = independent[..., :2, :]
    np.matmul(LEADS_FROM_INDEPENDENT[2:6, :2], derived[..., :2, :], out=derived[..., 2:6, :])
    derived[..., 6:, :] = independent[..., 2:, :]
    return derived
