"""How many values, patients and ECGs were left after each step of linking: for people, and as `attrition.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EcgStep:
    """How many are left after a step of the selection.

    Attributes:
        title: Who is left.
        n_patients: Patients.
        n_ecgs: ECGs.
    """

    title: str
    n_patients: int
    n_ecgs: int


@dataclass(frozen=True, slots=True)
class ValueStep:
    """How many catheter values are left after a step.

    Attributes:
        title: What is left.
        n_patients: Patients.
        n_values: Values.
    """

    title: str
    n_patients: int
    n_values: int


@dataclass(frozen=True, slots=True)
class TargetCount:
    """What there is of one target.

    Attributes:
        target: Its name.
        n_values: Usable values, linked or not.
        n_linked: Values that were joined to at least one ECG.
        n_ecgs: ECGs with a value.
        n_patients: Patients with such an ECG.
        median_gap_hours: Of the time between ECG and value, either way; None where no time is known.
        n_dates_only: ECGs of which that time is not known.
    """

    target: str
    n_values: int
    n_linked: int
    n_ecgs: int
    n_patients: int
    median_gap_hours: float | None
    n_dates_only: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSummary:
    """How catheter values and ECGs came together, and what was lost on the way.

    Attributes:
        window_hours: Largest distance.
        side: On which side of the catheterisation an ECG may lie.
        dropped: Values that were left out when the table was read, by reason.
        value_steps: From all values of the table to those that were linked.
        steps: From all ECGs to those with a value.
        targets: What there is of each target.
        n_repeated: Values that a later row with the same patient, target and time takes the place of.
        n_repeated_differing: Those of them that are another number.
        n_order_unknown: ECGs without a value since dates do not tell which came first.
        strangers: Some patients of the table who have no ECG in the store.
        hidden: Whether the store is de-identified, so that its ids are not those of a table.
        alike: One of all such patients, and one of the store whose id differs in leading zeros, a prefix or ".0" alone.
    """

    window_hours: float
    side: str
    dropped: Mapping[str, int]
    value_steps: tuple[ValueStep, ...]
    steps: tuple[EcgStep, ...]
    targets: tuple[TargetCount, ...]
    n_repeated: int
    n_repeated_differing: int
    n_order_unknown: int
    strangers: tuple[str, ...] = ()
    hidden: bool = False
    alike: tuple[str, str] | None = None

    @property
    def n_labels_read(self) -> int:
        """Values of the table."""
        return self.value_steps[0].n_values

    @property
    def n_labels_linked(self) -> int:
        """Values that were joined to at least one ECG."""
        return self.value_steps[-1].n_values

    @property
    def n_labels_unknown_patient(self) -> int:
        """Usable values of patients who have no ECG in the store."""
        return self.value_steps[1].n_values - self.value_steps[2].n_values

    def sentence(self) -> str:
        """The account in one line."""
        dropped = "".join(f", {reason} {count:,}" for reason, count in sorted(self.dropped.items()))
        strangers = f" (such as {', '.join(map(repr, self.strangers))})" if self.strangers else ""
        return (
            f"catheter values: {self.n_labels_read:,} read, {self.n_labels_linked:,} linked within "
            f"{self._where()}; left out: patient not in the store {self.n_labels_unknown_patient:,}{strangers}{dropped}"
        )

    def ecg_sentence(self) -> str:
        """How many ECGs were left after each step, in one line."""
        return "ECGs: " + ", ".join(f"{step.title} {step.n_ecgs:,}" for step in self.steps)

    def text(self) -> str:
        """The account in lines, for people."""
        blocks = [
            [self.sentence()],
            _align(
                ("catheter values", "values", "patients"),
                [(step.title, step.n_values, step.n_patients) for step in self.value_steps],
            ),
            _align(("ECGs", "ECGs", "patients"), [(step.title, step.n_ecgs, step.n_patients) for step in self.steps]),
            _align(
                ("target", "values", "linked", "ECGs", "patients", "median gap, h"),
                [
                    (one.target, one.n_values, one.n_linked, one.n_ecgs, one.n_patients, _hours(one))
                    for one in self.targets
                ],
            ),
            self.remarks(),
        ]
        return "\n".join(line for block in blocks for line in block)

    def to_json(self, *, table: Mapping[str, Any]) -> bytes:
        """The content of `attrition.json`.

        Args:
            table: What else is to be known about the table of values.
        """
        content = {
            "schema_version": 1,
            "window_hours": self.window_hours,
            "side": self.side,
            "table": dict(table),
            "dropped": dict(sorted(self.dropped.items())),
            "values": [asdict(step) for step in self.value_steps],
            "ecgs": [asdict(step) for step in self.steps],
            "targets": [asdict(one) for one in self.targets],
            "n_repeated": self.n_repeated,
            "n_repeated_differing": self.n_repeated_differing,
            "n_order_unknown": self.n_order_unknown,
        }
        return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()

    def _where(self) -> str:
        return f"{self.window_hours:g} h" + ("" if self.side == "both" else f" {self.side} the catheterisation")

    def remarks(self) -> list[str]:
        """What else should be known, a sentence each."""
        remarks = []
        if self.hidden and self.n_labels_unknown_patient:
            remarks.append(
                "the store is de-identified: patients are found only with the secret of the store, and only where the "
                "table writes their ids letter by letter as the ECGs had them"
            )
        if self.alike:
            remarks.append(
                "ids are compared letter by letter: is {!r} of the table {!r} of the store? (as Excel drops leading "
                "zeros)".format(*self.alike)
            )
        if self.n_repeated:
            remarks.append(
                f"{self.n_repeated:,} values repeat patient, target and time of a later row, "
                f"{self.n_repeated_differing:,} of them with another number: the last row counts"
            )
        if self.n_order_unknown:
            remarks.append(
                f"{self.n_order_unknown:,} ECGs are of the day of a value, but dates do not tell whether they are "
                f"{self.side} it: give times, or --side both"
            )
        return remarks


def _hours(one: TargetCount) -> str:
    dates = f" ({one.n_dates_only:,} by date only)" if one.n_dates_only else ""
    return ("unknown" if one.median_gap_hours is None else f"{one.median_gap_hours:.1f}") + dates


def _align(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A table with the first column to the left and numbers to the right, a blank line before it."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in cells
    ]
    return ["", *(line.rstrip() for line in lines)]
