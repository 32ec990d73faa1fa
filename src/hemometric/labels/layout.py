"""How a table of catheter values is laid out: which column is what, long (a value per row) or wide (a column each)."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hemometric.errors import SettingsError
from hemometric.labels.units import find_unit
from hemometric.settings import suggest
from hemometric.targets import Target

WHO_AND_WHEN = ("patient_id", "measured_at")
LONG_COLUMNS = (*WHO_AND_WHEN, "target", "value", "unit")
FIELDS = (*LONG_COLUMNS, "method")


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A column that holds values of one target.

    Attributes:
        target: Name of the target.
        header: Of the column.
        unit: In which its values are written, as its target knows it.
    """

    target: str
    header: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything stands in a table; by default a long one with our names.

    Attributes:
        columns: Field, one of `FIELDS` -> header, where it has another name; "a+b" joins a date and a time column.
        wide: Columns of values, of a wide table; none: the table is long.
        names: Text in the target column -> target, where they have other names; then other rows are not asked for.
        units: Target -> unit of the rows that state none.
        date_formats: As `datetime.strptime` takes them, tried in turn; none: ISO 8601.
        decimal_comma: Whether 12,5 is twelve and a half.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    wide: tuple[ValueColumn, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    date_formats: tuple[str, ...] = ()
    decimal_comma: bool = False

    def header(self, name: str) -> str:
        """The header of a field."""
        return self.columns.get(name, name)

    def find_columns(self, headers: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The columns in which each field stands; a field that is not needed and not there is left out.

        Args:
            headers: Of the table.

        Raises:
            ValueError: A column is not there; the message names all, and the nearest of those that are.
        """
        needed: tuple[str, ...] = WHO_AND_WHEN if self.wide else LONG_COLUMNS
        if self.units and "unit" not in self.columns:
            needed = tuple(name for name in needed if name != "unit")
        found, missing = {}, []
        for name in FIELDS if not self.wide else (*WHO_AND_WHEN, "method"):
            header = self.header(name)
            parts = (header,) if header in headers else tuple(part.strip() for part in header.split("+"))
            if all(part in headers for part in parts):
                found[name] = parts
            elif name in needed or name in self.columns:
                missing += [part for part in parts if part not in headers]
        missing += [column.header for column in self.wide if column.header not in headers]
        repeated = [part for parts in found.values() for part in parts if headers.count(part) > 1]
        if missing or repeated:
            problem = f"found: {', '.join(headers) or 'none'}; say what is called otherwise with --columns FIELD=COLUMN"
            if "unit" in missing:
                problem += ", or a unit that stands nowhere with --units TARGET=UNIT"
            if repeated:
                problem = f"column {repeated[0]!r} stands there twice; " + problem
            raise ValueError("; ".join([f"column {_hint(name, headers)} is missing" for name in missing] + [problem]))
        return found


def parse_layout(  # noqa: PLR0913  (one argument for each option of the command)
    *,
    targets: Mapping[str, Target],
    columns: Iterable[str] = (),
    wide: Iterable[str] = (),
    names: Iterable[str] = (),
    units: Iterable[str] = (),
    date_formats: Sequence[str] = (),
    decimal_comma: bool = False,
) -> Layout:
    """Read a layout as it stands on the command line.

    Args:
        targets: Those there are, by name.
        columns: Texts such as "patient_id=MRN,measured_at=cath_date".
        wide: Texts such as "mpcwp=PCWP_mean:mmHg".
        names: Texts such as "mpcwp=PCW mean", the name that the table has for a target.
        units: Texts such as "mpcwp=mmHg".
        date_formats: As in `Layout`.
        decimal_comma: As in `Layout`.

    Raises:
        SettingsError: A text is not of that form, or names a field, target or unit that there is not.
    """
    fields: dict[str, str] = {}
    for name, header in _pairs(columns, option="--columns", example="patient_id=MRN"):
        if name not in FIELDS:
            raise SettingsError(f"--columns: unknown field {name!r}{suggest(name, FIELDS)}")
        fields[name] = header
    values = [_parse_value_column(text, targets=targets) for text in wide]
    for name in ("target", "value", "unit"):
        if values and name in fields:
            raise SettingsError(
                f"--columns {name}=... is for a table with a value per row, --column for one with a column per target: "
                "leave one of them out"
            )
    renamed = {
        text: _find(name, targets, option="--names").name
        for name, text in _pairs(names, option="--names", example='"mpcwp=PCW mean"')
    }
    stated = {}
    for name, text in _pairs(units, option="--units", example="mpcwp=mmHg"):
        target = _find(name, targets, option="--units")
        stated[target.name] = _unit(text, target, option="--units")
    if values and (renamed or stated):
        raise SettingsError("--names and --units are for a table with a value per row: --column states target and unit")
    return Layout(
        columns=fields,
        wide=tuple(values),
        names=renamed,
        units=stated,
        date_formats=tuple(date_formats),
        decimal_comma=decimal_comma,
    )


def _parse_value_column(text: str, *, targets: Mapping[str, Target]) -> ValueColumn:
    name, equals, rest = text.partition("=")
    header, colon, unit = rest.rpartition(":")
    if not equals or not colon or not header.strip() or not unit.strip():
        raise SettingsError(
            f"--column {text!r}: expected target=column:unit, such as mpcwp=PCWP_mean:mmHg; no unit is guessed"
        )
    target = _find(name.strip(), targets, option="--column")
    return ValueColumn(target.name, header.strip(), _unit(unit.strip(), target, option="--column"))


def _pairs(texts: Iterable[str], *, option: str, example: str) -> list[tuple[str, str]]:
    pairs = []
    for part in (part for text in texts for part in text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise SettingsError(f"{option} {part.strip()!r}: expected name=..., such as {example}")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _find(name: str, targets: Mapping[str, Target], *, option: str) -> Target:
    if name not in targets:
        raise SettingsError(
            f"{option}: unknown target {name!r}{suggest(name, list(targets))}; define one of your own with --targets"
        )
    return targets[name]


def _unit(text: str, target: Target, *, option: str) -> str:
    try:
        return find_unit(text, target)[0]
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None


def _hint(name: str, headers: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, headers, n=1)
    return f"{name!r} (did you mean {near[0]!r}?)" if near else repr(name)
