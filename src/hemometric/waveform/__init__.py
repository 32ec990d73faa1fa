"""What is done to a waveform: change of rate, filters, quality, windows, beats, features, and a picture on paper.

Everything takes millivolts of shape (..., n_samples) and a sampling rate by name, and changes nothing in place.
"""

from hemometric.waveform.beats import find_r_peaks, median_beat
from hemometric.waveform.features import FEATURES, describe, describe_batch
from hemometric.waveform.filters import bandpass
from hemometric.waveform.paper import plot_ecg
from hemometric.waveform.quality import FLAG_CODES, REFUSE_CODES, Finding, assess
from hemometric.waveform.resample import resample
from hemometric.waveform.windows import Window, cut_windows

__all__ = [
    "FEATURES",
    "FLAG_CODES",
    "REFUSE_CODES",
    "Finding",
    "Window",
    "assess",
    "bandpass",
    "cut_windows",
    "describe",
    "describe_batch",
    "find_r_peaks",
    "median_beat",
    "plot_ecg",
    "resample",
]
