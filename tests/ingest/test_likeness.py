import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemometric.ingest import IngestSettings, ingest
from hemometric.ingest.likeness import find_alike


@pytest.mark.parametrize(
    "ids",
    [
        ("abc1", "ABC1"),
        ("0042", "42"),
        ("site-007", "site-7"),
        ("x y", "x  y"),
        ("x y", "xy"),
        ("x y", "x\u00a0y"),
        ("a\u00f6", "ao\u0308"),
        ("\ufeffabc", "abc"),
    ],
)
def test_one_id_in_two_spellings_is_found(ids):
    assert find_alike([*ids, "another", *ids]) == (tuple(sorted(ids)),)


@pytest.mark.parametrize("ids", [("42", "420"), ("1042", "42"), ("0", "00x"), ("a-1", "a1"), ("ptb-xl:7", "ptbdb:7")])
def test_other_ids_are_not(ids):
    assert find_alike(ids) == ()


@given(ids=st.lists(st.text(max_size=6)))
def test_no_id_is_in_two_groups_and_none_alone(ids):
    groups = find_alike(ids)
    named = [one for group in groups for one in group]
    assert len(named) == len(set(named))
    assert set(named) <= set(ids)
    assert all(len(group) > 1 for group in groups)


def test_ingest_warns_of_them_and_takes_none_for_another(tmp_path, make_archive):
    archive, table = make_archive(3), tmp_path / "patients.csv"
    table.write_text("ecg_id,patient_id\nr000,0815\nr001,815\nr002,17\n")
    summary = ingest([archive], out=tmp_path / "store", settings=IngestSettings(metadata=table))
    assert summary.n_patients == 3
    assert "warning: 1 patients may be written in several ways ('0815' and '815'); each id counts" in summary.text()
    secret = tmp_path / "secret"
    secret.write_bytes(b"a secret that is long enough")
    nameless = IngestSettings(metadata=table, deidentify=secret)
    assert "815" not in ingest([archive], out=tmp_path / "nameless", settings=nameless).text().replace(
        str(tmp_path), ""
    )
