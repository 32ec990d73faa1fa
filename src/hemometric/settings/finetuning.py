"""Settings of fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from hemometric.settings.frozen import Count, Frozen, NotNegative, Positive, Precision
from hemometric.settings.views import ViewSettings


class FinetuneSettings(Frozen):
    """How a pretrained (or new) encoder is fitted to catheter labels.

    Attributes:
        target: Key of `hemometric.targets.TARGETS`.
        more_targets: Others that the same encoder estimates, each by heads of its own. An ECG teaches the targets that
            it has a label of; the loss is the mean over the targets with a label in the batch.
        n_labels: Training patients whose labels are used, of whatever target they have one; None uses all. Validation,
            calibration and test stay whole.
        method: "finetune" trains from the head's first weights on. "probe" is a head on the frozen encoder, by ridge
            regression alone. "probe-then-finetune" starts from that probe, trains everything, and keeps the probe
            where no learning rate does better on the validation labels (Kumar et al. 2022).
        freeze: Leave the encoder as it is and train the heads alone; "probe" implies it.
        head: "mlp" as in the paper (128, batch norm, ReLU, dropout 0.3, 1), or "linear", which starts from a ridge fit.
            "kernel", for a probe: kernel ridge regression on 256 landmarks, which can say curves. None: "linear" with a
            probe, else "mlp".
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
    more_targets: tuple[str, ...] = ()
    n_labels: Count | None = None
    method: Literal["finetune", "probe", "probe-then-finetune"] = "finetune"
    freeze: bool = False
    head: Literal["mlp", "linear", "kernel"] | None = None
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

    @property
    def targets(self) -> tuple[str, ...]:
        """All that is estimated, in the order of the heads."""
        return (self.target, *self.more_targets)

    @model_serializer(mode="wrap")
    def _as_before_there_were_several(self, serialise: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Settings of one target are written as they always were, so that runs and studies of before can go on."""
        found: dict[str, object] = serialise(self)
        if not self.more_targets:
            found.pop("more_targets", None)
        return found

    @model_validator(mode="after")
    def _check(self) -> "FinetuneSettings":
        if len(set(self.targets)) < len(self.targets):
            raise ValueError(f"every target is named once, got {', '.join(self.targets)}")
        if len(set(self.learning_rates)) < len(self.learning_rates):
            raise ValueError(f"learning_rates must differ from each other, got {self.learning_rates}")
        if self.method != "finetune" and self.head == "mlp":
            raise ValueError(f"head must be linear with method {self.method}: a probe is a linear head")
        if self.head == "kernel" and self.method != "probe":
            raise ValueError(f"head kernel is for method probe: its landmarks cannot be trained by {self.method}")
        if self.method == "probe-then-finetune" and self.freeze:
            raise ValueError("freeze leaves nothing to fine-tune: say method probe for a frozen encoder")
        if self.method == "probe" and self.n_members > 1:
            raise ValueError("n_members must be 1 with method probe: nothing in a probe is random")
        return self
