import numpy as np
import pytest

from hemometric.datasets import open_dataset
from hemometric.errors import ReadError
from hemometric.formats import find_records, read_ecg
from hemometric.waveform import assess


@pytest.mark.parametrize("name", ["auto", "echonext"])
def test_echonext_is_recognised_and_refused_since_it_holds_no_voltages(tmp_path, name):
    np.save(tmp_path / "EchoNext_test_waveforms.npy", np.zeros((2, 1, 2500, 12), dtype=np.float32))
    for source in (tmp_path, tmp_path / "EchoNext_test_waveforms.npy"):
        with pytest.raises(ReadError, match=r"this is EchoNext, which is not read: .*standardised.* no mV") as caught:
            open_dataset(source, name=name)
        assert caught.value.code == "no-unit"


@pytest.mark.parametrize("name", ["echonext_metadata_100k.csv", "EchoNext_metadata_100k.csv"])
def test_its_table_alone_is_enough_to_recognise_it(tmp_path, name):
    (tmp_path / name).write_text("patient_key,split,pasp_value\n1,train,0\n")
    with pytest.raises(ReadError, match="this is EchoNext, which is not read"):
        open_dataset(tmp_path)


def test_a_standardised_ecg_breaks_the_relations_that_a_store_relies_on(real_data):
    """Why the refusal is no mere formality: leads that were scaled apart are no 12-lead ECG any more."""
    refused = []
    for record in find_records(real_data / "ptbxl")[:10]:
        ecg = read_ecg(record)
        scaled = (ecg.waveform - ecg.waveform.mean(axis=1, keepdims=True)) / ecg.waveform.std(axis=1, keepdims=True)
        findings = assess(scaled.astype(np.float32), sampling_rate_hz=ecg.sampling_rate_hz)
        refused.append({finding.code for finding in findings if finding.refuse})
    assert all("einthoven" in codes for codes in refused)
