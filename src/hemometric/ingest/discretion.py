"""Errors that name no patient: of a de-identified ingest only what kind of thing is wrong is told."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hemometric.deidentification import describe_fault
from hemometric.errors import HemometricError, ReadError, SettingsError, StoreError

LEFT_OUT = "left out, since it may name the patient; `hemometric inspect` tells it of the file"
"""Stands for what a reader says of a file."""

_SENTENCES = {
    "missing": "a SOURCE or the table of --metadata does not exist",
    "empty": "a SOURCE holds no ECG of the --format",
    "duplicate-name": (
        "two records would have one name: name each SOURCE once, rename one of two SOURCE folders, or choose one "
        "--format"
    ),
    "wrong-dataset": "a SOURCE is not the archive that --dataset says",
    "metadata": "a table of patients (--metadata, or that of a public archive) has lines that cannot be understood",
}


@contextmanager
def discreet(on: bool) -> Iterator[None]:
    """Where `on`, let no error or warning out that quotes a file, a table or their names.

    Raises:
        SettingsError: In place of a `ReadError`: by its code.
        StoreError: In place of an error that is a fault of this program: its type and where it arose.
    """
    if not on:
        yield
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ReadError as error:
        sentence = _SENTENCES.get(error.code, "a SOURCE cannot be read")
        raise SettingsError(
            f"{sentence} ({error.code}); which one is left out because of --deidentify: the same command without it, "
            "with another --out, tells"
        ) from None
    except HemometricError:
        raise  # of settings and stores, which name no patient
    except Exception as error:  # noqa: BLE001  whatever it is, it may quote a file
        raise StoreError(f"{describe_fault(error)}. Finished shards are kept: go on with --resume") from None
