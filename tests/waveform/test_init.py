import subprocess
import sys
from pathlib import Path

import hemometric.waveform


def test_all_is_what_the_room_imports_for_others():
    folder = Path(hemometric.waveform.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"resample"}  # which is a function, too
    public = {name for name in vars(hemometric.waveform) if not name.startswith("_")} - modules
    assert set(hemometric.waveform.__all__) == public


def test_importing_the_room_loads_no_heavy_library():
    program = (
        "import sys, hemometric.waveform; "
        "print(sorted({'torch', 'scipy.signal', 'matplotlib', 'wfdb', 'numba', 'sklearn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
