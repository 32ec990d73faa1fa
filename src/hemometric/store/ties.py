"""Patients who come to share an ECG when a store changes, and were in different splits before."""

from collections.abc import Mapping, Sequence

from hemometric.store.reading import Store
from hemometric.store.splits import SPLITS, SPLITS_FILE
from hemometric.store.splitting import describe_rule

BY_HASH = "hash, as it was before"
"""How the rule begins under which a change of a store writes splits down that were by hash."""
_SHOWN = 3


def is_by_hash(store: Store) -> bool:
    """Whether the hash of the patient decides: nobody has given splits, or what is written down are those by hash."""
    if not (store.path / SPLITS_FILE).exists():
        return True
    return SPLITS_FILE in store.manifest.files and describe_rule(store.path).startswith(f"by {BY_HASH}")


def find_torn(splits: Mapping[str, str], *, joined: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Groups of patients who share an ECG, and some of whom are in different splits.

    Args:
        splits: Patient -> split; it need not name everybody.
        joined: As `splits.join_copied` returns it.

    Returns:
        Of each such group the patients who have a split.
    """
    placed = (tuple(patient for patient in group if patient in splits) for group in joined)
    return tuple(group for group in placed if len({splits[patient] for patient in group}) > 1)


def bring_together(splits: Mapping[str, str], *, torn: Sequence[Sequence[str]]) -> dict[str, str]:
    """Where patients go who share an ECG and were in different splits: to the first of these in the order of `SPLITS`.

    So whoever an earlier run may have trained on is still one to train on, and whoever turns out to be the same person
    is tested no more. The other way round that run would be judged on somebody it has seen.

    Args:
        splits: Patient -> split.
        torn: As `find_torn` returns it.

    Returns:
        The new splits of those who move.
    """
    moved: dict[str, str] = {}
    for group in torn:
        first = min((splits[patient] for patient in group), key=SPLITS.index)
        moved |= {patient: first for patient in group if splits[patient] != first}
    return moved


def describe_torn_ties(splits: Mapping[str, str], *, torn: Sequence[Sequence[str]]) -> str:
    """Name the first groups, with the splits."""
    shown = [", ".join(f"{patient!r} ({splits[patient]})" for patient in group[:_SHOWN]) for group in torn[:_SHOWN]]
    more = f" and {len(torn) - _SHOWN:,} more" if len(torn) > _SHOWN else ""
    return f"{'; '.join(shown)}{more}"


def tell_moved(moved: Mapping[str, tuple[str, str]]) -> list[str]:
    """The sentence about patients who had to change the split, where there are any.

    Args:
        moved: Patient -> the split before, and now.
    """
    if not moved:
        return []
    shown = [f"{patient!r} ({before} to {now})" for patient, (before, now) in list(moved.items())[:_SHOWN]]
    more = f" and {len(moved) - _SHOWN:,} more" if len(moved) > _SHOWN else ""
    return [
        f"warning: {len(moved):,} patients share an ECG with one of another split by now and have moved to that one's: "
        f"{', '.join(shown)}{more}; who may have been trained on stays in train"
    ]
