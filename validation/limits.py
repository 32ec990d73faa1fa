"""What the simulator lacks, for those who are about to use it."""

from validation.sections import Section, Task

_BODY = """
- **It is no evidence about people.** Nothing that a model reaches here says what it would reach in a clinic. A number
  measured on it may be reported only with the word "simulated", the simulator's version, the seed and the coupling.
- **The link from heart to ECG is a list of published correlates**, made linear, with normal noise and chosen sizes.
  A network can find nothing here that is not on this list; what real ECGs hold beyond it is missing, and how much the
  correlates hang together in people is known only in part.
- **Steady states only.** No exercise, no respiration in the pressures, no transients, no shunts, no stenosed valve, no
  tricuspid regurgitation of its own, no inotropes, no assist devices; ventricles interact through the pericardium
  alone, not through the septum. The kidneys' correction and diuretics are rules, not physiology.
- **No coronary disease**: no infarct, Q waves, ischaemia or scar, which are frequent in a catheterisation laboratory.
- **Rhythms**: sinus rhythm, atrial fibrillation, ventricular premature beats of one form, right ventricular pacing.
  No flutter, atrial premature beats, second or third degree block, pre-excitation, biventricular pacing.
- **No electrolytes, no fever, no thyroid, no left anterior block, no children, no race**; drugs are three, with one
  effect each.
- **Electrodes are never swapped**, leads never fall off, and noise is stationary over a recording.
- **It is separable from recorded ECGs**: see "Recorded and simulated". A network may therefore use features of the
  waveform that do not exist in people.
- **Missing labels** depend on heart failure and wedge pressure by one chosen logistic law.
- **Not for**: training a model that is to be used on people, choosing thresholds, estimating prevalence, comparing
  groups of people, or showing that a method works clinically. **For**: tests, teaching, benchmarks of speed, debugging,
  comparison of methods where all see the same data, and studies of what a design can find when the truth is known.
""".strip()


def report(_: Task) -> Section:
    """Say what is missing."""
    return Section("What it is not", _BODY)
