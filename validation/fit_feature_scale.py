"""Measure the medians and robust SDs of the features in recorded ECGs, by which the distance `features` scales them.

python -m validation.fit_feature_scale DATA    # DATA holds ptbxl/; writes src/hemometric/distances/feature_scale.json
"""

import json
import sys
from pathlib import Path

import numpy as np

import hemometric
from hemometric.distances import representations
from hemometric.distances.representations import STRIP_BAND_HZ
from hemometric.waveform import FEATURES, bandpass, describe

RATE_HZ = 500.0
_IQR_OF_NORMAL = 1.349


def main() -> None:
    """Measure and write the table."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m validation.fit_feature_scale DATA   (a folder that holds ptbxl/)")
    records = sorted((Path(sys.argv[1]) / "ptbxl" / "records500").rglob("*.hea"))
    values = []
    for record in records:
        waveform = hemometric.read_ecg(record).waveform
        filtered = bandpass(waveform, sampling_rate_hz=RATE_HZ, low_hz=STRIP_BAND_HZ[0], high_hz=STRIP_BAND_HZ[1])
        values.append(describe(filtered, sampling_rate_hz=RATE_HZ))
    low, middle, high = np.nanpercentile(np.array(values), [25, 50, 75], axis=0)
    spread = (high - low) / _IQR_OF_NORMAL
    # Most ECGs have no ectopic beat, so that the quartiles of its share are equal; one beat in ten is one SD.
    spread = np.where(spread > 0, spread, 0.1)
    table = {name: [float(f"{m:.4g}"), float(f"{s:.4g}")] for name, m, s in zip(FEATURES, middle, spread, strict=True)}
    content = {
        "source": f"medians and interquartile ranges / {_IQR_OF_NORMAL} of {len(records)} records of PTB-XL 1.0.3 "
        f"(Wagner et al. 2020, CC BY 4.0), {STRIP_BAND_HZ[0]:g} to {STRIP_BAND_HZ[1]:g} Hz",
        "features": table,
    }
    out = Path(representations.__file__).with_name("feature_scale.json")
    out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{out}: {len(table)} features of {len(records)} records")


if __name__ == "__main__":
    main()
