"""Which rows of a store each pretraining step reads."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import TrainingError
from hemometric.mining import mine_partners
from hemometric.settings import PretrainSettings
from hemometric.store import Store
from hemometric.training.batches import Rows, draw_ecgs, draw_pairs, pair_rows
from hemometric.training.randomness import Purpose, numpy_rng

Batches = Literal["ecgs", "patient-pairs", "partners"]

_MIN_ECGS = 3


@dataclass(frozen=True, slots=True)
class PretrainingPlan:
    """The rows of every step and of every validation batch.

    Attributes:
        train: The training rows: of each patient where pairs are drawn, else all in one array.
        validation: The rows of each validation batch, the same at every look; none where the split is too small.
        patient_codes: A whole number for the patient of each row of the store.
        n_left_out: Patients with one ECG whom patient contrast leaves out.
        batches: As in `hemometric.objectives.Objective`.
        batch_size: ECGs in a step, as far as there are so many.
        seed: Of every draw.
    """

    train: list[Rows]
    validation: list[Rows]
    patient_codes: NDArray[np.int64]
    n_left_out: int
    batches: Batches
    batch_size: int
    seed: int

    @property
    def train_rows(self) -> Rows:
        """Every row that is trained on."""
        return np.concatenate(self.train)

    @property
    def rows(self) -> Rows:
        """Every row that is read."""
        return np.concatenate([*self.train, *self.validation])

    @property
    def steps_per_epoch(self) -> int:
        """Steps until every training patient (or ECG, where single ones are drawn) came once."""
        n, drawn = len(self.train), self.batch_size // 2
        if self.batches == "ecgs":
            n, drawn = len(self.train[0]), self.batch_size
        return n // min(n, drawn)

    def step_rows(self, step: int, neighbors: Rows | None = None) -> Rows:
        """The rows of one step; they depend on its number, the seed and the neighbours alone.

        Args:
            step: 0 or more.
            neighbors: (n_ecgs of the store, k), from which "partners" draw the partner of a patient with one ECG; -1
                where there are none, and then the ECG is its own partner.
        """
        if self.batches == "ecgs":
            return draw_ecgs(self.train[0], batch_size=self.batch_size, step=step, seed=self.seed)
        pairs = draw_pairs(self.train, n_patients=self.batch_size // 2, step=step, seed=self.seed)
        if self.batches == "patient-pairs" or neighbors is None:
            return pairs
        first, second = pairs.reshape(2, -1)
        alone = first == second
        rng = numpy_rng(self.seed, Purpose.PARTNERS, step)
        partners, _ = mine_partners(
            first[alone], neighbors, patient_codes=self.patient_codes, same_patient_positives=False, rng=rng
        )
        second[alone] = np.where(partners >= 0, partners, first[alone])
        return pairs


def plan_pretraining(store: Store, *, batches: Batches, settings: PretrainSettings, batch_size: int) -> PretrainingPlan:
    """Choose the rows of a store's training and validation splits. Calibration and test rows are never read.

    Args:
        store: Where the ECGs lie.
        batches: "patient-pairs" draws two ECGs of each patient. A patient with one ECG is left out, or paired with
            another view of it, as `settings.single_ecg_patients` says; for "partners" nobody is left out.
        settings: `seed` and `single_ecg_patients` are used, and the objective's name in errors.
        batch_size: ECGs in a step.

    Raises:
        TrainingError: There are too few training ECGs, or pairs are asked for and no patient has two.
    """
    patients = np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_)
    codes = np.unique(patients, return_inverse=True)[1].astype(np.int64)
    splits = store.splits()
    pairs = batches != "ecgs"
    rows = {name: np.flatnonzero(splits == name).astype(np.int64) for name in ("train", "validation")}
    least = 1 if batches == "partners" or settings.single_ecg_patients == "two-views" else 2
    n_left_out = 0
    train, validation = [rows["train"]], [rows["validation"]]
    if pairs:
        every = [_by_patient(chosen, codes) for chosen in (rows["train"], rows["validation"])]
        train, validation = ([unit for unit in units if len(unit) >= least] for units in every)
        n_left_out = sum(map(len, every)) - len(train) - len(validation)
    _check_enough(train, pairs=pairs, store=store, objective=settings.objective)
    rng = numpy_rng(settings.seed, Purpose.VALIDATION)
    return PretrainingPlan(
        train=train,
        validation=_pair_batches(validation, batch_size, rng)
        if pairs
        else _ecg_batches(validation[0], batch_size, rng),
        patient_codes=codes,
        n_left_out=n_left_out,
        batches=batches,
        batch_size=batch_size,
        seed=settings.seed,
    )


def _by_patient(rows: Rows, patient_codes: NDArray[np.int64]) -> list[Rows]:
    if not len(rows):
        return []
    ordered = rows[np.argsort(patient_codes[rows], kind="stable")]
    _, starts = np.unique(patient_codes[ordered], return_index=True)
    return np.split(ordered, starts[1:])


def _check_enough(train: list[Rows], *, pairs: bool, store: Store, objective: str) -> None:
    if pairs and not train:
        raise TrainingError(
            f"{store.path}: no training patient has two ECGs, which {objective} needs: use the objective default or "
            "dml-dtw, or single_ecg_patients=two-views"
        )
    n_ecgs = sum(map(len, train))
    if n_ecgs < _MIN_ECGS or (pairs and len(train) < 2):
        of_whom = f" of {len(train)} patients" if pairs else ""
        raise TrainingError(f"{store.path}: {n_ecgs} ECGs{of_whom} are too few to train {objective} on: ingest more")


def _pair_batches(patients: list[Rows], batch_size: int, rng: np.random.Generator) -> list[Rows]:
    order = rng.permutation(len(patients))
    size = max(batch_size // 2, 2)
    chunks = [[patients[place] for place in order[start : start + size]] for start in range(0, len(order), size)]
    return [pair_rows(chunk, rng=rng) for chunk in chunks if len(chunk) > 1]


def _ecg_batches(rows: Rows, batch_size: int, rng: np.random.Generator) -> list[Rows]:
    shuffled = rng.permutation(rows)
    batches = [shuffled[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    return [batch for batch in batches if len(batch) >= _MIN_ECGS]
