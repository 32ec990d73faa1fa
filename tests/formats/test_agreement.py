"""Every real ECG as an independent reader reads it: to one step of the file, leads that we derive to 1.5.

The independent readers say samples and step by themselves: nothing of what is compared comes from the package.
"""

import sys

import numpy as np
import pydicom
import pytest
import scipy.io
import sierraecg
import wfdb
from ecgdatakit import FileParser
from pydicom.waveforms import multiplex_array

from hemometric.ecg import LEADS
from hemometric.formats import find_records, read_ecg

DERIVED = [LEADS.index(lead) for lead in ("III", "aVR", "aVL", "aVF")]
MILLIVOLTS = {"mv": 1.0, "uv": 1e-3}


def in_order(names):
    """Where each of the twelve leads stands in a file."""
    found = [name.strip().casefold() for name in names]
    return [found.index(lead.casefold()) for lead in LEADS]


def by_wfdb(header):
    """ADC units by wfdb, in mV by its gains and baselines; and the step of each lead."""
    described = wfdb.rdheader(str(header.with_suffix("")))
    order = in_order(described.sig_name)
    record = wfdb.rdrecord(str(header.with_suffix("")), channels=order, physical=False)
    return scale(record.d_signal.T, described, order)


def by_scipy(header):
    """ADC units of a MATLAB file by scipy; gains and baselines by wfdb."""
    described = wfdb.rdheader(str(header.with_suffix("")))
    order = in_order(described.sig_name)
    return scale(scipy.io.loadmat(header.with_suffix(".mat"))["val"][order], described, order)


def scale(digital, described, order):
    gains = np.array([described.adc_gain[place] for place in order])
    baselines = np.array([described.baseline[place] for place in order])
    millivolts = np.array([MILLIVOLTS[described.units[place].casefold()] for place in order])
    steps = millivolts / gains
    return (digital - baselines[:, None]) * steps[:, None], steps


def by_pydicom(path):
    with pydicom.config.disable_value_validation():
        dataset = pydicom.dcmread(path)
        waveform = multiplex_array(dataset, 0, as_raw=False).T / 1e3
    channels = dataset.WaveformSequence[0].ChannelDefinitionSequence
    names = [channel.ChannelSourceSequence[0].CodeMeaning.removeprefix("Lead ") for channel in channels]
    assert {channel.ChannelSensitivityUnitsSequence[0].CodeValue for channel in channels} == {"uV"}
    order = in_order(names)
    steps = [float(channels[place].ChannelSensitivity) / 1e3 for place in order]
    return waveform[order], np.array(steps)


def by_ecgdatakit(path):
    leads = FileParser().parse(path).leads
    order = in_order([lead.label for lead in leads])
    waveform = np.stack([leads[place].samples for place in order])
    return waveform, np.array([smallest_step(lead) for lead in waveform])


def by_sierraecg(path):
    leads = sierraecg.read_file(str(path)).leads
    order = in_order([lead.label for lead in leads])
    return np.stack([leads[place].samples for place in order]) * 5e-3, np.full(12, 5e-3)


def smallest_step(lead):
    """The step of a lead by its samples: the least difference between two of its values."""
    values = np.unique(np.round(lead, 6))
    return np.diff(values).min()


READERS = [
    ("ptbxl", "*.hea", "wfdb", by_wfdb, 500),
    ("ptbdb", "*.hea", "wfdb", by_wfdb, 3),
    ("challenge2021", "*.hea", "scipy.io", by_scipy, 53),
    ("formats", "*.dcm", "pydicom", by_pydicom, 1),
    ("formats", "*.scp", "ecgdatakit", by_ecgdatakit, 1),
    ("formats", "Example.xml", "ecgdatakit", by_ecgdatakit, 1),
    ("formats", "sierra*.xml", "sierraecg", by_sierraecg, 1),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the independent readers
@pytest.mark.parametrize(("folder", "files", "name", "read", "n_files"), READERS)
def test_every_real_ecg_is_what_an_independent_reader_finds(real_data, folder, files, name, read, n_files):
    paths = [path for path in find_records(real_data / folder) if path.match(files)]
    assert len(paths) == n_files
    largest = 0.0
    for path in paths:
        ecg = read_ecg(path)
        expected, steps = read(path)
        difference = np.abs(ecg.waveform - expected[:, : ecg.n_samples]).max(axis=1) / steps
        bounds = np.ones(12)
        if any("derived" in note for note in ecg.notes):
            bounds[DERIVED] = 1.5
        assert (difference <= bounds).all(), f"{path}: {difference.round(3).tolist()} steps"
        largest = max(largest, difference.max())
    sys.stdout.write(f"\n{folder}/{files}: {n_files} files, {name}: {largest:.2g} steps at most\n")
