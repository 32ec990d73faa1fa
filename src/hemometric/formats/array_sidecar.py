"""The sidecar of an array: what a WFDB header is to its samples, as JSON in `NAME.ecg.json` beside `NAME.npy`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hemometric.ecg import INDEPENDENT_LEADS, LEADS
from hemometric.errors import ReadError
from hemometric.formats.array_files import sidecar_of
from hemometric.settings import suggest

DOCS = "docs/formats/arrays.md"
Axis = Literal["ecg", "lead", "sample"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_LONGEST_NAME = 255
_MOST_BYTES = 2**26


class Sidecar(BaseModel):
    """What the numbers in a file mean. Facts are a list with one value an ECG, or the name of where they stand.

    Attributes:
        file: Name of the file of samples, which lies beside the sidecar.
        sampling_rate_hz: Samples per second.
        unit: V, mV, uV or nV.
        lsb: How many of `unit` one step of the numbers is.
        leads: Names of the channels in their order; a CSV names them in its first line.
        axes: What each axis of the array is; the samples of a CSV stand below each other.
        array: Which array of an NPZ holds the samples, where there are several.
        missing: The number that marks a sample as missing; NaN always does.
        separator: Between the values of a CSV.
        time_column: Column of a CSV with the time of each sample, which is checked against the rate.
        time_unit: Of `time_column`.
        table: A CSV beside the sidecar with one row an ECG, in the order of the array.
        ids: Names of the ECGs.
        patient_id: Whom they are of.
        age_years: At acquisition, 0 to 120.
        sex: "female" or "male".
        acquired_at: ISO 8601, by the clock of the place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sampling_rate_hz: Positive
    unit: str
    lsb: Positive = 1.0
    leads: tuple[str, ...] | None = None
    axes: tuple[Axis, ...] | None = None
    array: str | None = None
    missing: float | None = None
    separator: Literal[",", ";", "\t"] = ","
    time_column: str | None = None
    time_unit: Literal["s", "ms", "us"] | None = None
    table: str | None = None
    ids: tuple[str | int, ...] | str | None = None
    patient_id: tuple[str | int | None, ...] | str | None = None
    age_years: tuple[float | None, ...] | str | None = None
    sex: tuple[str | None, ...] | str | None = None
    acquired_at: tuple[str | None, ...] | str | None = None

    @field_validator("file", "table")
    @classmethod
    def _lies_beside(cls, name: str | None) -> str | None:
        if name is not None and (not name or name != Path(name).name or "\\" in name or "\x00" in name):
            raise ValueError("must be the name of a file beside the sidecar, without a folder")
        if name is not None and len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
            raise ValueError(f"is longer than the {_LONGEST_NAME} bytes that the name of a file may have")
        return name

    @field_validator("axes")
    @classmethod
    def _name_each_axis_once(cls, axes: tuple[Axis, ...] | None) -> tuple[Axis, ...] | None:
        if axes is not None and (len(set(axes)) < len(axes) or not {"lead", "sample"} <= set(axes)):
            raise ValueError('must name "lead" and "sample" once each, and "ecg" where there are several')
        return axes

    @model_validator(mode="after")
    def _check_time(self) -> "Sidecar":
        if (self.time_column is None) != (self.time_unit is None):
            raise ValueError("time_column and time_unit belong together: give both or neither")
        return self


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises:
        ReadError: All that is wrong with it, in one message ("sidecar").
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            reason = f"is longer than {_MOST_BYTES // 2**20} MiB; put ids and facts into a table (key `table`)"
            raise ReadError(path, reason, code="sidecar")
        values = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once_each)
        sidecar = Sidecar.model_validate(values)
        # JSON may hold halves of characters ("\\ud800"), with which no id or name could be written into a table;
        # names of files may have them, since Python so reads names that are not UTF-8.
        json.dumps({key: values[key] for key in values.keys() - {"file", "table"}}, ensure_ascii=False).encode()
        return sidecar
    except ValidationError as error:
        reason = f"as the sidecar of an array: {'; '.join(_explain(error))}; see {DOCS}"
        raise ReadError(path, reason, code="sidecar") from error
    except (ValueError, RecursionError) as error:
        raise ReadError(path, f"the sidecar is not JSON in UTF-8: {error}; see {DOCS}", code="sidecar") from error


def no_sidecar(file: Path, shape: Sequence[int] | None) -> ReadError:
    """Return the error for a file of samples without a sidecar, with the sidecar to write.

    Args:
        file: The file of samples.
        shape: Of its array, or None for a CSV.
    """
    proposal: dict[str, object] = {"file": file.name, "sampling_rate_hz": 500, "unit": "mV"}
    if shape is not None:
        proposal["leads"] = list(INDEPENDENT_LEADS if 8 in shape and 12 not in shape else LEADS)
        lead_last = len(shape) > 1 and shape[-1] == len(proposal["leads"])  # type: ignore[arg-type]
        proposal["axes"] = [*["ecg"] * (len(shape) > 2), *(("sample", "lead") if lead_last else ("lead", "sample"))]
    reason = (
        "holds numbers without their rate, unit and leads, which are not guessed; write them into "
        f"{sidecar_of(file).name} beside it, for instance {json.dumps(proposal)} ({DOCS})"
    )
    return ReadError(file, reason, code="no-sidecar")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _explain(error: ValidationError) -> Iterator[str]:
    seen: set[str] = set()
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if name in seen:  # one line a key: a union of types complains once per type
            continue
        seen.add(name)
        if problem["type"] == "extra_forbidden":
            yield f"unknown key {name!r}{suggest(name, list(Sidecar.model_fields))}"
        elif problem["type"] == "missing":
            yield f"{name} is missing"
        elif name:
            yield f"{name}: {problem['msg'].removeprefix('Value error, ')}, got {_shorten(problem['input'])}"
        else:
            yield problem["msg"].removeprefix("Value error, ")


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
