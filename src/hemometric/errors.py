"""Everything hemometric raises on wrong input.

HemometricError
├── SettingsError     a setting is unknown, missing or out of range
├── ReadError         a file is not a 12-lead ECG that we can read
├── EcgError          an ECG was read but breaks a rule that every later step relies on
├── LabelError        a catheter table cannot be linked
├── StoreError        the store on disk is incomplete, foreign or was changed
├── RunError          a run directory is incomplete or does not fit the input
├── DownloadError     an archive cannot be fetched, or not as its publisher's hashes say
├── TrainingError     training cannot go on (too few ECGs, a loss that is not finite)
└── MissingExtraError an optional dependency is not installed

The command line turns each into one line on stderr and exit status 2. A wrong call in Python is a `ValueError`.
"""

from pathlib import Path


class HemometricError(Exception):
    """Base class of all errors that a user can mend."""


class SettingsError(HemometricError):
    """A setting is unknown, missing or out of range."""


class ReadError(HemometricError):
    """A file is not a 12-lead ECG that we can read.

    Attributes:
        path: The file.
        code: A short reason without spaces, as it stands in `rejects.csv`: "truncated", "wrong-leads", "no-unit", ...
        reason: One sentence: what was expected, what was found, what to do.
    """

    def __init__(self, path: str | Path, reason: str, *, code: str = "unreadable") -> None:
        super().__init__(f"{path}: {reason}")
        self.path = Path(path)
        self.code = code
        self.reason = reason


class EcgError(HemometricError):
    """An ECG breaks a rule that every later step relies on (shape, finite samples, rate).

    Attributes:
        code: A short reason without spaces, as it stands in `rejects.csv`.
    """

    def __init__(self, message: str, *, code: str = "invalid") -> None:
        super().__init__(message)
        self.code = code


class LabelError(HemometricError):
    """A catheter table cannot be linked to the ECGs of a store."""


class StoreError(HemometricError):
    """The store on disk is incomplete, of another schema version, or was changed."""


class RunError(HemometricError):
    """A run directory is incomplete, of another version, or its contract does not fit the input."""

    @classmethod
    def absent(cls, path: Path) -> "RunError":
        """Nothing lies at `path`."""
        return cls(f"{path}: no such run: give the directory that pretrain or finetune wrote with --out")


class DownloadError(HemometricError):
    """An archive cannot be fetched: no network, a server that refuses, or files that are not what their hashes say."""


class TrainingError(HemometricError):
    """Training cannot start or go on: too few ECGs, no labels, a loss that is not finite."""


class MissingExtraError(HemometricError):
    """A command needs an optional dependency that is not installed."""
