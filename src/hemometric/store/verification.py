"""Checking a store byte for byte."""

from pathlib import Path

from hemometric.errors import StoreError
from hemometric.progress import track
from hemometric.store.durable import digest_file
from hemometric.store.manifest import CHANGE, PLAN, Manifest, read_manifest
from hemometric.store.reading import Store

_SHOWN = 5


def verify(path: str | Path) -> list[str]:
    """Check every file of a store against the hash in its manifest, and the files against each other.

    Args:
        path: The store.

    Returns:
        One sentence per problem; empty where all is well.

    Raises:
        StoreError: There is no store of this schema version to be checked.
    """
    path = Path(path)
    if (path / CHANGE / PLAN).exists():
        return [f"{path}: a change is half in place (it was interrupted); finish it with hemometric mend {path}"]
    manifest = read_manifest(path)
    if not manifest.complete:
        return [f"{path}: incomplete (it was interrupted); finish it with the same command and --resume"]
    problems = _check_hashes(path, manifest) + _find_strangers(path, manifest)
    try:
        store = Store.open(path)
        problems += _check_rows(store)
        store.labels(), store.links(), store.truth(), store.splits()
    except StoreError as error:
        problems.append(str(error))
    return problems


def _check_hashes(path: Path, manifest: Manifest) -> list[str]:
    problems = []
    for name, expected in track(manifest.files.items(), total=len(manifest.files), unit="files", title="verify"):
        try:
            found = digest_file(path / name)
        except OSError as error:
            problems.append(f"{path / name}: cannot be read ({error.strerror or error})")
            continue
        if found != expected:
            problems.append(f"{path / name}: changed since it was written (SHA-256 {found[:12]}, was {expected[:12]})")
    return problems


def _find_strangers(path: Path, manifest: Manifest) -> list[str]:
    there = [file.relative_to(path).as_posix() for folder in ("shards", "ecgs") for file in (path / folder).glob("*")]
    return [f"{path / name}: not in the manifest" for name in sorted(set(there) - manifest.files.keys())]


def _check_rows(store: Store) -> list[str]:
    problems = []
    ecg_ids = store.ecgs["ecg_id"].combine_chunks()
    n_repeats = len(ecg_ids) - len(ecg_ids.unique())
    if n_repeats:
        problems.append(f"{store.path}: {n_repeats} rows repeat an ecg_id of an earlier row")
    links = store.links()
    if links is not None:
        strangers = set(links["ecg_id"].to_pylist()) - set(ecg_ids.to_pylist())
        if strangers:
            shown = ", ".join(sorted(strangers)[:_SHOWN])
            problems.append(f"{store.path / 'links.parquet'}: {len(strangers)} ecg_ids are not in the store ({shown})")
    return problems
