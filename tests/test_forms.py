"""Forms: every kind of mistake in a TOML file is one sentence that names place and remedy."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Literal

import msgspec
import pytest

from didjack.errors import DataError, ReportError
from didjack.forms import LARGEST_FILE, Form, Whole, convert, dump, read_form, read_toml


class Leaf(Form, frozen=True, kw_only=True):
    name: str
    size: float = 1.0
    number: Whole = 0
    kind: Literal["oak", "elm"] = "oak"
    shares: tuple[float, ...] = ()
    label: str | list[str] | None = None
    notes: dict[str, str] = msgspec.field(default_factory=dict)
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None


class Branch(Form, frozen=True, kw_only=True):
    leaves: Annotated[tuple[Leaf, ...], msgspec.Meta(min_length=1)]
    twigs: dict[str, tuple[Leaf, ...]] = msgspec.field(default_factory=dict)
    on: bool = False


class Tree(Form, frozen=True, kw_only=True):
    trunk: Branch
    free: dict[str, Any] = msgspec.field(default_factory=dict)


GOOD = """
[trunk]
[[trunk.leaves]]
name = "a"
size = 2
label = ["x"]
[[trunk.leaves]]
name = "b"
notes = { "first one" = "fine" }
[[trunk.twigs.up]]
name = "c"
"""


KEYS = "The keys are name, size, number, kind, shares, label, notes, count."


def read(text: str) -> Tree:
    return convert(tomllib.loads(text), Tree, "tree.toml")


def test_what_fits_is_read():
    tree = read(GOOD)
    first, second = tree.trunk.leaves
    assert (first.size, type(first.size), first.label) == (2.0, float, ["x"])
    assert second.notes == {"first one": "fine"}
    assert tree.trunk.twigs["up"][0].name == "c"
    assert tree.free == {}
    with pytest.raises(AttributeError):
        tree.trunk.on = True  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "a"', "", "trunk, leave 1: key 'name' is missing."),
        ("size = 2", "siez = 2", "leave 'a': unknown key 'siez'; did you mean 'size'? " + KEYS),
        ("size = 2", "zzz = 2", "leave 'a': unknown key 'zzz'. " + KEYS),
        ("size = 2", 'size = "2"', "leave 'a': key 'size' must be a number, but is '2'."),
        ("size = 2", "size = true", "key 'size' must be a number, but is true."),
        ("size = 2", "size = 2020-01-31", "must be a number, but is 2020-01-31."),
        ("size = 2", "number = 2.0", "key 'number' must be a whole number, but is 2.0."),
        ("size = 2", "number = 9007199254740993", "at most 9,007,199,254,740,992, but is 90"),
        ("size = 2", "count = 0", "a whole number, at least 1 and at most 1,000, but is 0."),
        ("size = 2", "count = 'one'", "key 'count' must be a whole number, but is 'one'."),
        ("size = 2", "count = 1" + "0" * 400, "but is a number of more than 20 digits."),
        ("size = 2", "count = 0x1" + "0" * 8000, "but is a number of more than 20 digits."),
        ("size = 2", "size = 1" + "0" * 400, "must be a number, but is a number of more than 20"),
        ("size = 2", 'kind = "ash"', "key 'kind' must be one of 'oak', 'elm', but is 'ash'."),
        ("size = 2", "shares = [1, 'a']", "entry 2 of key 'shares' must be a number, but is 'a'."),
        ("size = 2", "shares = 1", "key 'shares' must be a list of numbers, but is 1."),
        ('label = ["x"]', "label = [1]", "entry 1 of key 'label' must be a text, but is 1."),
        ('label = ["x"]', "label = 1", "'label' must be a text or a list of texts, but is 1."),
        ('"first one" = "fine"', '"first one" = 1', "'b', notes: key 'first one' must be a text"),
        ('name = "c"', "name = 1.5", "trunk, twigs, up 1: key 'name' must be a text, but is 1.5."),
        ("[[trunk.twigs.up]]", "[[trunk.twigs.'up there']]\nx = 1", "'up there' 'c': unknown"),
        ("[trunk]", "[trunk]\non = 1", "trunk: key 'on' must be true or false, but is 1."),
        ("[trunk]", "[trunks]\n[trunk]", "tree.toml: unknown key 'trunks'; did you mean 'trunk'?"),
        (GOOD, "trunk = 3", "tree.toml: key 'trunk' must be a table, but is 3."),
        (GOOD, "", "tree.toml: key 'trunk' is missing."),
        (GOOD, "trunk = {leaves = []}", "be a list of tables, 1 or more, but is an empty list."),
        (GOOD, "trunk = {leaves = [3]}", "entry 1 of key 'leaves' must be a table, but is 3."),
        (GOOD, "trunk = {leaves = {}}", "must be a list of tables, but is an empty table."),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(old, new, message):
    with pytest.raises(DataError) as caught:
        read(GOOD.replace(old, new, 1))
    text = str(caught.value)
    assert text.startswith("tree.toml")
    assert message in text
    assert "\n" not in text
    assert len(text) < 300


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "a"', f'name = "{LONG}"\nkind = 1'),
        ("size = 2", f"{LONG} = 2"),
        ("size = 2", f'size = "{LONG}"'),
        ('"first one" = "fine"', f"{LONG} = 2"),
    ],
)
def test_messages_do_not_grow_with_what_they_quote(old, new):
    with pytest.raises(DataError) as caught:
        read(GOOD.replace(old, new, 1))
    assert len(str(caught.value)) < 300


def test_the_class_of_the_error_is_the_callers(tmp_path):
    path = tmp_path / "tree.toml"
    with pytest.raises(ReportError, match=r"tree\.toml: there is no such file"):
        read_form(path, Tree, ReportError)
    path.write_text("x = 1", encoding="utf-8")
    with pytest.raises(ReportError, match=r"^tree\.toml: unknown key 'x'"):
        read_form(path, Tree, ReportError)
    path.write_text(GOOD, encoding="utf-8")
    assert read_form(path, Tree) == read(GOOD)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = ", "not a TOML file: Invalid value"),
        (b"a = '\xff'", "not a TOML file: 'utf-8' codec"),
        (b"a = " + b"1" * 5000, "not a TOML file: Exceeds the limit"),
        (b"a = " + b"[" * 100_000, "not a TOML file: "),
        (b"#" * (LARGEST_FILE + 1), "it has more than 4,000,000 bytes"),
    ],
)
def test_files_that_are_not_toml(tmp_path, content, message):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_toml(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_toml(tmp_path)
    with pytest.raises(DataError, match="cannot be the name of a file"):
        read_toml(tmp_path / "a\0.toml")


@pytest.mark.parametrize(
    "value",
    ['quote " \\ back', "line\nline\r\ttab", "\x00\x1f\x7f\x80", "été \u2028", 7, True, ["a", "b"]],
)
def test_what_is_written_comes_back(value):
    assert tomllib.loads(f"a = {dump(value)}") == {"a": value}
