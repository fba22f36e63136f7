"""The override parser on a small tree of settings of its own."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from course_lib.membership.overrides import (
    SettingsError,
    file_pairs,
    flat,
    keys_of,
    known_name,
    overrides,
    pairs_of,
    setting,
    with_values,
)


@dataclass(frozen=True)
class Oven:
    heat: int = setting(200, "degrees", least=50)
    door: str = setting("shut", "the door", ("shut", "half_open", "open"))
    share: float = setting(0.5, "of the shelf", above=0)


@dataclass(frozen=True)
class Kitchen:
    oven: Oven = Oven()
    small: Oven = Oven(heat=80)
    light: bool = setting(True, "the light")
    plates: tuple[int, ...] = setting((20, 30), "diameters", least=1)
    guests: tuple[str, ...] = setting((), "who comes", ("ann", "bob"))
    note: str = setting("", "anything")


KEYS = keys_of(Kitchen)
ALIASES = {"temperature": "heat", "part": ""}


def read(*words):
    return overrides(pairs_of(words), KEYS, ALIASES)


def test_keys_are_dotted_and_hold_type_and_default():
    assert list(KEYS) == [
        "oven.heat", "oven.door", "oven.share", "small.heat", "small.door", "small.share",
        "light", "plates", "guests", "note",
    ]  # fmt: skip
    assert KEYS["small.heat"].default == 80 and KEYS["oven.heat"].default == 200
    assert [KEYS[k].type_name for k in ("oven.heat", "plates", "light", "guests")] == [
        "int",
        "int, …",
        "bool",
        "str, …",
    ]


def test_flat_and_with_values_undo_each_other():
    changed = with_values(Kitchen(), {"oven.heat": 90, "small.door": "open", "plates": (1,)})
    assert flat(changed) == flat(Kitchen()) | {"oven.heat": 90, "small.door": "open", "plates": (1,)}
    assert with_values(Kitchen(), flat(changed)) == changed
    with pytest.raises(FrozenInstanceError):
        changed.light = False


@pytest.mark.parametrize(
    "words, expected",
    [
        (["oven.heat=180"], {"oven.heat": 180}),
        (["OVEN.HEAT", "180"], {"oven.heat": 180}),
        (["OVEN.TEMPERATURE", "180", "light=no"], {"oven.heat": 180, "light": False}),
        (["light=no", "OVEN.PART.DOOR", "HalfOpen"], {"light": False, "oven.door": "half_open"}),
        (["oven.door=half-open"], {"oven.door": "half_open"}),
        (["oven.share=1e-3"], {"oven.share": 0.001}),
        (["oven.share", "-1e-3"], "oven.share is above 0, not -0.001"),
        (["plates=1,2,3"], {"plates": (1, 2, 3)}),
        (["plates=[1, 2]"], {"plates": (1, 2)}),
        (["plates=()"], {"plates": ()}),
        (["plates="], {"plates": ()}),
        (["guests=BOB,ann"], {"guests": ("bob", "ann")}),
        (["note=a=b"], {"note": "a=b"}),
        (["note="], {"note": ""}),
    ],
)
def test_both_spellings(words, expected):
    if isinstance(expected, dict):
        assert read(*words) == expected
        return
    with pytest.raises(SettingsError) as error:
        read(*words)
    assert str(error.value) == expected


@pytest.mark.parametrize(
    "words, message",
    [
        (["oven.heta=1"], "there is no setting 'oven.heta': did you mean oven.heat?"),
        (["OVEN.DOR", "open"], "there is no setting 'OVEN.DOR': did you mean oven.door?"),
        (["zzz=1"], "there is no setting 'zzz': --help lists them all"),
        (["oven=1"], "there is no setting 'oven': did you mean oven.heat?"),
        (["oven.heat"], "oven.heat has no value: write oven.heat=VALUE"),
        (["oven.heat=1.5"], "oven.heat is a whole number, not '1.5'"),
        (["oven.heat=ten"], "oven.heat is a whole number, not 'ten'"),
        (["oven.heat=49"], "oven.heat is at least 50, not 49"),
        (["oven.share=nan"], "oven.share is a number, not 'nan'"),
        (["oven.share=inf"], "oven.share is a number, not 'inf'"),
        (["light=maybe"], "light is true or false, not 'maybe'"),
        (["oven.door=opne"], "oven.door is not 'opne': did you mean open? The choices are shut, half_open, open"),
        (["oven.door=zzz"], "oven.door is not 'zzz': The choices are shut, half_open, open"),
        (["plates=1,x"], "plates is a whole number, not 'x'"),
        (["plates=1,0"], "plates is at least 1, not 0"),
        (["guests=eve"], "guests is not 'eve': The choices are ann, bob"),
        (["light=no", "LIGHT", "yes"], "light is given twice, as False and as True: give it once"),
    ],
)
def test_what_is_not_understood_is_named_with_the_nearest(words, message):
    with pytest.raises(SettingsError) as error:
        read(*words)
    if message.startswith("there is no setting 'oven':"):
        assert "did you mean oven." in str(error.value)
    else:
        assert str(error.value) == message


def test_every_key_is_found_by_its_own_name_in_any_case():
    for name in KEYS:
        assert known_name(name, KEYS, ALIASES) == known_name(name.upper(), KEYS, ALIASES) == name


def toml(tmp_path, text, name="settings.toml"):
    (tmp_path / name).write_text(text)
    return overrides(file_pairs(tmp_path / name), KEYS, ALIASES)


def test_toml_tables_are_read_with_their_types(tmp_path):
    text = 'light = false\nplates = [5]\n[oven]\ntemperature = 60\nshare = 1\n[small.part]\ndoor = "open"\n'
    assert toml(tmp_path, text) == {
        "light": False, "plates": (5,), "oven.heat": 60, "oven.share": 1.0, "small.door": "open"
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, message",
    [
        ("light = 'perhaps'", "light is true or false, not 'perhaps'"),
        ("oven.heat = 60.0", "oven.heat is a whole number, not 60.0"),
        ("oven.heat = true", "oven.heat is a whole number, not True"),
        ("note = 3", "note is text, not 3"),
        ("plates = 3", "plates is a list, such as 64,64; not 3"),
        ("[oven]\nhaet = 60", "there is no setting 'oven.haet': did you mean oven.heat?"),
        ("light = ", "is not TOML"),
    ],
)
def test_toml_that_does_not_fit_is_named(tmp_path, text, message):
    with pytest.raises(SettingsError) as error:
        toml(tmp_path, text)
    assert message in str(error.value)


def test_the_settings_a_run_left_are_read_again(tmp_path):
    assert toml(tmp_path, '{"settings": {"oven.heat": 60, "plates": [1]}, "seeds": {}}', "settings.json") == {
        "oven.heat": 60, "plates": (1,)
    }  # fmt: skip
    with pytest.raises(SettingsError, match="is not the settings.json of a run"):
        toml(tmp_path, "[]", "other.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        file_pairs(tmp_path / "none.toml")
