import pyarrow as pa

from hemometric.store import Double, find_doubles, list_doubles


def table(*rows):
    return pa.table(dict(zip(("ecg_id", "patient_id", "content_hash"), zip(*rows, strict=True), strict=True)))


def test_exact_copies_are_found_in_the_order_of_the_store():
    ecgs = table(("a", "p", "1"), ("b", "q", "2"), ("c", "r", "1"), ("d", "q", "2"), ("e", "s", "3"), ("f", "t", "1"))
    assert find_doubles(ecgs) == (Double(("a", "c", "f"), ("p", "r", "t")), Double(("b", "d"), ("q", "q")))


def test_unknown_content_is_no_copy():
    assert find_doubles(table(("a", "p", ""), ("b", "q", ""))) == ()


def test_copies_under_different_patients_are_listed_first_with_them():
    doubles = [Double(("b", "d"), ("q", "q")), Double(("a", "c"), ("p", "r")), Double(("x", "y"), ("z", "z"))]
    assert list_doubles(doubles, most=2) == ["a (patient p) = c (patient r)", "b = d (patient q)", "... and 1 more"]
    assert len(list_doubles(doubles, most=3)) == 3
