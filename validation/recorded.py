"""Recorded normals beside simulated ones: how far apart they still are."""

from validation.realism import compare
from validation.sections import Section, Task, as_table

_TITLE = "Recorded and simulated"


def report(task: Task) -> Section:
    """Run the two-sample comparison, or say that there were no recordings to compare with."""
    if task.data is None:
        return Section(_TITLE, "Not compared in this run: no recordings were given (`--data`).")
    found = compare(task.data)
    rows = [
        (
            group.name,
            str(group.n_features),
            f"{group.auroc:.3f} [{group.low:.3f}, {group.high:.3f}]",
            ", ".join(f"`{name}` {d:+.2f}" for name, d in group.largest),
        )
        for group in found.groups
    ]
    body = "\n\n".join(
        [
            f"{found.n_real} recorded normals of PTB-XL (Wagner et al. 2020, CC BY 4.0), of the half that the "
            f"simulator's normal beats were not fitted to, and {found.n_simulated} simulated normals of like age and "
            "sex, measured by the same code. A classifier is trained to tell them apart: an AUROC of .5 would mean "
            "that it cannot, 1 that it always can. The better of two classifiers is shown, cross-validated, with its "
            "95 % interval; d is the difference simulated minus recorded in pooled SDs.",
            as_table(("features", "how many", "AUROC of telling apart", "largest differences, d"), rows),
            "No claim of realism goes beyond these figures: what was learned on simulated ECGs may rest on what "
            "tells them apart.",
        ]
    )
    return Section(_TITLE, body)
