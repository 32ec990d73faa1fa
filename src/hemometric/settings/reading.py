"""Settings from TOML and from `key=value`: all that is wrong in one message."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hemometric.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)


def load_settings(model: type[Model], *, config: Path | None = None, overrides: Sequence[str] = ()) -> Model:
    """Read settings from a TOML file and from `key=value` texts, the later ones winning.

    Args:
        model: `PretrainSettings`, `FinetuneSettings` or any other pydantic model.
        config: A TOML file, or None. Nested settings are tables (`[views]`).
        overrides: Texts such as `learning_rate=1e-3`, `views.crop_s=6` or `objective=dml-dtw`. A value is read as TOML
            and, where it is none, as the text itself; `none` is None.

    Raises:
        SettingsError: All that is wrong, in one message: unknown names with the nearest known one, values out of range.

    Examples:
        >>> from hemometric.settings import PretrainSettings
        >>> load_settings(PretrainSettings, overrides=["n_passes=1000", "views.crop_s=none"]).n_passes
        1000
    """
    values: dict[str, object] = {} if config is None else _read_toml(config)
    problems: list[str] = []
    for override in overrides:
        problem = _apply(values, override)
        if problem is not None:
            problems.append(problem)
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        problems.extend(_explain(error, model))
    else:
        if not problems:
            return settings
    where = f"{config}: " if config is not None else ""
    raise SettingsError(where + "; ".join(problems))


def _read_toml(config: Path) -> dict[str, object]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{config}: cannot be read ({error.strerror}): give an existing TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{config}: is not TOML: {error}") from error


def _apply(values: dict[str, object], override: str) -> str | None:
    """Put one `key=value` into nested `values`; return what is wrong with it, if anything."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        return f"{override!r} is not of the form key=value"
    *tables, name = key.split(".")
    for table in tables:
        inner = values.setdefault(table, {})
        if not isinstance(inner, dict):
            return f"{key}: {table} is not a table"
        values = inner
    values[name] = _parse(text.strip())
    return None


def _parse(text: str) -> object:
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        path = tuple(part for part in problem["loc"] if isinstance(part, str) and part.isidentifier())
        name = ".".join(str(part) for part in problem["loc"] if part in path)
        if problem["type"] == "extra_forbidden":
            yield _unknown(".".join(map(str, problem["loc"])), _names(model))
        elif problem["type"] == "missing":
            yield f"{name} is missing: give it in the TOML file or as {name}=..."
        elif name:
            yield f"{name}: {problem['msg'].lower().removeprefix('value error, ')}, got {problem['input']!r}"
        else:
            yield problem["msg"].removeprefix("Value error, ")


def _names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """All names of a model, those of nested models with a dot."""
    names = []
    for name, info in model.model_fields.items():
        names.append(prefix + name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names.extend(_names(info.annotation, prefix=f"{name}."))
    return names


def _unknown(name: str, known: Sequence[str]) -> str:
    return f"unknown setting {name!r}{suggest(name, known)}"


def suggest(name: str, known: Sequence[str]) -> str:
    """Return ", did you mean 'x'?" for the nearest known name, or the list of those there are.

    Examples:
        >>> suggest("learing_rate", ["learning_rate", "seed"])
        ", did you mean 'learning_rate'?"
    """
    near = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {near[0]!r}?" if near else f": expected one of {', '.join(known)}"


def differences(old: Mapping[str, object], new: Mapping[str, object], prefix: str = "") -> list[str]:
    """Name every setting in which two resolved (JSON) settings differ, with both values.

    Examples:
        >>> differences({"seed": 0, "views": {"crop_s": 8.0}}, {"seed": 1, "views": {"crop_s": 8.0}})
        ['seed was 0, now 1']
    """
    found = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found.extend(differences(before, after, prefix=f"{prefix}{name}."))
        elif before != after:
            found.append(f"{prefix}{name} was {before}, now {after}")
    return found
