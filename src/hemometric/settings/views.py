"""Settings of the random views."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hemometric.settings.frozen import Fraction, Frozen, NotNegative, Positive


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
