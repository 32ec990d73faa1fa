"""What a model reads and says (`contract.json`), and the one way in which an ECG is made ready for it."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from hemometric.ecg import LEADS, Waveform
from hemometric.errors import RunError, SettingsError
from hemometric.settings import suggest
from hemometric.targets import Target
from hemometric.waveform import bandpass, resample


class TargetContract(BaseModel):
    """One target of a fine-tuned model.

    Attributes:
        name: Of the target, as `hemometric.targets.find_target` takes it.
        unit: Of every estimate.
        label_mean: Of the training labels; undone inside the model.
        label_sd: Of the training labels; undone inside the model.
        events: Keys such as "mpcwp>15", in the order of the event head's outputs.
        head: "mlp", "linear" or "kernel".
        definition: Of a target of the user's own; None for one that is built in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    unit: str
    label_mean: float
    label_sd: float
    events: tuple[str, ...]
    head: Literal["mlp", "linear", "kernel"]
    definition: Target | None = None


class FeatureContract(BaseModel):
    """Hand-made features that the heads read beside the embedding, and how they are standardised.

    Attributes:
        names: As in `hemometric.waveform.FEATURES`.
        centre: What is taken off each, and what stands for a missing one: the median of the training ECGs.
        spread: What each is divided by: their robust standard deviation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    names: tuple[str, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]


class ModelContract(BaseModel):
    """What an encoder was trained to read, and what its heads say.

    Attributes:
        schema_version: Of this file.
        encoder: Key of `hemometric.encoders.ENCODERS`.
        embedding_dim: Width of the embedding.
        sampling_rate_hz: Samples per second after preparation.
        n_samples: Per lead, after preparation.
        leads: Their order.
        unit: Of the samples.
        band_hz: Band-pass before resampling, or None.
        normalisation: "none": amplitudes carry meaning and stay in mV.
        precision: What training computed in; inference computes in float32.
        simulated_pretraining: Whether the encoder was pretrained on simulated ECGs.
        simulated_labels: Whether the heads were fitted to simulated labels.
        targets: What the heads estimate; none in a pretrained run.
        features: Hand-made features that the heads read beside the embedding, or None.
        n_members: Models whose answers are averaged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    encoder: str
    embedding_dim: int
    sampling_rate_hz: float
    n_samples: int
    leads: tuple[str, ...] = LEADS
    unit: Literal["mV"] = "mV"
    band_hz: tuple[float, float] | None
    normalisation: Literal["none"] = "none"
    precision: Literal["fp32", "bf16"]
    simulated_pretraining: bool = False
    simulated_labels: bool = False
    targets: tuple[TargetContract, ...] = ()
    features: FeatureContract | None = None
    n_members: int = 1

    @property
    def head_width(self) -> int:
        """Numbers that the heads read about an ECG: its embedding and its hand-made features."""
        return self.embedding_dim + (0 if self.features is None else len(self.features.names))

    @property
    def duration_s(self) -> float:
        """Length of the window that the model reads, in seconds."""
        return self.n_samples / self.sampling_rate_hz

    @property
    def trained_on_simulated(self) -> bool:
        """Whether simulated ECGs or labels had a part in the weights."""
        return self.simulated_pretraining or self.simulated_labels

    def choose_target(self, name: str | None) -> TargetContract:
        """The target of a name, the first one of none.

        Raises:
            SettingsError: The model does not estimate it.
        """
        names = [target.name for target in self.targets]
        if name is not None and name not in names:
            raise SettingsError(f"the run does not estimate {name!r}{suggest(name, names)}")
        return self.targets[0 if name is None else names.index(name)]


def read_contract(path: Path) -> ModelContract:
    """Read `contract.json`.

    Raises:
        RunError: It is missing, not JSON, or of another version.
    """
    try:
        return ModelContract.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RunError(f"{path}: missing: this is not a finished run") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RunError(f"{path}: {where}: {first['msg']}; the run was made by another version of hemometric") from error


def why_unreadable(*, sampling_rate_hz: float, contract: ModelContract) -> str | None:
    """Say, with numbers, why a model cannot read ECGs of this sampling rate; None where it can.

    A model with a band-pass needs a rate above twice its upper edge; one without needs its own rate.
    """
    if contract.band_hz is not None:
        needed = 2 * contract.band_hz[1]
        if sampling_rate_hz > needed:
            return None
        reason = f"its band-pass up to {contract.band_hz[1]:g} Hz needs more than {needed:g}"
    else:
        if sampling_rate_hz >= contract.sampling_rate_hz:
            return None
        reason = f"without a band-pass it needs at least {contract.sampling_rate_hz:g}"
    return f"the ECG has {sampling_rate_hz:g} samples per second, too few for this model: {reason}"


def prepare(waveform: Waveform, *, sampling_rate_hz: float, contract: ModelContract) -> Waveform:
    """Make ECGs ready for a model: band-pass at their own rate, then resample. All steps are linear in the leads.

    Pretraining, fine-tuning and inference all come through here, so that they cannot differ.

    Args:
        waveform: Shape (..., n_leads, n_samples) mV, n_leads 12 or the eight independent ones, as long as the
            contract's window (to within a sample).
        sampling_rate_hz: Of the waveform.
        contract: Of the model.

    Returns:
        Shape (..., n_leads, contract.n_samples), float32 mV.

    Raises:
        RunError: The rate is too low, or the length is not the contract's.
    """
    problem = why_unreadable(sampling_rate_hz=sampling_rate_hz, contract=contract)
    if problem is not None:
        raise RunError(problem)
    if contract.band_hz is not None:
        low_hz, high_hz = contract.band_hz
        waveform = bandpass(waveform, sampling_rate_hz=sampling_rate_hz, low_hz=low_hz, high_hz=high_hz)
    prepared = resample(waveform, from_hz=sampling_rate_hz, to_hz=contract.sampling_rate_hz)
    if not contract.n_samples <= prepared.shape[-1] <= contract.n_samples + 1:
        raise RunError(
            f"the ECG has {waveform.shape[-1] / sampling_rate_hz:g} s, the model reads {contract.duration_s:g} s: "
            "cut it to windows of that length, or choose another duration_s"
        )
    return prepared[..., : contract.n_samples]
