"""The step append: further files into a store that is complete."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hemometric.deidentification import check_secret, read_secret
from hemometric.errors import SettingsError, StoreError
from hemometric.ingest.settings import IngestSettings
from hemometric.ingest.step import ingest
from hemometric.ingest.summary import IngestSummary
from hemometric.progress import say
from hemometric.store import Store
from hemometric.store.additions import Addition, add_ecgs
from hemometric.store.changing import APPEND, changing


@dataclass(frozen=True, slots=True)
class AppendSummary:
    """What was read, and what of it was added.

    Attributes:
        read: Of the files alone.
        added: Of the store.
    """

    read: IngestSummary
    added: Addition

    def text(self) -> str:
        """The account in lines, for people."""
        first, *others = self.read.text().splitlines()
        read = first.removeprefix(f"{self.read.out}: ")
        return "\n".join([f"read: {read}", *others, self.added.text()])


def settings_of(store: Store) -> IngestSettings:
    """The settings that further files of a store must have: its rate, leads and length, and as it began."""
    begun = store.manifest.provenance.get("settings", {})
    known = {name: begun[name] for name in ("shard_size", "pad") if name in begun}
    return IngestSettings(
        sampling_rate_hz=store.sampling_rate_hz,
        n_leads=len(store.manifest.stored_leads),
        duration_s=store.n_samples / store.sampling_rate_hz,
        **known,
    )


def append(
    path: str | Path,
    sources: Sequence[str | Path],
    *,
    settings: IngestSettings | None = None,
    new_patients: str | None = None,
) -> AppendSummary:
    """Ingest further files into a complete store, as new shards behind those that are there, which keep their bytes.

    An ECG whose very samples are there already is not added again. Nothing counts before all files are read. Labels,
    links and splits stay; what is to be done about them stands in the summary.

    Args:
        path: The store.
        sources: Folders and files, as of `ingest`.
        settings: How they are read; `settings_of` the store where None. With `resume` go on with an append that was
            interrupted; without, what it read is thrown away.
        new_patients: Where patients go whom a `splits.csv` of the store does not name; see
            `hemometric.store.additions.NEW_PATIENTS`.

    Raises:
        ReadError: As of `ingest`.
        SettingsError: The settings are not those of the store, or a new patient has no split.
        StoreError: There is no complete store of recorded ECGs, another process is writing it, it cannot be written,
            no record was accepted, or an ECG has the name of another one.
    """
    path = Path(path)
    with changing(path, doing="append") as change:
        store = Store.open(path)
        settings = settings_of(store) if settings is None else settings
        _check(store, settings)
        aside = path / APPEND
        if aside.exists() and not settings.resume:
            say("what an interrupted append had read is thrown away; with --resume it would go on")
            shutil.rmtree(aside)
        try:
            read = ingest(sources, out=aside, settings=settings)
        except StoreError as error:
            shown = str(error).replace(f"{aside}: ", f"{path}: append: ", 1)
            raise StoreError(shown.replace(", or choose another --out", ", or leave --resume away")) from error
        return AppendSummary(read, add_ecgs(change, store, Store.open(aside), new_patients=new_patients))


def _check(store: Store, settings: IngestSettings) -> None:
    """Check that files which are read with these settings fit the store.

    Raises:
        SettingsError: They do not; the message names all that differs.
        StoreError: The store is simulated.
    """
    if store.simulated:
        raise StoreError(f"{store.path}: is simulated, so recorded ECGs do not belong into it; ingest them with --out")
    fixed = settings_of(store)
    differing = [
        f"{name} {getattr(fixed, field):g}, not {getattr(settings, field):g}"
        for name, field in (
            ("rate is (Hz)", "sampling_rate_hz"),
            ("leads are", "n_leads"),
            ("length is (s)", "duration_s"),
        )
        if getattr(fixed, field) != getattr(settings, field)
    ]
    if differing:
        raise SettingsError(f"{store.path}: its {'; its '.join(differing)}: leave the option away, the store decides")
    secret = None if settings.deidentify is None else Path(settings.deidentify)
    if secret is not None and store.path.resolve() in secret.resolve().parents:
        raise SettingsError(f"{secret}: the secret must not lie in the store; keep it where the store never goes")
    check_secret(store.manifest.provenance, None if secret is None else read_secret(secret), where=str(store.path))
