"""What a report says, as one checked model: report.json is this and nothing else, and the page is printed from it."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

INTERVAL_LEVEL = 0.95
"""Level of every interval of a report."""

SCHEMA_FILE = "report.schema.json"


class _Part(BaseModel):
    """A piece of a report: it never changes, has no unknown key and holds no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Interval(_Part):
    """A number with its 95 % interval; each is null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class Regression(_Part):
    """How far the estimate is from the measurement; in the target's unit except `pearson_r` and `r2`."""

    rmse: Interval
    mae: Interval
    pearson_r: Interval
    r2: Interval
    bias: Interval = Field(description="mean of estimate - measurement")
    loa_low: Interval = Field(description="lower 95 % limit of agreement")
    loa_high: Interval = Field(description="upper 95 % limit of agreement")


class Classification(_Part):
    """How well the probability of one event ranks and warns; `threshold` was frozen on validation patients."""

    prevalence: float | None = Field(description="fraction of the judged ECGs with the event")
    auroc: Interval
    auprc: Interval
    brier: Interval
    sensitivity: Interval
    specificity: Interval
    ppv: Interval
    npv: Interval
    threshold: float | None = Field(description="probability from which a warning is given")


class Calibration(_Part):
    """Whether the probabilities of one event mean what they say."""

    intercept: Interval = Field(description="calibration in the large; 0 is perfect, > 0 means risks are too low")
    slope: Interval = Field(description="1 is perfect, < 1 means risks are too extreme")
    oe_ratio: Interval = Field(description="events observed / events expected; 1 is perfect")


class Coverage(_Part):
    """How often the interval that a prediction carries holds the measurement."""

    nominal: float | None
    value: float | None
    low: float | None
    high: float | None


class Uncertainty(_Part):
    """Whether the model knows what it does not know."""

    coverage: Coverage
    auroc_by_reliability_decile: tuple[float | None, ...] = Field(
        description="main event, least reliable tenth first; empty while the run has no reliability"
    )
    risk_coverage: tuple[float | None, ...] = Field(
        description="RMSE over the most reliable 10 %, 20 %, ... 100 %; empty while the run has no reliability"
    )


class Subgroup(_Part):
    """The same model in one group of patients; `auroc` is that of the target's first event."""

    name: str
    n_patients: int
    auroc: Interval
    rmse: Interval
    coverage: Interval


class Difference(_Part):
    """Run minus baseline on the same resampled patients. Better is negative for `rmse` and positive for the others."""

    rmse: Interval
    pearson_r: Interval
    auroc: dict[str, Interval]


class Baseline(_Part):
    """What a simpler model reaches with the same labels on the same ECGs."""

    regression: Regression
    classification: dict[str, Classification]
    difference: Difference


class LabelCounts(_Part):
    """How many labelled patients and ECGs the run learned from, by what they were used for."""

    train_patients: int
    train_ecgs: int
    validation_patients: int
    validation_ecgs: int
    calibration_patients: int
    calibration_ecgs: int


class Provenance(_Part):
    """Where the numbers come from."""

    run: str = Field(description="name of the run directory")
    source: str = Field(description="where the encoder came from: an objective, none or random")
    hemometric_version: str
    labels: Literal["links", "truth"] = Field(description="linked catheter labels, or every visit of a simulated store")
    label_counts: LabelCounts
    trained_on_simulated: bool
    simulator_version: int | None = Field(description="of the judged ECGs; null where they were recorded")
    training_data_fingerprint: str
    seed: int = Field(description="seed of the bootstrap")
    n_bootstrap: int
    threshold_rule: str


class Report(_Part):
    """The whole of report.json. Events are keyed "mpcwp>15"; intervals are patient-clustered bootstrap, 95 %."""

    schema_version: Literal[1] = 1
    target: str
    unit: str
    simulated: bool
    split: str
    n_patients: int
    n_ecgs: int
    data_fingerprint: str
    regression: Regression
    classification: dict[str, Classification]
    calibration: dict[str, Calibration]
    uncertainty: Uncertainty
    subgroups: tuple[Subgroup, ...]
    baselines: dict[str, Baseline]
    notes: tuple[str, ...] = Field(description="what a reader must know: what is undefined and why")
    provenance: Provenance

    def to_json(self) -> str:
        """The text of report.json; numbers in full precision, undefined ones null."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: str | Path) -> "Report":
        """Read a report.json.

        Raises:
            pydantic.ValidationError: The file is not a report of this version.
        """
        return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))


def paired_auroc_difference(report: Report, *, versus: str, event: str) -> Interval:
    """AUROC of the run minus that of a baseline, on the same resampled patients.

    Raises:
        ValueError: The report has no such baseline or event.
    """
    if versus not in report.baselines or event not in report.classification:
        raise ValueError(
            f"no baseline {versus!r} for {event!r}: there are {', '.join(report.baselines) or 'none'}, "
            f"and the events {', '.join(report.classification)}"
        )
    return report.baselines[versus].difference.auroc[event]


def report_schema() -> dict[str, Any]:
    """The JSON schema of report.json, as it is kept beside this file."""
    schema = Report.model_json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def kept_schema() -> dict[str, Any]:
    """The schema that is kept in the package, for readers in other languages."""
    text = files("hemometric.evaluation").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
