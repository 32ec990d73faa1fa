"""Writes Philips Sierra XML, apart from the package; the packing XLI by plain loops, sample for sample."""

import base64
import struct

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def pack_lzw(content):
    """Codes of 10 bits, a table that is filled once, 1023 at the end."""
    table = {bytes([value]): value for value in range(256)}
    codes, prefix = [], b""
    for value in content:
        longer = prefix + bytes([value])
        if longer in table:
            prefix = longer
            continue
        codes.append(table[prefix])
        if len(table) < 1023:
            table[longer] = len(table)
        prefix = bytes([value])
    bits = "".join(f"{code:010b}" for code in [*codes, table[prefix], 1023])
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def difference(samples):
    """Return two samples and then second differences, and the correction that goes into the header."""
    errors = [2 * samples[at] - samples[at - 1] - samples[at + 1] for at in range(1, len(samples) - 1)]
    # The correction of a sample stands one place behind it, so that the last code says nothing.
    codes = [*samples[:2], *(error + 64 for error in errors[1:]), 64][: len(samples)]
    return codes, errors[0] if errors else 0


def pack_lead(samples):
    codes, correction = difference([int(sample) for sample in samples])
    words = [code & 0xFFFF for code in codes]
    packed = pack_lzw(bytes(word >> 8 for word in words) + bytes(word & 255 for word in words))
    return struct.pack("<ihh", len(packed), 1, correction) + packed


def subtract_limb_leads(digital):
    """Return leads with what is stored for III, aVR, aVL and aVF."""
    stored = [[int(sample) for sample in lead] for lead in digital]
    for at, (one, two, three, right, left, foot) in enumerate(zip(*stored[:6], strict=True)):
        stored[2][at] = two - one - three
        stored[3][at] = -right - (one + two) // 2
        stored[4][at] = (one - three) // 2 - left
        stored[5][at] = (two + three) // 2 - foot
    return stored


def pack_xli(digital, n_empty=4):
    """All leads, then empty ones, as cardiographs write them."""
    empty = [[0] * len(digital[0])] * n_empty
    return b"".join(pack_lead(lead) for lead in [*subtract_limb_leads(digital), *empty])


def write_base64(digital, n_bytes=None):
    content = b"".join(struct.pack(f"<{len(lead)}h", *lead) for lead in digital)
    return base64.b64encode(content[:n_bytes]).decode()


def make_sierra(
    rhythm,
    *,
    version="1.04",
    attributes=None,
    signal="",
    patient="<patientid>P-9</patientid><age><dateofbirth>1960-06-14</dateofbirth></age><sex>Female</sex>",
    waveforms=None,
    encoding="utf-16",
):
    """A file; `rhythm` is the text of the rhythm, `attributes` are its own, `waveforms` stand for all of it."""
    named = " ".join(f'{name}="{value}"' for name, value in (attributes or {}).items() if value is not None)
    kind = "SierraECG" if version == "1.03" else "PhilipsECG"
    whole = f"<parsedwaveforms {named}>{rhythm}</parsedwaveforms><repbeats/>" if waveforms is None else waveforms
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<restingecgdata xmlns="http://www3.medical.philips.com" '
        f'status="Confirmed" lang="en"><documentinfo><documentname>1.xml</documentname><documenttype>{kind}'
        f"</documenttype><documentversion>{version}</documentversion></documentinfo>"
        '<dataacquisition date="2025-06-14" time="10:05:44" statflag="False"><machine>PageWriter</machine>'
        f"<signalcharacteristics>{signal}</signalcharacteristics></dataacquisition>"
        f"<patient><generalpatientdata>{patient}</generalpatientdata></patient>"
        f"<waveforms>{whole}</waveforms></restingecgdata>\n"
    )
    return text.encode(encoding)


def describe(n_samples, **changes):
    """Attributes of a rhythm of version 1.04, 500 Hz and 5 uV."""
    return {
        "dataencoding": "Base64",
        "numberofleads": 12,
        "leadlabels": " ".join(LEADS),
        "durationperchannel": 2 * n_samples,
        "samplespersecond": "500",
        "resolution": "5",
        "signaloffset": "0",
        "signalsigned": "True",
        "bitspersample": "16",
    } | changes


def make_packed(digital, **changes):
    """A file of version 1.04 whose rhythm is packed."""
    text = base64.b64encode(pack_xli(digital)).decode()
    return make_sierra(text, attributes=describe(len(digital[0]), compression="XLI", **changes))
