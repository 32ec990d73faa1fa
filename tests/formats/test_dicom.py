import contextlib
from copy import deepcopy

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRBigEndian
from pydicom.waveforms import multiplex_array

from hemometric.ecg import INDEPENDENT_ROWS, LEADS, derive_leads
from hemometric.errors import ReadError
from hemometric.formats import read_ecg


def rhythm(dataset):
    return dataset.WaveformSequence[0]


def channels(dataset):
    return rhythm(dataset).ChannelDefinitionSequence


def reorder(dataset, order, group=0):
    """Put the channels of a group into another order, or keep only some of them."""
    item = dataset.WaveformSequence[group]
    samples = multiplex_array(dataset, group, as_raw=True)
    item.ChannelDefinitionSequence = [item.ChannelDefinitionSequence[place] for place in order]
    item.WaveformData = np.ascontiguousarray(samples[:, order]).tobytes()
    item.NumberOfWaveformChannels = len(order)


def encode(dataset, samples, *, bits, kind, sample_type):
    item = rhythm(dataset)
    item.WaveformBitsAllocated, item.WaveformSampleInterpretation = bits, kind
    item.NumberOfWaveformSamples = samples.shape[0]
    item.WaveformData = samples.astype(sample_type).tobytes()


def test_the_example_equals_pydicom(dicom_example):
    ecg = read_ecg(dicom_example)
    golden = multiplex_array(pydicom.dcmread(dicom_example), 0, as_raw=False) / 1000
    assert np.array_equal(ecg.waveform, golden.T.astype(np.float32))
    assert (ecg.sampling_rate_hz, ecg.n_samples, ecg.ecg_id) == (1000.0, 10_000, "waveform_ecg")
    assert (ecg.patient_id, ecg.age_years, ecg.sex) == ("642341", 42.0, "female")
    assert (ecg.acquired_at, ecg.notes) == ("2013-01-25T10:59:19", ())


def test_a_file_of_another_maker_equals_pydicom(real_data):
    path = real_data / "formats" / "Example.dcm"
    ecg = read_ecg(path)
    with pydicom.config.disable_value_validation():
        golden = multiplex_array(pydicom.dcmread(path), 0, as_raw=False) / 1000
    assert np.array_equal(ecg.waveform, golden.T.astype(np.float32))
    assert (ecg.patient_id, ecg.sex, ecg.acquired_at) == ("SBJ-123", "male", "2002-11-22T09:10:00")
    assert ecg.age_years == pytest.approx(49.54, abs=0.01)


def test_channels_are_taken_by_code_and_not_by_place(dicom_example, change_dicom):
    path = change_dicom(lambda dataset: reorder(dataset, [11, 3, 0, 7, 1, 2, 10, 9, 8, 4, 6, 5]))
    assert np.array_equal(read_ecg(path).waveform, read_ecg(dicom_example).waveform)


def test_sensitivity_correction_and_baseline_of_each_channel_count(change_dicom):
    def edit(dataset):
        channel = channels(dataset)[4]
        channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = (
            "2.5",
            "1.1",
            "-40",
        )
        channels(dataset)[5].ChannelSensitivityUnitsSequence[0].CodeValue = "mV"

    path = change_dicom(edit)
    golden = multiplex_array(pydicom.dcmread(path), 0, as_raw=False).T
    waveform = read_ecg(path).waveform
    assert np.allclose(waveform[4], golden[4] / 1000, rtol=1e-6)
    assert np.allclose(waveform[5], golden[5], rtol=1e-6)


def test_the_rhythm_is_taken_and_not_the_median_beat(dicom_example, change_dicom):
    path = change_dicom(lambda dataset: dataset.WaveformSequence.reverse())
    assert np.array_equal(read_ecg(path).waveform, read_ecg(dicom_example).waveform)


def test_of_two_rhythms_the_longer_is_taken(dicom_example, change_dicom):
    def edit(dataset):
        short = deepcopy(rhythm(dataset))
        short.NumberOfWaveformSamples = 5_000
        short.WaveformData = short.WaveformData[: 5_000 * 12 * 2]
        dataset.WaveformSequence.insert(0, short)

    assert read_ecg(change_dicom(edit)).n_samples == read_ecg(dicom_example).n_samples


def test_eight_leads_become_twelve(dicom_example, change_dicom):
    ecg = read_ecg(change_dicom(lambda dataset: reorder(dataset, list(INDEPENDENT_ROWS))))
    golden = read_ecg(dicom_example).waveform
    assert np.array_equal(ecg.waveform, derive_leads(golden[list(INDEPENDENT_ROWS)]))
    assert np.abs(ecg.waveform - golden).max() < 3 * 1.25e-3
    assert "derived" in ecg.notes[0]


@pytest.mark.parametrize(
    ("bits", "kind", "sample_type", "shift"),
    [(8, "SB", "i1", 0), (8, "UB", "u1", 128), (16, "US", "<u2", 5000), (32, "SL", "<i4", 0)],
)
def test_samples_of_every_width_and_sign(change_dicom, bits, kind, sample_type, shift):
    samples = np.random.default_rng([8, bits]).integers(-100, 100, size=(50, 12))

    def edit(dataset):
        encode(dataset, samples + shift, bits=bits, kind=kind, sample_type=sample_type)
        for channel in channels(dataset):
            channel.ChannelBaseline = str(-shift * 1.25)

    assert np.allclose(read_ecg(change_dicom(edit)).waveform, samples.T * 1.25e-3, atol=1e-6)


def test_big_endian_samples(dicom_example, tmp_path):
    dataset = pydicom.dcmread(dicom_example)
    golden = read_ecg(dicom_example).waveform
    item = rhythm(dataset)
    item.WaveformData = np.frombuffer(item.WaveformData, "<i2").astype(">i2").tobytes()
    fresh = pydicom.Dataset({element.tag: element for element in dataset if not element.tag.is_private})
    fresh.file_meta = dataset.file_meta
    fresh.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = tmp_path / "big.dcm"
    fresh.save_as(path, implicit_vr=False, little_endian=False, enforce_file_format=True)
    assert np.array_equal(read_ecg(path).waveform, golden)


def test_padding_becomes_nan(change_dicom):
    def edit(dataset):
        samples = np.ones((50, 12), dtype="<i2")
        samples[40:, 3] = -32768
        encode(dataset, samples, bits=16, kind="SS", sample_type="<i2")
        rhythm(dataset).add_new(0x5400100A, "OW", np.array([-32768], "<i2").tobytes())

    waveform = read_ecg(change_dicom(edit)).waveform
    assert np.isnan(waveform[3, 40:]).all()
    assert np.isnan(waveform).sum() == 10


@pytest.mark.parametrize("kind", ["SS", "US"])
def test_a_padding_of_zero_is_not_believed(change_dicom, kind):
    def edit(dataset):
        encode(dataset, np.zeros((50, 12)), bits=16, kind=kind, sample_type="<i2")
        rhythm(dataset).add_new(0x5400100A, "OW", bytes(2))

    assert not np.isnan(read_ecg(change_dicom(edit)).waveform).any()


def by_mdc_code(dataset):
    for channel, name in zip(channels(dataset), LEADS, strict=True):
        source = channel.ChannelSourceSequence[0]
        source.CodingSchemeDesignator, source.CodeValue, source.CodeMeaning = "MDC", f"MDC_ECG_LEAD_{name}", "?"


def by_meaning(dataset):
    for channel, name in zip(channels(dataset), LEADS, strict=True):
        source = channel.ChannelSourceSequence[0]
        source.CodingSchemeDesignator, source.CodeValue, source.CodeMeaning = "99MAKER", "7", f"Lead {name.upper()}"


def by_label(dataset):
    for channel, name in zip(channels(dataset), LEADS, strict=True):
        del channel.ChannelSourceSequence
        channel.ChannelLabel = name


@pytest.mark.parametrize("edit", [by_mdc_code, by_meaning, by_label])
def test_leads_named_in_other_ways(dicom_example, change_dicom, edit):
    assert np.array_equal(read_ecg(change_dicom(edit)).waveform, read_ecg(dicom_example).waveform)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"PatientID": ""}, {"patient_id": None}),
        ({"PatientID": "ANONYMOUS"}, {"patient_id": None}),
        ({"PatientSex": "O"}, {"sex": None}),
        ({"PatientAge": "018M"}, {"age_years": 1.5}),
        ({"PatientAge": "", "PatientBirthDate": "19730125"}, {"age_years": 40.0}),
        ({"PatientAge": "", "PatientBirthDate": ""}, {"age_years": None}),
        ({"PatientAge": "", "PatientBirthDate": "20200101"}, {"age_years": None}),
        ({"AcquisitionDateTime": "20130125105919.250+0100"}, {"acquired_at": "2013-01-25T10:59:19"}),
        ({"AcquisitionDateTime": "20130125"}, {"acquired_at": "2013-01-25"}),
        ({"AcquisitionDateTime": "201301"}, {"acquired_at": "2013-01-25T10:59:19"}),
        ({"AcquisitionDateTime": "", "ContentDate": "", "ContentTime": ""}, {"acquired_at": None}),
        ({"AcquisitionDateTime": "2013012510"}, {"acquired_at": "2013-01-25"}),
    ],
)
def test_what_is_known_of_the_patient_and_the_time(change_dicom, fields, found):
    def edit(dataset):
        for name, value in fields.items():
            setattr(dataset, name, value)

    ecg = read_ecg(change_dicom(edit))
    for name, value in found.items():
        assert getattr(ecg, name) == (pytest.approx(value, abs=0.01) if isinstance(value, float) else value)


def test_a_time_that_is_not_the_acquisition_time_is_noted(change_dicom):
    assert "content time taken" in read_ecg(change_dicom(lambda dataset: dataset.pop("AcquisitionDateTime"))).notes[0]
    shifted = change_dicom(lambda dataset: setattr(dataset, "AcquisitionDateTime", "20130125105919+0100"))
    assert "time zone +0100 left out" in read_ecg(shifted).notes[0]


def drop_unit(dataset):
    del channels(dataset)[2].ChannelSensitivityUnitsSequence


def drop_sensitivity(dataset):
    del channels(dataset)[2].ChannelSensitivity


def other_unit(dataset):
    channels(dataset)[2].ChannelSensitivityUnitsSequence[0].CodeValue = "mm[Hg]"


def cut_samples(dataset):
    rhythm(dataset).WaveformData = rhythm(dataset).WaveformData[:100_000]


def drop_waveforms(dataset):
    del dataset.WaveformSequence


def drop_rhythm(dataset):
    del dataset.WaveformSequence[0]


def drop_channel_description(dataset):
    del channels(dataset)[11]


def companded(dataset):
    rhythm(dataset).WaveformBitsAllocated, rhythm(dataset).WaveformSampleInterpretation = 8, "MB"


def unknown_kind(dataset):
    del dataset.WaveformSequence
    with pydicom.config.disable_value_validation():
        dataset.SOPClassUID = "1.2\n.3"


def broken_interpretation(dataset):
    rhythm(dataset).add_new(0x54001006, "LO", "S\nS")


def no_rate(dataset):
    rhythm(dataset).SamplingFrequency = "0"


BAD_EDITS = [
    (drop_unit, "no-unit", "lead III has no unit"),
    (drop_sensitivity, "no-unit", "lead III has no sensitivity"),
    (other_unit, "unknown-unit", "lead III is in 'mm[Hg]'"),
    (lambda dataset: reorder(dataset, list(range(11))), "wrong-leads", "missing V6"),
    (lambda dataset: reorder(dataset, [0, 1, 2, 3, 4, 5, 6, 7]), "wrong-leads", "missing V3, V4, V5, V6"),
    (cut_samples, "truncated", "holds 100,000 bytes of samples (4,166 a lead), announced are 240,000 (10,000)"),
    (drop_waveforms, "not-an-ecg", "holds no waveforms, it is 12-lead ECG Waveform Storage"),
    (drop_rhythm, "not-an-ecg", "only derived waveforms"),
    (drop_channel_description, "wrong-leads", "missing V6"),
    (companded, "unsupported-format", "8 bits as 'MB'"),
    (unknown_kind, "not-an-ecg", "it is 1.2.3"),
    (broken_interpretation, "unsupported-format", r"16 bits as 'S\nS'"),
    (no_rate, "corrupt", "damaged DICOM file"),
]


@pytest.mark.parametrize(("edit", "code", "message"), BAD_EDITS)
def test_bad_dicom_is_refused_in_one_line_that_names_the_file(change_dicom, edit, code, message):
    path = change_dicom(edit)
    with pytest.raises(ReadError) as caught:
        read_ecg(path)
    assert caught.value.code == code
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [132, 140, 400, 2_000, 20_000, 200_000])
def test_a_dicom_file_that_was_cut_off_is_refused(tmp_path, dicom_example, size):
    path = tmp_path / "cut.dcm"
    path.write_bytes(dicom_example.read_bytes()[:size])
    with pytest.raises(ReadError) as caught:
        read_ecg(path)
    assert caught.value.code in {"corrupt", "truncated", "not-an-ecg"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.integers(132, 12_000), st.binary(min_size=1, max_size=8))
def test_a_damaged_dicom_file_is_read_or_refused(tmp_path, dicom_example, place, noise):
    content = dicom_example.read_bytes()
    path = tmp_path / "damaged.dcm"
    path.write_bytes(content[:place] + noise + content[place + len(noise) :])
    with contextlib.suppress(ReadError):
        assert read_ecg(path).waveform.shape[0] == 12
