"""The ECGs of files: one is read here, several are read apart; and what `embed` and `predict` make of bad ones."""

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import wfdb

from hemometric.cli import run as run_command
from hemometric.ecg import LEADS, Ecg
from hemometric.errors import ReadError, SettingsError
from hemometric.formats import apart
from hemometric.inference import Predictor, embed
from hemometric.inference.reading import find_places, read_places
from hemometric.settings import FinetuneSettings, PretrainSettings
from hemometric.training import finetune, pretrain


@pytest.fixture(scope="module")
def runs(labelled_store, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    settings = PretrainSettings(n_passes=32, batch_size=32)
    pretrain(labelled_store, out=out / "pretrained", settings=settings, device="cpu")
    chosen = FinetuneSettings(head="linear", freeze=True, n_steps=10, n_validations=2)
    finetune(labelled_store, source=out / "pretrained", out=out / "tuned", settings=chosen, device="cpu")
    return out


@pytest.fixture
def ecgs(labelled_store, tmp_path):
    """A WFDB record, two ECGs in HDF5, and a damaged HDF5 file."""
    folder = tmp_path / "ecgs"
    folder.mkdir()
    rate_hz = labelled_store.sampling_rate_hz
    waveforms = labelled_store.take(np.arange(3))
    wfdb.wrsamp("a", rate_hz, ["mV"] * 12, list(LEADS), waveforms[0].T.astype(float), fmt=["16"] * 12, write_dir=folder)
    with h5py.File(folder / "exams.hdf5", "w") as file:
        file["exam_id"] = [7, 8]
        longer = np.tile(waveforms[1:], (1, 1, 5)).transpose(0, 2, 1)[:, :4096]
        file["tracings"] = longer.astype(np.float32)
    content = bytearray((folder / "exams.hdf5").read_bytes())
    (folder / "zz.hdf5").write_bytes(content[: len(content) // 3])
    return folder


def test_one_ecg_needs_no_process_and_several_are_read_apart(ecgs, monkeypatch):
    started = []
    real = apart.map_guarded

    def noting(function, errands, *, n_workers, **options):
        started.append(n_workers)
        return real(function, errands, n_workers=n_workers, **options)

    monkeypatch.setattr(apart, "map_guarded", noting)
    ((_, one),) = read_places(find_places([ecgs / "a.hea"]))
    assert isinstance(one, Ecg)
    assert started == [0, 0]
    found = list(read_places(find_places(sorted(ecgs.glob("*.h*")))))
    assert started[2:] == [1, 1]
    assert [place.part for place, _ in found] == [None, "7", "8", None]
    assert [isinstance(ecg, Ecg) for _, ecg in found] == [True, True, True, False]


def test_a_folder_is_embedded_but_for_what_is_damaged(runs, ecgs, tmp_path):
    assert embed(runs / "pretrained", ecgs, out=tmp_path / "out.parquet", device="cpu") == (3, 1)
    assert pq.read_table(tmp_path / "out.parquet")["ecg_id"].to_pylist() == ["a", "7", "8"]
    with pytest.raises(ReadError, match=r"none of its 1 ECGs can be embedded; the first: .*zz\.hdf5: "):
        embed(runs / "pretrained", ecgs / "zz.hdf5", out=tmp_path / "out.parquet", device="cpu")


def test_every_ecg_of_a_file_is_answered_or_the_one_that_is_named(runs, ecgs):
    predictor = Predictor.load(runs / "tuned", device="cpu")
    answers = list(predictor.predict_files(sorted(ecgs.glob("*.h*"))))
    assert [(path.name, one.part, one.ecg_id, one.refused) for path, one in answers] == [
        ("a.hea", None, "a", False),
        ("exams.hdf5", "7", "7", False),
        ("exams.hdf5", "8", "8", False),
        ("zz.hdf5", None, "zz", True),
    ]
    eighth = predictor.predict_file(ecgs / "exams.hdf5", part="8")
    assert (eighth.part, eighth.ecg_id) == ("8", "8")
    assert eighth.estimates["mpcwp"].value == pytest.approx(answers[2][1].estimates["mpcwp"].value, abs=1e-4)
    assert "holds no ECG '9'" in predictor.predict_file(ecgs / "exams.hdf5", part="9").reason


def test_the_command_predicts_all_parts_or_one(runs, ecgs, capsys):
    exams = str(ecgs / "exams.hdf5")
    assert run_command(["predict", str(runs / "tuned"), exams]) == 0
    assert [line.partition(": mpcwp")[0] for line in capsys.readouterr().out.splitlines() if "mpcwp" in line] == [
        f"{exams}, part 7",
        f"{exams}, part 8",
    ]
    assert run_command(["predict", str(runs / "tuned"), exams, "--part", "8", "--json"]) == 0
    assert '"part": "8"' in capsys.readouterr().out
    with pytest.raises(SettingsError, match="--part names one ECG of one file, but 2 files are named"):
        run_command(["predict", str(runs / "tuned"), exams, exams, "--part", "8"])
