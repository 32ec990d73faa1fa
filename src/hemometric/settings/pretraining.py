"""Settings of pretraining."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hemometric.settings.frozen import Count, Frozen, NotNegative, Positive, Precision
from hemometric.settings.views import ViewSettings


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
        n_patients: Training patients whose ECGs are read, drawn at random by `seed`, the fewer a part of the more;
            None: all. The validation split stays whole. Refused for objectives with labels.
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


def _check_band(band_hz: tuple[float, float] | None, rate_hz: float) -> None:
    if band_hz is not None and not band_hz[0] < band_hz[1] < rate_hz / 2:
        raise ValueError(
            f"band_hz must be two rising frequencies below half the sampling rate ({rate_hz / 2:g} Hz), "
            f"got {band_hz[0]:g} and {band_hz[1]:g}"
        )


def _check_crop(views: ViewSettings, duration_s: float) -> None:
    if views.crop_s is not None and views.crop_s > duration_s:
        raise ValueError(f"views.crop_s must not exceed duration_s ({duration_s:g}), got {views.crop_s:g}")
