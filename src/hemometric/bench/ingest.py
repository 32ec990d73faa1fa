"""WFDB files into a store: the whole of `hemometric ingest` against wfdb and scipy, and against our own reader."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from hemometric.bench.race import Untyped, take_turns_by_clock
from hemometric.bench.results import Result, make_result
from hemometric.ecg import LEADS, Waveform
from hemometric.errors import HemometricError
from hemometric.formats import read_ecg
from hemometric.formats.wfdb_samples import load_wfdb
from hemometric.ingest import IngestSettings, ingest
from hemometric.store import Store
from hemometric.store.shards import Microvolts
from hemometric.waveform import bandpass

_FILE_HZ, _STORE_HZ = 500.0, 250.0
_LOW_HZ, _HIGH_HZ = 0.5, 40.0
_HIGH_PASS_ORDER, _LOW_PASS_ORDER = 2, 4  # of `bandpass`
_BATCH = 64
_UNLIKE_ENDS_S = 2.0
"""Beyond its ends each side continues a record in its own way, and a high-pass of 0.5 Hz remembers that for so long."""
_MOST_APART = 0.03
"""Root mean square of what the sides differ by, as a share of that of the ECG: their anti-alias filters are not one."""


def bench_ingest(repeats: int, quick: bool) -> list[Result]:
    """WFDB records (simulated, 12 leads of 10 s at 500 Hz, format 16) into a store at 250 Hz.

    Ours is what `hemometric ingest` does: find the files, read each in a guarded process, judge its quality, resample,
    and commit it to the disk with hashes. Nothing is filtered there but for the change of rate: the band-pass comes
    when a store is read for a model. So the peer is timed twice, without the band-pass against the ingest alone, and
    with it against ingest, reading back and the filter. The peer reads by `wfdb.rdrecord`, changes the rate and filters
    one lead after the other by scipy, forwards and backwards, at the lower rate, which is cheaper. It judges no
    quality and stores nothing, so the comparison is in its favour.

    With one worker two processes take part: the worker reads, this one writes. Without a worker this process does all.
    To start the worker belongs to its time, by both clocks; the time of the processor is that of both processes.
    """
    wfdb = load_wfdb()
    n_ecgs, n_by_peer = (4, 4) if quick else (2000, 100)
    with tempfile.TemporaryDirectory(prefix="hemometric-") as aside:
        records = write_records(Path(aside) / "records", n_ecgs=n_ecgs)
        out = Path(aside) / "store"
        by_peer = records[:n_by_peer]
        one_worker, no_worker = (partial(_ingest, records[0].parent, out, workers=workers) for workers in (1, 0))
        sides = {
            "one worker": (one_worker, n_ecgs),
            "filter": (partial(_filter_store, out), n_ecgs),
            "no worker": (no_worker, n_ecgs),
            "reader": (partial(_read_all, records), n_ecgs),
            "peer": (partial(_for_each, partial(_resample_by_scipy, wfdb), by_peer), n_by_peer),
            "peer, filtered": (partial(_for_each, partial(_filter_by_scipy, wfdb), by_peer), n_by_peer),
        }
        with threadpool_limits(1):
            one_worker()
            _check_agree(wfdb, by_peer, Store.open(out))
            by_clock = take_turns_by_clock([side for side, _ in sides.values()], repeats)
    results = []
    for clock, turns in by_clock.items():
        counts = [count for _, count in sides.values()]
        each = [[turn / count for turn in times] for times, count in zip(turns, counts, strict=True)]
        results += _compare(dict(zip(sides, each, strict=True)), n_ecgs, clock)
    return results


def write_records(folder: Path, *, n_ecgs: int) -> list[Path]:
    """Write simulated ECGs as PTB-XL is written: format 16, 12 leads of 10 s at 500 Hz, steps of 1 uV.

    Args:
        folder: To be made.
        n_ecgs: How many.

    Returns:
        The headers, in order of their names.
    """
    from hemometric.simulation import CohortSettings, draw_people, render_people

    folder.mkdir()
    settings = CohortSettings(n_patients=n_ecgs, sampling_rate_hz=_FILE_HZ)
    headers: list[Path] = []
    for chunk in range(settings.n_chunks):
        people = draw_people(settings, chunk)
        most = len(people.labelled) * len(settings.visits.ecgs)
        buffer = np.empty((most, len(LEADS), settings.n_samples), dtype=np.int16)
        for microvolts in render_people(settings, people, out=buffer)[0][: n_ecgs - len(headers)]:
            headers.append(_write_record(folder / f"{len(headers):05d}_hr.hea", microvolts))
    return headers


def _write_record(header: Path, microvolts: Microvolts) -> Path:
    samples = header.with_suffix(".dat")
    samples.write_bytes(microvolts.T.astype("<i2").tobytes())
    lines = [f"{header.stem} {len(LEADS)} {_FILE_HZ:g} {microvolts.shape[1]}"]
    for lead, values in zip(LEADS, microvolts, strict=True):
        checksum = int(values.sum(dtype=np.int64)) & 0xFFFF
        lines.append(f"{samples.name} 16 1000.0(0)/mV 16 0 {values[0]} {checksum} 0 {lead}")
    header.write_text("\n".join(lines) + "\n", encoding="ascii")
    return header


def _ingest(source: Path, out: Path, *, workers: int) -> None:
    shutil.rmtree(out, ignore_errors=True)
    ingest([source], out=out, settings=IngestSettings(sampling_rate_hz=_STORE_HZ, workers=workers))


def _filter_store(path: Path) -> None:
    """Read a store and filter it, as for a model."""
    store = Store.open(path)
    for start in range(0, len(store), _BATCH):
        _filter_by_ours(store.take(np.arange(start, min(start + _BATCH, len(store)))))


def _filter_by_ours(waveforms: Waveform) -> Waveform:
    return bandpass(waveforms, sampling_rate_hz=_STORE_HZ, low_hz=_LOW_HZ, high_hz=_HIGH_HZ)


def _read_all(headers: Sequence[Path]) -> None:
    for header in headers:
        read_ecg(header)


def _for_each(work: Callable[[Path], Untyped], headers: Sequence[Path]) -> None:
    for header in headers:
        work(header)


def _resample_by_scipy(wfdb: Untyped, header: Path) -> Untyped:
    """Read a record and bring it to the rate of the store, lead by lead: shape (12, n_samples), mV."""
    from scipy.signal import resample_poly

    record = wfdb.rdrecord(str(header.with_suffix("")))
    return np.stack([resample_poly(lead, round(_STORE_HZ), round(_FILE_HZ)) for lead in record.p_signal.T])


def _filter_by_scipy(wfdb: Untyped, header: Path) -> Untyped:
    """The same, and the gain of `bandpass`."""
    from scipy.signal import sosfiltfilt

    high_pass, low_pass = _design_by_scipy()
    leads = _resample_by_scipy(wfdb, header)
    return np.stack([sosfiltfilt(low_pass, sosfiltfilt(high_pass, lead)) for lead in leads])


@cache
def _design_by_scipy() -> tuple[Untyped, Untyped]:
    from scipy.signal import butter

    return (
        butter(_HIGH_PASS_ORDER, _LOW_HZ, btype="high", fs=_STORE_HZ, output="sos"),
        butter(_LOW_PASS_ORDER, _HIGH_HZ, btype="low", fs=_STORE_HZ, output="sos"),
    )


def _check_agree(wfdb: Untyped, headers: Sequence[Path], store: Store) -> None:
    """Refuse to go on unless the store holds what the peer makes of the same files, filtered or not.

    Raises:
        HemometricError: An ECG is missing, or too unlike.
    """
    rows = {ecg_id.rpartition("/")[2]: row for row, ecg_id in enumerate(store.ecgs["ecg_id"].to_pylist())}
    missing = [header.stem for header in headers if f"{header.stem}#0" not in rows]
    if missing:
        raise HemometricError(f"benchmark ingest: {missing[0]} is not in the store; report this")
    ours = store.take(np.array([rows[f"{header.stem}#0"] for header in headers]))
    for what, found, make in (
        ("samples", ours, _resample_by_scipy),
        ("filtered samples", _filter_by_ours(ours), _filter_by_scipy),
    ):
        apart = measure_apart(found, np.stack([make(wfdb, header) for header in headers]))
        if not apart <= _MOST_APART:
            raise HemometricError(
                f"benchmark ingest: the {what} of ours and of wfdb and scipy disagree by {apart:.3g} of their size, so "
                "their speeds mean nothing; report this"
            )


def measure_apart(ours: Waveform, theirs: Untyped) -> float:
    """How far ECGs lie apart, as a share of their size (root mean squares), the worst lead of any; ends left out.

    Args:
        ours: Shape (n, 12, n_samples), mV at the rate of the store.
        theirs: The same.
    """
    margin = round(_UNLIKE_ENDS_S * _STORE_HZ)
    inner = slice(margin, -margin)
    rest = np.square(ours[..., inner] - theirs[..., inner]).mean(axis=-1)
    size = np.square(theirs[..., inner] - theirs[..., inner].mean(axis=-1, keepdims=True)).mean(axis=-1)
    return float(np.sqrt(rest / size).max())


def _compare(seconds: dict[str, list[float]], n_ecgs: int, clock: str) -> list[Result]:
    """Put seconds per record, of each side in every turn, into results."""
    results = []
    for workers in ("one worker", "no worker"):
        stored = seconds[workers]
        filtered = [a + b for a, b in zip(stored, seconds["filter"], strict=True)]
        for what, ours, theirs, peer_name in (
            ("to the store", stored, "peer", "wfdb and scipy"),
            ("to the store, then filtered", filtered, "peer, filtered", "wfdb and scipy"),
            ("to the store", stored, "reader", "our reader alone"),
        ):
            label = ("ingest", f"{n_ecgs:,} WFDB records {what}, {workers}, {clock}", "records/s")
            rates = [[1.0 / second for second in side] for side in (ours, seconds[theirs])]
            results.append(make_result(label, *rates, peer_name=peer_name, threads=1))
    return results
