"""Writes GE MUSE XML as its export does, apart from the package."""

import base64
import struct
import zlib

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
PATIENT = {"PatientID": "MRN-17", "PatientAge": "63", "AgeUnits": "YEARS", "Gender": "FEMALE"}
TEST = {"AcquisitionTime": "10:05:44", "AcquisitionDate": "06-14-2025"}


def elements(**values):
    return "".join(f"<{tag}>{text}</{tag}>" for tag, text in values.items() if text is not None)


def lead_data(name, samples, **changes):
    """One lead; `changes` replace elements, None leaves one out."""
    content = struct.pack(f"<{len(samples)}h", *samples)
    text = base64.b64encode(content).decode()
    values = {
        "LeadByteCountTotal": len(content),
        "LeadTimeOffset": 0,
        "LeadSampleCountTotal": len(samples),
        "LeadAmplitudeUnitsPerBit": "4.88",
        "LeadAmplitudeUnits": "MICROVOLTS",
        "LeadHighLimit": 32767,
        "LeadLowLimit": -32768,
        "LeadID": name,
        "LeadOffsetFirstSample": 0,
        "FirstSampleBaseline": 0,
        "LeadSampleSize": 2,
        "LeadOff": "FALSE",
        "BaselineSway": "FALSE",
        "LeadDataCRC32": zlib.crc32(content),
        "WaveFormData": "\n" + "\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\n",
    }
    return f"<LeadData>{elements(**(values | changes))}</LeadData>"


def waveform(leads, kind="Rhythm", **changes):
    """A waveform of `lead_data` texts."""
    values = {
        "WaveformType": kind,
        "WaveformStartTime": 0,
        "NumberofLeads": len(leads),
        "SampleType": "CONTINUOUS_SAMPLES",
        "SampleBase": 500,
        "SampleExponent": 0,
        "HighPassFilter": 16,
        "LowPassFilter": 150,
        "ACFilter": 60,
    }
    return f"<Waveform>{elements(**(values | changes))}{''.join(leads)}</Waveform>"


def rhythm(digital, names=LEADS, kind="Rhythm", **changes):
    """A waveform of samples, shape (n_leads, n_samples); `changes` are those of every lead."""
    leads = [lead_data(name, list(lead), **changes) for name, lead in zip(names, digital, strict=True)]
    return waveform(leads, kind)


def make_muse(*waveforms, patient=PATIENT, test=TEST, encoding="ISO-8859-1"):
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n<RestingECG>\n'
        f"<MuseInfo><MuseVersion>9.0.9.18167</MuseVersion></MuseInfo>"
        f"<PatientDemographics>{elements(**patient)}</PatientDemographics>"
        f"<TestDemographics>{elements(**test)}</TestDemographics>"
        f"<RestingECGMeasurements><VentricularRate>72</VentricularRate><ECGSampleBase>250</ECGSampleBase>"
        f"</RestingECGMeasurements>\n" + "\n".join(waveforms) + "\n</RestingECG>\n"
    )
    return text.encode(encoding)
