"""Write EDF, EDF+ and BDF files by the specification, apart from the package."""

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def signal(label, samples, *, unit="uV", physical=(-3276.8, 3276.7), digital=(-32768, 32767), per_record=100):
    return {
        "label": label,
        "samples": np.asarray(samples),
        "unit": unit,
        "physical": physical,
        "digital": digital,
        "per_record": per_record,
    }


def annotations(onsets_s, *, per_record=20, width=2):
    """The annotations of each record: when it starts, and a text in the first."""
    texts = [b"%+.6f\x14\x14\x00" % onset for onset in onsets_s]
    texts[0] += b"+1.5\x14Note\x14\x00"
    content = b"".join(text.ljust(per_record * width, b"\x00") for text in texts)
    kind = "EDF Annotations" if width == 2 else "BDF Annotations"
    return signal(kind, np.frombuffer(content, np.uint8), unit="", physical=(-1, 1), per_record=per_record)


def pack(samples, width):
    """Whole numbers of two or three bytes, lowest first."""
    return b"".join(int(sample).to_bytes(width, "little", signed=True) for sample in samples)


def make_edf(
    signals,
    *,
    width=2,
    patient="P-17 F 04-MAR-1961 Doe",
    recording="Startdate 04-MAR-2021 X X X",
    day="04.03.21",
    time="05.06.07",
    reserved="EDF+C",
    n_records=None,
    record_s="0.2",
):
    """The bytes of a file; samples that are bytes already (annotations) are put in as they are."""
    found = min(
        len(one["samples"]) // (one["per_record"] * (width if one["samples"].dtype == np.uint8 else 1))
        for one in signals
    )
    head = [(b"0       " if width == 2 else b"\xffBIOSEMI"), patient.ljust(80), recording.ljust(80), day, time]
    head += [str(256 * (1 + len(signals))).ljust(8), reserved.ljust(44)]
    head += [str(found if n_records is None else n_records).ljust(8), record_s.ljust(8), str(len(signals)).ljust(4)]
    columns = [
        ("label", 16),
        (None, 80),
        ("unit", 8),
        ("low", 8),
        ("high", 8),
        ("least", 8),
        ("most", 8),
        (None, 80),
        ("per_record", 8),
        (None, 32),
    ]
    for name, size in columns:
        for one in signals:
            low, high = (f"{value:g}" if isinstance(value, float) else str(value) for value in one["physical"])
            fields = {**one, "low": low, "high": high, "least": one["digital"][0], "most": one["digital"][1]}
            head.append(("" if name is None else str(fields[name])).ljust(size)[:size])
    content = b"".join(part if isinstance(part, bytes) else part.encode("latin-1") for part in head)
    for record in range(found):
        for one in signals:
            n = one["per_record"]
            if one["samples"].dtype == np.uint8:
                content += one["samples"][record * n * width : (record + 1) * n * width].tobytes()
            else:
                content += pack(one["samples"][record * n : (record + 1) * n], width)
    return content
