"""Which rows of a store each pretraining step reads."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemometric.errors import TrainingError
from hemometric.mining import mine_partners
from hemometric.objectives import Batches
from hemometric.settings import PretrainSettings
from hemometric.store import Store
from hemometric.training.batches import Rows, draw_ecgs, draw_mates, draw_pairs, pair_rows
from hemometric.training.labelled import LabelledEcgs, Role
from hemometric.training.randomness import Purpose, numpy_rng

_MIN_ECGS = 3
_SINGLE: tuple[Batches, ...] = ("ecgs", "labeled-ecgs")
_LABELED: tuple[Batches, ...] = ("labeled-ecgs", "half-labeled")


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
        halves: What half-labeled steps are drawn from; None for others.
    """

    train: list[Rows]
    validation: list[Rows]
    patient_codes: NDArray[np.int64]
    n_left_out: int
    batches: Batches
    batch_size: int
    seed: int
    halves: "_Halves | None" = None

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
        if self.halves is not None:
            n, drawn = self.halves.n_drawn(drawn)
        elif self.batches in _SINGLE:
            n, drawn = len(self.train[0]), self.batch_size
        return n // min(n, drawn)

    def step_rows(self, step: int, neighbors: Rows | None = None) -> Rows:
        """The rows of one step; they depend on its number, the seed and the neighbours alone.

        Args:
            step: 0 or more.
            neighbors: (n_ecgs of the store, k), from which "partners" draw the partner of a patient with one ECG; -1
                where there are none, and then the ECG is its own partner.
        """
        if self.batches in _SINGLE:
            return draw_ecgs(self.train[0], batch_size=self.batch_size, step=step, seed=self.seed)
        if self.halves is not None:
            pairs = self.halves.draw(self.batch_size // 2, step=step, seed=self.seed)
        else:
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


@dataclass(frozen=True, slots=True)
class _Halves:
    """One half of the pairs begins with an ECG that has a label, the other is of patients without.

    Attributes:
        labeled: Rows with a label; drawn in rounds of their own, so that they come again and again. Where they do not
            fill the half of a step, all of them are in it once, and the step is smaller.
        patients: For each of them, all training rows of its patient.
        unlabeled: Training rows of each patient without a label; where there is none, all pairs are labeled.
    """

    labeled: Rows
    patients: list[Rows]
    unlabeled: list[Rows]

    @classmethod
    def of(cls, patients: list[Rows], labeled: Rows, patient_codes: NDArray[np.int64]) -> "_Halves":
        by_code = {int(patient_codes[unit[0]]): unit for unit in patients}
        with_label = {int(code) for code in patient_codes[labeled]}
        others = [unit for code, unit in by_code.items() if code not in with_label]
        return cls(labeled, [by_code[int(code)] for code in patient_codes[labeled]], others)

    def n_drawn(self, n_pairs: int) -> tuple[int, int]:
        """How many a round of the data has, and how many of them a step draws."""
        if self.unlabeled:
            return len(self.unlabeled), n_pairs - n_pairs // 2
        return len(self.labeled), n_pairs

    def draw(self, n_pairs: int, *, step: int, seed: int) -> Rows:
        """The rows of one step: the first ECG of every pair, then the second."""
        n_labeled = n_pairs // 2 if self.unlabeled else n_pairs
        places = draw_ecgs(np.arange(len(self.labeled)), batch_size=n_labeled, step=step, seed=seed)
        rng = numpy_rng(seed, Purpose.LABELS, step + 1)
        pairs = [self._with_mates(places, rng)]
        if self.unlabeled:
            others = draw_pairs(self.unlabeled, n_patients=n_pairs - n_labeled, step=step, seed=seed)
            pairs.append(others.reshape(2, -1))
        return np.concatenate(pairs, axis=1).reshape(-1)

    def split(self, batch_size: int, rng: np.random.Generator) -> list[Rows]:
        """Batches that hold every labeled ECG once as the first of a pair, and at most as many pairs without."""
        order = rng.permutation(len(self.labeled))
        chosen = rng.permutation(len(self.unlabeled))[: len(order)]
        n_batches = max(1, -(-2 * (len(order) + len(chosen)) // batch_size))
        batches = []
        halves = zip(np.array_split(order, n_batches), np.array_split(chosen, n_batches), strict=True)
        for places, others in halves:
            pairs = [self._with_mates(places, rng)]
            if len(others):
                pairs.append(pair_rows([self.unlabeled[place] for place in others], rng=rng).reshape(2, -1))
            batches.append(np.concatenate(pairs, axis=1).reshape(-1))
        return batches

    def _with_mates(self, places: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        rows = self.labeled[places]
        return np.stack([rows, draw_mates(rows, [self.patients[place] for place in places], rng=rng)])


def plan_pretraining(
    store: Store,
    *,
    batches: Batches,
    settings: PretrainSettings,
    batch_size: int,
    labels: Mapping[Role, LabelledEcgs] | None = None,
) -> PretrainingPlan:
    """Choose the rows of a store's training and validation splits. Calibration and test rows are never read.

    Args:
        store: Where the ECGs lie.
        batches: "patient-pairs" draws two ECGs of each patient. A patient with one ECG is left out, or paired with
            another view of it, as `settings.single_ecg_patients` says; for "partners" nobody is left out. The others
            as in `hemometric.objectives.Objective`.
        settings: `seed`, `n_patients` and `single_ecg_patients` are used, and the objective's name in errors.
        batch_size: ECGs in a step.
        labels: Those that may be seen, for "labeled-ecgs" and "half-labeled".

    Raises:
        TrainingError: There are too few training ECGs, fewer patients than `n_patients`, or pairs are asked for and no
            patient has two.
        ValueError: Labels are needed and not given.
    """
    patients = np.array(store.ecgs["patient_id"].to_pylist(), dtype=np.str_)
    codes = np.unique(patients, return_inverse=True)[1].astype(np.int64)
    splits = store.splits()
    labeled = _labeled_rows(labels, batches)
    rows = {name: np.flatnonzero(splits == name).astype(np.int64) for name in ("train", "validation")}
    if batches == "labeled-ecgs":
        rows = labeled
    if settings.n_patients is not None:
        rows["train"] = _of_fewer_patients(rows["train"], codes, settings.n_patients, seed=settings.seed, store=store)
    pairs = batches not in _SINGLE
    train, validation, n_left_out = [rows["train"]], [rows["validation"]], 0
    if pairs:
        every = [_by_patient(chosen, codes) for chosen in (rows["train"], rows["validation"])]
        least = 2 if batches == "patient-pairs" and settings.single_ecg_patients == "leave-out" else 1
        train, validation = ([unit for unit in units if len(unit) >= least] for units in every)
        n_left_out = sum(map(len, every)) - len(train) - len(validation)
    _check_enough(train, pairs=pairs, store=store, objective=settings.objective)
    halves = _Halves.of(train, labeled["train"], codes) if batches == "half-labeled" else None
    rng = numpy_rng(settings.seed, Purpose.VALIDATION)
    if halves is not None:
        looked_at = _Halves.of(validation, labeled["validation"], codes).split(batch_size, rng)
    elif pairs:
        looked_at = _pair_batches(validation, batch_size, rng)
    else:
        looked_at = _ecg_batches(validation[0], batch_size, rng)
    return PretrainingPlan(train, looked_at, codes, n_left_out, batches, batch_size, settings.seed, halves)


def _labeled_rows(labels: Mapping[Role, LabelledEcgs] | None, batches: Batches) -> dict[str, Rows]:
    if batches not in _LABELED:
        return {}
    if labels is None:
        raise ValueError(f"{batches} are drawn by labels: give them")
    return {"train": labels["train"].rows, "validation": labels["validation"].rows}


def _of_fewer_patients(rows: Rows, patient_codes: NDArray[np.int64], n_wanted: int, *, seed: int, store: Store) -> Rows:
    patients = np.unique(patient_codes[rows])
    if n_wanted > len(patients):
        raise TrainingError(
            f"{store.path}: has {len(patients):,} training patients, n_patients={n_wanted:,} are asked for: lower it"
        )
    drawn = numpy_rng(seed, Purpose.ARCHIVE).permutation(patients)[:n_wanted]
    return rows[np.isin(patient_codes[rows], drawn)]


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
