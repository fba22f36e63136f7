"""Settings as nested frozen dataclasses: their keys, and values for them from text and TOML."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints


class SettingsError(ValueError):
    """A key or value that the settings do not take; the message says what they take.

    Examples
    --------
    >>> pairs_of(["shadow.n_models"])
    Traceback (most recent call last):
    ...
    course_lib.membership.overrides.SettingsError: shadow.n_models has no value: write shadow.n_models=VALUE
    """


def setting(default: Any, about: str, choices: Iterable[str] = (), least: float = -math.inf, above: float = -math.inf):
    """A field with a default, what it is for, and the values it takes.

    Parameters
    ----------
    default : a value of the type of the field.
    about : what it is for, in a few words.
    choices : the only values; none for any.
    least, above : a number is at least the one and above the other.

    Examples
    --------
    >>> setting(3, "how many", least=1).metadata["about"]
    'how many'
    """
    return field(default=default, metadata={"about": about, "choices": tuple(choices), "least": least, "above": above})


@dataclass(frozen=True)
class Key:
    """One setting: its dotted name, type, default and what values it takes.

    Parameters
    ----------
    name : dotted, as ``shadow.n_models``.
    type : int, float, bool, str, or a tuple of one of these.
    default : a value of that type.
    about : what it is for, in a few words.
    choices : the only values; none for any.
    least, above : a number is at least the one and above the other; -inf for no limit.

    Examples
    --------
    >>> rate = Key("lr", float, 0.001, "learning rate", choices=(), least=-math.inf, above=0)
    >>> rate.value("1e-2")
    0.01
    >>> rate.value(0)
    Traceback (most recent call last):
    ...
    course_lib.membership.overrides.SettingsError: lr is above 0, not 0.0
    """

    name: str
    type: Any
    default: Any
    about: str
    choices: tuple[str, ...]
    least: float
    above: float

    @property
    def type_name(self) -> str:
        """The type as the help shows it: "int", or "int, …" for a list."""
        if get_origin(self.type) is tuple:
            return f"{get_args(self.type)[0].__name__}, …"
        return self.type.__name__

    def value(self, given: Any) -> Any:
        """The value of text or of a TOML value, of the key's type and within its limits.

        Raises
        ------
        SettingsError
            for a value of another type, beyond the limits, or not among the choices; the nearest choice is named.
        """
        item = get_args(self.type)[0] if get_origin(self.type) is tuple else None
        if item is None:
            return self._one(self.type, given)
        if isinstance(given, str):
            inner = given.strip().removeprefix("[").removeprefix("(").removesuffix("]").removesuffix(")")
            given = [part.strip().strip("'\"") for part in inner.split(",") if part.strip()]
        if not isinstance(given, list | tuple):
            raise SettingsError(f"{self.name} is a list, such as 64,64; not {given!r}")
        return tuple(self._one(item, part) for part in given)

    def _one(self, kind: type, given: Any) -> Any:
        try:
            value = _READERS[kind](given)
        except (ValueError, TypeError):
            raise SettingsError(f"{self.name} is {_WORDS[kind]}, not {given!r}") from None
        if self.choices:
            return self._choice(value)
        if kind in (int, float) and not (value >= self.least and value > self.above):
            limit = f"at least {self.least:g}" if math.isinf(self.above) else f"above {self.above:g}"
            raise SettingsError(f"{self.name} is {limit}, not {value!r}")
        return value

    def _choice(self, value: str) -> str:
        """The choice of this name; case, hyphens and underscores do not count."""
        by_letters = {_letters(choice): choice for choice in self.choices}
        if _letters(value) in by_letters:
            return by_letters[_letters(value)]
        near = get_close_matches(_letters(value), by_letters, n=1)
        hint = f"did you mean {by_letters[near[0]]}? " if near else ""
        raise SettingsError(f"{self.name} is not {value!r}: {hint}The choices are {', '.join(self.choices)}")


def _letters(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")


def _whole(given: Any) -> int:
    if isinstance(given, bool | float):
        raise ValueError
    return int(given)


def _number(given: Any) -> float:
    if isinstance(given, bool) or not math.isfinite(value := float(given)):
        raise ValueError
    return value


def _truth(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).lower()
    if word not in ("true", "yes", "1", "false", "no", "0"):
        raise ValueError
    return word in ("true", "yes", "1")


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError
    return given


_READERS = {int: _whole, float: _number, bool: _truth, str: _text}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def keys_of(settings: type, prefix: str = "") -> dict[str, Key]:
    """The keys of a dataclass and of those nested in it, by dotted name, in the order of their fields.

    Parameters
    ----------
    settings : a dataclass, every field of which is a ``setting`` or a dataclass of such.
    prefix : put before each name.

    Examples
    --------
    >>> from course_lib.membership.settings import OptimizerSettings
    >>> keys_of(OptimizerSettings)["lr"].type_name
    'float'
    """
    hints = get_type_hints(settings)
    found = {}
    for one in fields(settings):
        name = prefix + one.name
        if is_dataclass(hints[one.name]):
            nested = keys_of(hints[one.name], f"{name}.")
            assert one.default is not MISSING
            held = flat(one.default, f"{name}.")
            found |= {n: replace(key, default=held[n]) for n, key in nested.items()}
        else:
            found[name] = Key(name, hints[one.name], one.default, **one.metadata)
    return found


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """The values of nested dataclasses by dotted name.

    >>> from course_lib.membership.settings import OptimizerSettings
    >>> flat(OptimizerSettings(lr=0.5), prefix="o.")["o.lr"]
    0.5
    """
    values = {}
    for one in fields(settings):
        value = getattr(settings, one.name)
        values |= flat(value, f"{prefix}{one.name}.") if is_dataclass(value) else {prefix + one.name: value}
    return values


def with_values(settings: Any, values: Mapping[str, Any]) -> Any:
    """The settings with some values replaced, given by dotted name.

    Parameters
    ----------
    settings : a dataclass, perhaps with others nested in it.
    values : by dotted name, of the right types.

    Returns
    -------
    new settings of the same type.

    Examples
    --------
    >>> from course_lib.membership.settings import Settings
    >>> with_values(Settings(), {"shadow.n_models": 3}).shadow.n_models
    3
    """
    direct = {name: value for name, value in values.items() if "." not in name}
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if "." in name:
            first, rest = name.split(".", 1)
            parts.setdefault(first, {})[rest] = value
    nested = {first: with_values(getattr(settings, first), part) for first, part in parts.items()}
    return replace(settings, **direct, **nested)


def known_name(name: str, keys: Mapping[str, Key], aliases: Mapping[str, str]) -> str:
    """The key that is meant: case and hyphens do not count, and a part of it may have an alias.

    Parameters
    ----------
    name : as somebody wrote it.
    keys : all there are.
    aliases : another spelling of a part of a name -> the part; "" leaves it out.

    Raises
    ------
    SettingsError
        if there is none; the message names the nearest.

    Examples
    --------
    >>> known_name("SHADOW.ALPHA", {"shadow.lr": None}, {"alpha": "lr"})
    'shadow.lr'
    """
    parts = [part.replace("-", "_") for part in name.lower().split(".")]
    meant = ".".join(p for p in (aliases.get(part, part) for part in parts) if p)
    if meant in keys:
        return meant
    near = get_close_matches(meant, keys, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "--help lists them all"
    raise SettingsError(f"there is no setting {name!r}: {hint}")


def pairs_of(words: Iterable[str]) -> list[tuple[str, str]]:
    """Names and values of a command line that writes ``a.b=c`` or ``A.B c``, or both.

    Parameters
    ----------
    words : of the command line.

    Raises
    ------
    SettingsError
        for a name without a value.

    Examples
    --------
    >>> pairs_of(["a.b=1", "A.C", "2"])
    [('a.b', '1'), ('A.C', '2')]
    """
    pairs, rest = [], iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals:
            try:
                value = next(rest)
            except StopIteration:
                raise SettingsError(f"{word} has no value: write {word}=VALUE") from None
        pairs.append((name, value))
    return pairs


def overrides(pairs: Iterable[tuple[str, Any]], keys: Mapping[str, Key], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Values by dotted name, each of its key's type.

    Parameters
    ----------
    pairs : names and values as somebody wrote them.
    keys, aliases : as for ``known_name``.

    Raises
    ------
    SettingsError
        for an unknown key, a value it does not take, or a key that is given twice.

    Examples
    --------
    >>> key = Key("n", int, 3, "how many", (), least=1, above=-math.inf)
    >>> overrides([("N", "7")], {"n": key}, aliases={})
    {'n': 7}
    """
    values: dict[str, Any] = {}
    for written, given in pairs:
        name = known_name(written, keys, aliases)
        value = keys[name].value(given)
        if name in values:
            raise SettingsError(f"{name} is given twice, as {values[name]!r} and as {value!r}: give it once")
        values[name] = value
    return values


def file_pairs(path: str | Path) -> list[tuple[str, Any]]:
    """Names and values of a TOML file with nested tables, or of the ``settings.json`` of a run.

    Parameters
    ----------
    path : ends in ``.json`` for the settings of a run; anything else is read as TOML.

    Raises
    ------
    SettingsError
        if the file cannot be read, or is not what its name says.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "mine.toml").write_text("shadow = {n_models = 4, optimizer.lr = 0.01}")
    ...     file_pairs(Path(folder) / "mine.toml")
    [('shadow.n_models', 4), ('shadow.optimizer.lr', 0.01)]
    """
    is_json = Path(path).suffix == ".json"
    try:
        text = Path(path).read_text(encoding="utf-8")
        tables = json.loads(text)["settings"] if is_json else tomllib.loads(text)
        return list(_leaves(tables))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        kind = "the settings.json of a run" if is_json else "TOML"
        raise SettingsError(f"{path} is not {kind}: {error}") from None


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
