from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

from hemometric.datasets import Dataset, Facts
from hemometric.datasets.ptb_xl import find_facts


def test_what_is_not_known_is_none():
    assert Facts() == Facts(patient_id=None, age_years=None, sex=None, acquired_at=None, notes=())


def test_a_dataset_answers_by_its_lookup_and_can_go_to_another_process():
    known = Facts(patient_id="a:1")
    dataset = Dataset(name="a", root=Path("/a"), lookup=partial(find_facts, {"x": known}))
    assert dataset.facts(Path("/a/b/x.hea")) == known
    assert dataset.facts(Path("/a/b/y.hea")) == Facts()
    assert len(ForkingPickler.dumps(dataset)) > 0
