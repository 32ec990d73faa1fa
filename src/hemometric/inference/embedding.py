"""Embeddings of ECGs, of rows of a store, and of whole folders."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from hemometric.ecg import LEADS, Ecg, Waveform
from hemometric.encoders import Encoder
from hemometric.errors import EcgError, ReadError, RunError
from hemometric.formats import Place, find_records
from hemometric.inference.reading import find_places, read_places
from hemometric.progress import say, track
from hemometric.store import MANIFEST, Store
from hemometric.training.batches import PreparedEcgs
from hemometric.training.contract import ModelContract, prepare, why_unreadable
from hemometric.training.device import resolve_device
from hemometric.training.forward import embed_in_batches
from hemometric.training.runs import Run
from hemometric.waveform import assess, cut_windows

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one record, ready for a model.

    Attributes:
        prepared: (n_windows, 12, n_samples) float32 mV of the windows that are good.
        n_refused: Windows that are not.
        reason: Why the whole record is refused, or None.
    """

    prepared: Waveform
    n_refused: int
    reason: str | None


def read_windows(ecg: Ecg, *, contract: ModelContract) -> Windows:
    """Cut a record to windows and make the good ones ready, or say why the record is refused.

    Args:
        ecg: Of any rate and length.
        contract: Of the model.
    """
    nothing = np.zeros((0, len(LEADS), contract.n_samples), dtype=np.float32)
    problem = why_unreadable(sampling_rate_hz=ecg.sampling_rate_hz, contract=contract)
    if problem is not None:
        return Windows(nothing, 0, problem)
    try:
        windows = cut_windows(ecg.waveform, sampling_rate_hz=ecg.sampling_rate_hz, duration_s=contract.duration_s)
    except EcgError as error:
        return Windows(nothing, 0, str(error))
    good: list[Waveform] = []
    faults: list[str] = []
    for window in windows:
        found = [one for one in assess(window.waveform, sampling_rate_hz=ecg.sampling_rate_hz) if one.refuse]
        if found:
            faults.append("; ".join(f"{one.code}: {one.detail}" for one in found))
        else:
            good.append(window.waveform)
    if not good:
        return Windows(nothing, len(faults), faults[0])
    prepared = prepare(np.stack(good), sampling_rate_hz=ecg.sampling_rate_hz, contract=contract)
    return Windows(np.ascontiguousarray(prepared), len(faults), None)


def embed_windows(windows: Windows, *, encoder: Encoder, device: torch.device) -> Tensor:
    """Embed the good windows of a record, (n_windows, embedding_dim) on `device`, by an encoder in eval mode."""
    with torch.no_grad():
        embeddings: Tensor = encoder(torch.from_numpy(windows.prepared).to(device))
    return embeddings


def prepare_rows(store: Store, rows: NDArray[np.int64], *, contract: ModelContract, memory_gib: float) -> PreparedEcgs:
    """Rows of a store, made ready for a model.

    Raises:
        RunError: The store's rate is too low, or its windows are of another length.
    """
    problem = why_unreadable(sampling_rate_hz=store.sampling_rate_hz, contract=contract)
    if problem is not None:
        raise RunError(f"{store.path}: {problem}")
    return PreparedEcgs(store, rows, contract=contract, memory_gib=memory_gib)


def embed_store_rows(
    store: Store, rows: NDArray[np.int64], *, encoder: Encoder, contract: ModelContract, device: torch.device
) -> Tensor:
    """Embed rows of a store, (n, embedding_dim) on `device`, in the order of `rows`.

    Raises:
        RunError: The store's rate is too low, or its windows are of another length.
    """
    asked = np.asarray(rows, dtype=np.int64)
    return embed_in_batches(
        encoder, prepare_rows(store, asked, contract=contract, memory_gib=0.0), asked, device=device
    )


def embed_rows(
    run: str | Path, store: Store, rows: NDArray[np.int64], *, device: Device = "auto"
) -> NDArray[np.float32]:
    """Embed rows of a store by the encoder of a run, pretrained or fine-tuned.

    Returns:
        (n, embedding_dim) float32, in the order of `rows`.

    Raises:
        RunError: There is no such run, or it cannot read the store.
    """
    where = resolve_device(device)
    opened = Run.open(run)
    encoder = opened.load_encoder(device=where)
    embeddings = embed_store_rows(store, rows, encoder=encoder, contract=opened.contract, device=where)
    found: NDArray[np.float32] = embeddings.cpu().numpy()
    return found


def embed(run: str | Path, source: Path, *, out: Path, device: Device = "auto") -> tuple[int, int]:
    """Write the embedding of every ECG of a store, a folder or a file to a parquet table.

    Files of a folder are read in other processes: one that ends or hangs its reader is refused like any other.

    The embedding is that of the run's encoder, of its first one where it has several, without hand-made features. The
    columns are ecg_id, patient_id (null where it is not known) and embedding. A record that is longer than the
    model's window gets the mean over its good windows; a refused one is named in a message and left out.

    Args:
        run: Pretrained or fine-tuned.
        source: A store, a folder with ECGs, or one ECG file.
        out: The parquet file to write.
        device: Where to compute.

    Returns:
        How many were embedded, and how many were refused.

    Raises:
        RunError: There is no such run, it cannot read the store, or `out` cannot be written.
        ReadError: `source` does not exist or holds no ECG.
    """
    if not out.parent.is_dir() or out.is_dir():
        raise RunError(f"{out}: cannot be written ({'is' if out.is_dir() else 'does not lie in'} a folder)")
    where = resolve_device(device)
    opened = Run.open(run)
    encoder = opened.load_encoder(device=where)
    if (source / MANIFEST).exists():
        store = Store.open(source)
        rows = np.arange(len(store), dtype=np.int64)
        embeddings = embed_store_rows(store, rows, encoder=encoder, contract=opened.contract, device=where)
        table = _table(store.ecgs["ecg_id"].to_pylist(), store.ecgs["patient_id"].to_pylist(), embeddings)
        _write(table, out)
        return len(table), 0
    places = find_places(find_records(source))
    refusals: list[str] = []
    found = list(_embed_files(places, refusals, encoder=encoder, contract=opened.contract, device=where))
    if not found:
        raise ReadError(source, f"none of its {len(places):,} ECGs can be embedded; the first: {refusals[0]}")
    ids, patients = [ecg.ecg_id for ecg, _ in found], [ecg.patient_id for ecg, _ in found]
    _write(_table(ids, patients, torch.stack([embedding for _, embedding in found])), out)
    return len(found), len(places) - len(found)


def _embed_files(
    places: list[Place], refusals: list[str], *, encoder: Encoder, contract: ModelContract, device: torch.device
) -> Iterator[tuple[Ecg, Tensor]]:
    readings = track(read_places(places), total=len(places), unit="ECGs", title="embed")
    for place, ecg in readings:
        windows = read_windows(ecg, contract=contract) if isinstance(ecg, Ecg) else None
        if isinstance(ecg, Ecg) and windows is not None and windows.reason is None:
            yield ecg, embed_windows(windows, encoder=encoder, device=device).mean(dim=0)
            continue
        reason = windows.reason if windows is not None else ecg.reason if isinstance(ecg, ReadError) else str(ecg)
        refusals.append(f"{place.name}: {reason}")
        say(f"refused: {refusals[-1]}")


def _table(ecg_ids: list[str], patient_ids: list[str | None], embeddings: Tensor) -> pa.Table:
    values = embeddings.cpu().numpy()
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
    columns = [pa.array(ecg_ids, pa.string()), pa.array(patient_ids, pa.string()), lists]
    return pa.table(columns, names=["ecg_id", "patient_id", "embedding"])


def _write(table: pa.Table, out: Path) -> None:
    try:
        pq.write_table(table, out, compression="zstd")
    except OSError as error:
        raise RunError(f"{out}: cannot be written ({error.strerror or error})") from error
