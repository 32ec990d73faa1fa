import subprocess
import sys
from pathlib import Path

import hemometric.waveform


def test_all_is_what_the_room_imports_for_others():
    modules = {
        "beats",
        "beats_kernel",
        "beats_spikes",
        "edges",
        "features",
        "filters",
        "paper",
        "quality",
        "resample",
        "windows",
    }
    public = {name for name in vars(hemometric.waveform) if not name.startswith("_")} - (modules - {"resample"})
    assert set(hemometric.waveform.__all__) == public


def test_importing_the_room_loads_no_heavy_library():
    program = (
        "import sys, hemometric.waveform; "
        "print(sorted({'torch', 'scipy.signal', 'matplotlib', 'wfdb', 'numba', 'sklearn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
