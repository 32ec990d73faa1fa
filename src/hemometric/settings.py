"""Settings of the learning steps: frozen, range-checked, read from TOML and `key=value`, written back resolved as JSON.

A setting that is None takes the recipe of its objective (or of the source run); the resolved value stands in the run's
`settings.json`. Names of objectives, encoders and targets are checked where their registry lives.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hemometric.errors import SettingsError

Precision = Literal["auto", "fp32", "bf16"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Model = TypeVar("Model", bound=BaseModel)


class Frozen(BaseModel):
    """What all settings have in common: no unknown key, no change after the check, no guessing of types."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ViewSettings(Frozen):
    """Ranges of the random views; each ECG of a batch draws its own. 0 turns a view off.

    What is off by default has a range in its line that a resting ECG justifies; peak to peak an ECG has 1-2 mV.

    Attributes:
        crop_s: Length of the random crop in seconds; None keeps the whole window.
        rotation_deg: Largest turn of the limb leads in the frontal plane, either way. 15: lying on another side or
            sitting up turns the axes by 2-12 degrees with an SD of 6-12 (Ng et al., Comput Cardiol 2001:313, P waves).
        precordial_shift: Largest shift of V1-V6 along their row, as a part of the way to the next electrode. 0.5:
            technicians miss the place by 2.9 cm on average (Wenger, Kligfield, J Electrocardiol 1996;29:179).
        gain_sd: SD of the logarithm of one gain for the whole ECG.
        lead_gain_sd: SD of the logarithm of a further gain for each lead.
        wander_mv: Largest excursion of the baseline at 0.05-0.5 Hz, mV. 0.2: breathing moves it by 15 % of the peak to
            peak (Friesen et al., IEEE Trans Biomed Eng 1990;37:85). A `band_hz` from 0.5 Hz keeps it from real ECGs.
        muscle_mv: Largest SD of muscle noise (20-150 Hz) within a burst, mV. 0.1: 10 % of the peak to peak (Friesen).
        mains_mv: Largest amplitude of the mains' hum, mV. 0.1; the most is 50 % of the peak to peak (Friesen).
        mains_hz: 50 or 60. At or above half the sampling rate there is no hum, as an anti-alias filter leaves none.
        noise_mv: Largest SD of white noise in mV; each ECG draws its SD from 0 to this.
        lead_dropout: Probability that a lead is set to zero, in an ECG that loses leads at all.
        lead_dropout_ecgs: Fraction of ECGs that lose leads at all.
        mask_s: Longest stretch that is set to zero in all leads, in seconds. 1: about a beat, and there are others.
    """

    crop_s: Positive | None = 8.0
    rotation_deg: Annotated[float, Field(ge=0, le=45)] = 0.0
    precordial_shift: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    gain_sd: Annotated[float, Field(ge=0, le=1)] = 0.05
    lead_gain_sd: Annotated[float, Field(ge=0, le=1)] = 0.05
    wander_mv: Annotated[float, Field(ge=0, le=2)] = 0.0
    muscle_mv: Annotated[float, Field(ge=0, le=1)] = 0.0
    mains_mv: Annotated[float, Field(ge=0, le=1)] = 0.0
    mains_hz: Literal[50, 60] = 50
    noise_mv: Annotated[float, Field(ge=0, le=1)] = 0.02
    lead_dropout: Fraction = 0.1
    lead_dropout_ecgs: Fraction = 0.5
    mask_s: NotNegative = 0.0

    @model_validator(mode="after")
    def _check(self) -> "ViewSettings":
        if self.crop_s is not None and self.mask_s > self.crop_s / 2:
            raise ValueError(f"mask_s must not exceed half of crop_s ({self.crop_s:g}), got {self.mask_s:g}")
        return self


class PretrainSettings(Frozen):
    """How an encoder is pretrained, by most objectives without labels.

    Attributes:
        objective: Key of `hemometric.objectives.OBJECTIVES`.
        encoder: Key of `hemometric.encoders.ENCODERS`. `tfc` takes the one of two branches, `compact-tf` for `compact`.
        sampling_rate_hz: What the encoder reads.
        duration_s: Length of the window that the encoder reads.
        band_hz: Lower and upper edge of the band-pass that every ECG goes through first; None filters nothing.
        batch_size: ECGs in a step; None as the objective's recipe says.
        n_passes: ECGs that go through the encoder in all (steps times batch size).
        n_patients: Training patients whose ECGs are read, drawn at random by `seed`, the fewer a part of the more; None:
            all. The validation split stays whole. Refused for objectives with labels.
        optimizer: "adam" (weight decay is added to the gradient) or "adamw" (decoupled); None: the recipe.
        learning_rate: After warm-up; falls to 0 along a cosine. None: the recipe.
        weight_decay: None: the recipe.
        warmup_steps: Steps over which the learning rate rises linearly.
        gradient_clip: Largest norm of the gradient.
        temperature: Of the contrasts, among them supcon; Rank-N-Contrast has the 2 of its paper.
        margin: Of the triplet loss, on squared distances; of the margin loss, on distances of unit vectors.
        n_farthest: The negative is drawn from so many of the farthest; None: from all others (all that are farther).
        clocs_variant: Views of one ECG: "cmsc" two halves in time, "cmlc" leads, "cmsmlc" leads of both halves.
        clocs_leads: Leads that a step of cmlc and cmsmlc looks at, drawn anew for each.
        tfc_margin: Delta of the published consistency loss of TF-C; None: the loss of its authors' released trainer.
        target: For objectives with labels, a key of `hemometric.targets.TARGETS`; None: "mpcwp". Refused for others.
        n_labels: Training patients whose labels are used; None uses all. Refused for objectives without labels.
        metric_loss: Of `supervised-dml`. "rnc" and "log-ratio" need the target itself, "supcon" needs an event.
        event: Metric learning on the classes of an event of the target, such as "mpcwp>15"; None: on the target.
        miner: Of triplets from the classes of an event.
        beta: What the learnable boundaries of the margin loss start from.
        alpha: Weight of the metric loss beside the task loss of `joint`.
        joint_metric: Metric loss of `joint`: "partners" as in `default`, "mined" as in `dml-dtw`.
        event_weight: Weight of the events' cross-entropy beside the squared error in the task loss of `joint`.
        distance: What is near for objectives that mine the batch, a key of `hemometric.distances.DISTANCES`; None: what
            the objective is named after.
        dtw_rate_hz: Rate at which strips are compared in a batch.
        band_ms: Half width of the Sakoe-Chiba band; None: a tenth of what is compared (1 s of a strip).
        pair_memory_mib: Room to remember distances of pairs from batch to batch, 12 bytes each.
        neighbors: For `default` and `joint`, partners of patients with one ECG: nearest over the archive by a distance
            that it can be mined by, "embedding" (from the first refresh on), or "none" (then another view of itself).
        n_neighbors: The partner is one of so many nearest training ECGs of other patients.
        refresh_epochs: Neighbours are found anew by the embedding after so many rounds of the data; None: never.
        exclude_neighbors: ECGs of a batch that are neighbours of each other are no negatives.
        single_ecg_patients: For patient contrast, of a patient with one ECG: "leave-out", or "two-views" of it.
        views: Ranges of the random views.
        precision: "auto" takes bf16 on CUDA and on processors with AMX, fp32 elsewhere.
        n_validations: How often the whole validation split is looked at.
        patience: Stop after so many looks without a better loss; None runs to the end.
        checkpoint_every: Steps between checkpoints.
        seed: Of weights, batches and views.
        memory_gib: The prepared ECGs are kept in memory if they need no more than this.
    """

    objective: str = "pclr"
    encoder: str = "compact"
    sampling_rate_hz: Positive = 100.0
    duration_s: Positive = 10.0
    band_hz: tuple[Positive, Positive] | None = (0.5, 40.0)
    batch_size: Annotated[int, Field(ge=4)] | None = None
    n_passes: Count = 500_000
    n_patients: Count | None = None
    optimizer: Literal["adam", "adamw"] | None = None
    learning_rate: Positive | None = None
    weight_decay: NotNegative | None = None
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    gradient_clip: Positive = 5.0
    temperature: Positive = 0.1
    margin: Positive = 0.2
    n_farthest: Count | None = None
    clocs_variant: Literal["cmsc", "cmlc", "cmsmlc"] = "cmsc"
    clocs_leads: Annotated[int, Field(ge=2, le=4)] = 2
    tfc_margin: NotNegative | None = None
    target: str | None = None
    n_labels: Count | None = None
    metric_loss: Literal["triplet", "margin", "angular", "rnc", "log-ratio", "supcon"] = "triplet"
    event: str | None = None
    miner: Literal["semi-hard", "soft-hard", "batch-hard"] = "semi-hard"
    beta: Positive = 1.2
    alpha: NotNegative = 1.0
    joint_metric: Literal["partners", "mined"] = "partners"
    event_weight: NotNegative = 0.5
    distance: str | None = None
    dtw_rate_hz: Positive = 25.0
    band_ms: NotNegative | None = None
    pair_memory_mib: NotNegative = 64.0
    neighbors: str = "features"
    n_neighbors: Count = 10
    refresh_epochs: Count | None = None
    exclude_neighbors: bool = False
    single_ecg_patients: Literal["leave-out", "two-views"] = "leave-out"
    views: ViewSettings = ViewSettings()
    precision: Precision = "auto"
    n_validations: Count = 10
    patience: Count | None = None
    checkpoint_every: Count = 100
    seed: Annotated[int, Field(ge=0)] = 0
    memory_gib: NotNegative = 4.0

    @model_validator(mode="after")
    def _check(self) -> "PretrainSettings":
        _check_band(self.band_hz, self.sampling_rate_hz)
        _check_crop(self.views, self.duration_s)
        return self


class FinetuneSettings(Frozen):
    """How a pretrained (or new) encoder is fitted to catheter labels.

    Attributes:
        target: Key of `hemometric.targets.TARGETS`.
        n_labels: Training patients whose labels are used; None uses all. Validation, calibration and test stay whole.
        method: "finetune" trains from the head's first weights on. "probe" is a linear head on the frozen encoder, by
            ridge regression alone. "probe-then-finetune" starts from that probe, trains everything, and keeps the probe
            where no learning rate does better on the validation labels (Kumar et al. 2022).
        freeze: Leave the encoder as it is and train the heads alone; "probe" implies it.
        head: "mlp" as in the paper (128, batch norm, ReLU, dropout 0.3, 1), or "linear", which starts from a ridge fit.
            None: "linear" with a probe, else "mlp".
        with_features: Give the heads the hand-made features of `hemometric.waveform.FEATURES` beside the embedding.
        n_members: Models that are fitted with different random numbers and averaged; their spread says how far an
            estimate can be relied on. 1: no ensemble.
        events: Where probabilities come from: "head", the event head's logits; "estimate", how far the estimate lies
            beyond the event's threshold; "both", the mean of the two logits; "auto", whichever has the lowest log loss
            on the calibration labels.
        encoder: None: that of the source run, or "compact" without one.
        sampling_rate_hz: None: that of the source run, or 100.
        duration_s: None: that of the source run, or 10. (The resolved settings of a run name all four.)
        band_hz: None: that of the source run, or 0.5-40 Hz without one; "off" filters nothing.
        learning_rates: Each is tried; the lowest validation loss wins. The same grid for every source.
        layer_decay: The learning rate of each layer of the encoder as a multiple of that of the layer after it, the
            last one's as a multiple of the heads'; 1: the same for all (Clark et al. 2020, ELECTRA, 3.2).
        weight_decay: Decoupled (AdamW).
        batch_size: Labelled ECGs in a step.
        n_steps: None: 20 rounds of the labelled ECGs, at least 300 and at most 1,000 steps.
        warmup_steps: Steps over which the learning rate rises linearly.
        gradient_clip: Largest norm of the gradient.
        event_weight: Weight of the events' cross-entropy beside the mean squared error of the standardised target.
        views: Ranges of the random views; not used with `freeze`.
        precision: As in `PretrainSettings`.
        n_validations: How often the validation labels are looked at.
        patience: Stop after so many looks without a better loss; None runs to the end. From a good encoder the loss
            first rises and falls below the start only as the learning rate decays: patience would end it before.
        checkpoint_every: Steps between checkpoints.
        coverage: Nominal coverage of the interval.
        seed: Of weights, label subset, batches and views.
        memory_gib: The prepared labelled ECGs are kept in memory if they need no more than this.
    """

    target: str = "mpcwp"
    n_labels: Count | None = None
    method: Literal["finetune", "probe", "probe-then-finetune"] = "finetune"
    freeze: bool = False
    head: Literal["mlp", "linear"] | None = None
    with_features: bool = False
    n_members: Count = 1
    events: Literal["auto", "both", "head", "estimate"] = "auto"
    encoder: str | None = None
    sampling_rate_hz: Positive | None = None
    duration_s: Positive | None = None
    band_hz: tuple[Positive, Positive] | Literal["off"] | None = None
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)] = (5e-4, 2e-3)
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    weight_decay: NotNegative = 1e-2
    batch_size: Annotated[int, Field(ge=4)] = 32
    n_steps: Count | None = None
    warmup_steps: Annotated[int, Field(ge=0)] = 20
    gradient_clip: Positive = 5.0
    event_weight: NotNegative = 0.5
    views: ViewSettings = ViewSettings()
    precision: Precision = "auto"
    n_validations: Count = 25
    patience: Count | None = None
    checkpoint_every: Count = 100
    coverage: Annotated[float, Field(gt=0, lt=1)] = 0.9
    seed: Annotated[int, Field(ge=0)] = 0
    memory_gib: NotNegative = 4.0

    @model_validator(mode="after")
    def _check(self) -> "FinetuneSettings":
        if len(set(self.learning_rates)) < len(self.learning_rates):
            raise ValueError(f"learning_rates must differ from each other, got {self.learning_rates}")
        if self.method != "finetune" and self.head == "mlp":
            raise ValueError(f"head must be linear with method {self.method}: a probe is a linear head")
        if self.method == "probe-then-finetune" and self.freeze:
            raise ValueError("freeze leaves nothing to fine-tune: say method probe for a frozen encoder")
        if self.method == "probe" and self.n_members > 1:
            raise ValueError("n_members must be 1 with method probe: nothing in a probe is random")
        return self


def _check_band(band_hz: tuple[float, float] | None, rate_hz: float) -> None:
    if band_hz is not None and not band_hz[0] < band_hz[1] < rate_hz / 2:
        raise ValueError(
            f"band_hz must be two rising frequencies below half the sampling rate ({rate_hz / 2:g} Hz), "
            f"got {band_hz[0]:g} and {band_hz[1]:g}"
        )


def _check_crop(views: ViewSettings, duration_s: float) -> None:
    if views.crop_s is not None and views.crop_s > duration_s:
        raise ValueError(f"views.crop_s must not exceed duration_s ({duration_s:g}), got {views.crop_s:g}")


def load_settings(model: type[Model], *, config: Path | None = None, overrides: Sequence[str] = ()) -> Model:
    """Read settings from a TOML file and from `key=value` texts, the later ones winning.

    Args:
        model: `PretrainSettings`, `FinetuneSettings` or any other pydantic model.
        config: A TOML file, or None. Nested settings are tables (`[views]`).
        overrides: Texts such as `learning_rate=1e-3`, `views.crop_s=6` or `objective=dml-dtw`. A value is read as TOML
            and, where it is none, as the text itself; `none` is None.

    Raises:
        SettingsError: All that is wrong, in one message: unknown names with the nearest known one, values out of range.

    Examples:
        >>> load_settings(PretrainSettings, overrides=["n_passes=1000", "views.crop_s=none"]).n_passes
        1000
    """
    values: dict[str, object] = {} if config is None else _read_toml(config)
    problems: list[str] = []
    for override in overrides:
        problem = _apply(values, override)
        if problem is not None:
            problems.append(problem)
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        problems.extend(_explain(error, model))
    else:
        if not problems:
            return settings
    where = f"{config}: " if config is not None else ""
    raise SettingsError(where + "; ".join(problems))


def _read_toml(config: Path) -> dict[str, object]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{config}: cannot be read ({error.strerror}): give an existing TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{config}: is not TOML: {error}") from error


def _apply(values: dict[str, object], override: str) -> str | None:
    """Put one `key=value` into nested `values`; return what is wrong with it, if anything."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        return f"{override!r} is not of the form key=value"
    *tables, name = key.split(".")
    for table in tables:
        inner = values.setdefault(table, {})
        if not isinstance(inner, dict):
            return f"{key}: {table} is not a table"
        values = inner
    values[name] = _parse(text.strip())
    return None


def _parse(text: str) -> object:
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        path = tuple(part for part in problem["loc"] if isinstance(part, str) and part.isidentifier())
        name = ".".join(str(part) for part in problem["loc"] if part in path)
        if problem["type"] == "extra_forbidden":
            yield _unknown(".".join(map(str, problem["loc"])), _names(model))
        elif problem["type"] == "missing":
            yield f"{name} is missing: give it in the TOML file or as {name}=..."
        elif name:
            yield f"{name}: {problem['msg'].lower().removeprefix('value error, ')}, got {problem['input']!r}"
        else:
            yield problem["msg"].removeprefix("Value error, ")


def _names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """All names of a model, those of nested models with a dot."""
    names = []
    for name, info in model.model_fields.items():
        names.append(prefix + name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names.extend(_names(info.annotation, prefix=f"{name}."))
    return names


def _unknown(name: str, known: Sequence[str]) -> str:
    return f"unknown setting {name!r}{suggest(name, known)}"


def suggest(name: str, known: Sequence[str]) -> str:
    """Return ", did you mean 'x'?" for the nearest known name, or the list of those there are.

    Examples:
        >>> suggest("learing_rate", ["learning_rate", "seed"])
        ", did you mean 'learning_rate'?"
    """
    near = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {near[0]!r}?" if near else f": expected one of {', '.join(known)}"


def differences(old: Mapping[str, object], new: Mapping[str, object], prefix: str = "") -> list[str]:
    """Name every setting in which two resolved (JSON) settings differ, with both values.

    Examples:
        >>> differences({"seed": 0, "views": {"crop_s": 8.0}}, {"seed": 1, "views": {"crop_s": 8.0}})
        ['seed was 0, now 1']
    """
    found = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found.extend(differences(before, after, prefix=f"{prefix}{name}."))
        elif before != after:
            found.append(f"{prefix}{name} was {before}, now {after}")
    return found
