"""EchoNext (Columbia, PhysioNet echonext): recognised, and refused, since its waveforms are no voltages.

`EchoNext_{train,val,test}_waveforms.npy`, (N, 1, 2500, 12) at 250 Hz, were standardised before they were published.
What one unit is in mV is not published with them, so no microvolts can be stored. See docs/datasets/echonext.md.
"""

from pathlib import Path
from typing import NoReturn

from hemometric.errors import ReadError

NAME = "echonext"
EXPECTED = (
    "EchoNext_train_waveforms.npy, EchoNext_val_waveforms.npy, EchoNext_test_waveforms.npy or "
    "echonext_metadata_100k.csv in the folder"
)

_FILES = ("EchoNext_*_waveforms.npy", "[Ee]cho[Nn]ext_metadata_*.csv")


def find_root(source: Path) -> Path | None:
    """Return the folder of the EchoNext that `source` is or lies in, or None."""
    folder = source.absolute() if source.is_dir() else source.absolute().parent
    return folder if any(file for pattern in _FILES for file in folder.glob(pattern)) else None


def open_at(root: Path) -> NoReturn:
    """Refuse the EchoNext at `root`.

    Raises:
        ReadError: Always ("no-unit").
    """
    reason = (
        "this is EchoNext, which is not read: its waveforms are standardised (z-scores, no mV) and a store keeps "
        "microvolts, so every amplitude would mean nothing; take an archive in mV (docs/datasets/echonext.md)"
    )
    raise ReadError(root, reason, code="no-unit")
