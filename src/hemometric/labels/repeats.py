"""Values that another row of the table takes the place of."""

import numpy as np
import pyarrow as pa


def count_repeats(labels: pa.Table) -> tuple[int, int]:
    """Values that a later row with the same patient, target and time takes the place of; those that differ from it.

    Args:
        labels: `LABELS_SCHEMA`.
    """
    keys = np.zeros(labels.num_rows, dtype=np.int64)
    for name in ("patient_id", "target", "measured_at"):
        texts = labels[name].combine_chunks().dictionary_encode()
        keys = keys * len(texts.dictionary) + texts.indices.to_numpy()
        keys = np.unique(keys, return_inverse=True)[1]  # small again, so that no product overflows
    last = np.zeros(labels.num_rows, dtype=np.int64)
    last[keys] = np.arange(labels.num_rows)  # of several rows the last stays
    values = labels["value"].to_numpy()
    n_distinct = int(keys.max(initial=-1)) + 1
    return labels.num_rows - n_distinct, int(np.count_nonzero(values != values[last[keys]]))
