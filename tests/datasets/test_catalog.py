"""The form of the catalog and of a user's own specification, and every fault in them."""

from __future__ import annotations

import hashlib
import inspect

import pytest

from didjack import att_gt
from didjack.datasets import load as datasets
from didjack.datasets.catalog_file import read_catalog
from didjack.datasets.entry_forms import AttGtForm
from didjack.datasets.specification_file import specification_text, write_specification
from didjack.errors import ChecksumError, DataError
from didjack.paths import data_dir

OWN = """
[dataset]
file = "sub/data.csv"

[[specifications]]
[specifications.att_gt]
yname = "y"
tname = "year"
gname = "g"
idname = "id"
"""
HALVES = '{ column = "h", rule = "integer_division", of = "id", divisor = 0 }'
BLOCK = OWN[OWN.index("[[specifications]]") :]


@pytest.fixture
def own(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data.csv").write_text("id,year,g,y,on\n7001,1,0,2.5,0\n7002,1,2,3,1\n")
    path = tmp_path / "mine.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_own_specification(own):
    spec = datasets.load_specification(own)
    assert spec == datasets.load_specification(str(own))
    assert (spec.name, spec.title, spec.dataset, spec.cluster) == ("mine", "mine", "mine", "id")
    assert spec.kwargs["clustervars"] == "id"
    assert datasets.specification_frame(spec)["y"].tolist() == [2.5, 3.0]
    assert datasets.specification_path(spec) == (own.parent / "sub" / "data.csv").resolve()


def test_own_specification_with_everything(own):
    data = own.parent / "sub" / "data.csv"
    checksum = hashlib.sha256(data.read_bytes()).hexdigest()
    table = f"""file = "sub/data.csv"
title = "Data"
sha256 = "{checksum}"
[[dataset.derive]]
column = "st"
rule = "integer_division"
of = "id"
divisor = 1000
"""
    head = '[[specifications]]\nname = "n"\ncluster = "st"\nnotes = "x"'
    text = OWN.replace('file = "sub/data.csv"', table).replace("[[specifications]]", head)
    own.write_text(text, encoding="utf-8")
    spec = datasets.load_specification(own)
    assert (spec.name, spec.cluster, spec.notes) == ("n", "st", "x")
    assert datasets.specification_dataset(spec).title == "Data"
    assert datasets.specification_frame(spec)["st"].tolist() == [7, 7]
    data.write_text("id\n1\n")
    with pytest.raises(ChecksumError, match=f"expected sha256 {checksum}, found "):
        datasets.specification_frame(spec)


def test_written_specifications_come_back(own):
    data = own.parent / "sub" / "data.csv"
    target = own.parent / "made.toml"
    kwargs = {
        "yname": 'a "quoted" \\ name',
        "tname": "year",
        "gname": "été",
        "idname": None,
        "xformla": "~ a + b",
        "panel": False,
        "anticipation": 0,
        "clustervars": ["a", "b"],
    }
    written = write_specification(target, data, kwargs, "a", description="line\nline")
    spec = datasets.load_specification(written)
    assert spec.kwargs == {key: value for key, value in kwargs.items() if value is not None}
    assert (spec.name, spec.title, spec.cluster) == ("made", "data.csv", "a")
    assert spec.description == "line\nline"
    assert datasets.specification_path(spec) == data.resolve()
    with pytest.raises(DataError, match="in the catalog already"):
        specification_text(datasets.load_specification("castle"))


def test_every_argument_of_att_gt_has_a_key():
    keys = set(AttGtForm.__struct_fields__)
    assert keys == set(inspect.signature(att_gt).parameters) - {"data"}


def test_rules_windows_and_the_way_to_read_come_back(own):
    kwargs = {
        "yname": "y", "tname": "t", "gname": "g", "idname": "id", "clustervars": "id",
        "fix_weights": "first_period", "pscoretrim": 0.9, "balance": "pair",
        "last_as_never": True, "like": "csdid1", "separation": "error",
    }  # fmt: skip
    windows, reading = {"min_e": -2.0, "balance_e": 1.5}, {"delimiter": "\t", "sheet": 'a "b"'}
    path = write_specification(
        own.parent / "made.toml", own.parent / "sub" / "data.csv", kwargs, "id",
        windows=windows, reading=reading,
    )  # fmt: skip
    spec = datasets.load_specification(path)
    assert (spec.kwargs, spec.windows) == (kwargs, windows)
    assert datasets.specification_dataset(spec).reading == reading
    assert spec.weights == "csdid"  # those of the program that `like` names
    text = path.read_text(encoding="utf-8").replace('weights = "csdid"', "")
    path.write_text(text, encoding="utf-8")
    assert datasets.load_specification(path).weights == "csdid"
    path.write_text(text.replace('like = "csdid1"', ""), encoding="utf-8")
    assert datasets.load_specification(path).weights == "did"


def test_data_are_read_as_the_specification_says(own):
    data = own.parent / "sub" / "data.csv"
    data.write_bytes("id:y\n1:M\u00fcnchen\n".encode("latin-1"))
    reading = 'file = "sub/data.csv"\ndelimiter = ":"\nencoding = "latin-1"'
    own.write_text(OWN.replace('file = "sub/data.csv"', reading), encoding="utf-8")
    frame = datasets.specification_frame(datasets.load_specification(own))
    assert frame.to_dict("list") == {"id": [1], "y": ["M\u00fcnchen"]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('file = "sub/data.csv"', "", r"mine\.toml, dataset: key 'file' is missing"),
        ('file = "sub/data.csv"', 'fiel = "a"', r"unknown key 'fiel'; did you mean 'file'\?"),
        ("[dataset]", "[data]", r"unknown key 'data'; did you mean 'dataset'\?"),
        ('yname = "y"', "", r"mine\.toml, specification 1, att_gt: key 'yname' is missing"),
        ('yname = "y"', "yname = 1", "key 'yname' must be a text, but is 1"),
        ('yname = "y"', 'yname = "y"\npanel = 1', "key 'panel' must be true or false"),
        (
            'yname = "y"',
            'yname = "y"\nanticipation = true',
            "'anticipation' must be a whole number, but is true",
        ),
        (
            'yname = "y"',
            'yname = "y"\nbalance = "paired"',
            "'balance' must be one of 'full', 'pair', 'none', but is 'paired'",
        ),
        ('yname = "y"', 'yname = "y"\nfix_weights = "first"', "'fix_weights' must be one of"),
        ('yname = "y"', 'yname = "y"\nlike = "stata"', "'like' must be one of 'did'"),
        ('yname = "y"', 'yname = "y"\nlast_as_never = 1', "must be true or false"),
        ('yname = "y"', 'yname = "y"\npscoretrim = "1"', "'pscoretrim' must be a number"),
        ("[[specifications]]", '[[specifications]]\nmin_e = "-2"', "'min_e' must be a number"),
        ('"sub/data.csv"', '"a.csv"\nsheet = 1', "'sheet' must be a text"),
        ('yname = "y"', 'yname = "y"\nxformula = "~ a"', "did you mean 'xformla'"),
        (
            'yname = "y"',
            'yname = "y"\nclustervars = [1]',
            "entry 1 of key 'clustervars' must be a text",
        ),
        ('idname = "id"', "panel = false", "key 'cluster' is missing"),
        ('idname = "id"', f'idname = "id"\n{BLOCK}', "but holds 2; write one file for each"),
        ('yname = "y"', "yname = y", "not a TOML file"),
        ('yname = "y"', f"yname = {'[' * 10**5}", "not a TOML file"),
        ('yname = "y"', "yname = 2020-01-31", "'yname' must be a text, but is 2020-01-31"),
        ('yname = "y"', f'yname = "y"\nanticipation = {10**30}', "more than 20 digits"),
        (
            "[[specifications]]",
            '[[specifications]]\nweights = "R"',
            "must be one of 'did', 'csdid'",
        ),
        ('"sub/data.csv"', '"a\\u0000.csv"', "'mine': key 'file' cannot be the name of a file"),
        ('"sub/data.csv"', '"a.csv"\nurl = "http://x"', "dataset: unknown key 'url'"),
        ('"sub/data.csv"', '"a.csv"\nderive = [1]', "entry 1 of key 'derive' must be a table"),
        (
            '"sub/data.csv"',
            f'"a.csv"\nderive = [{HALVES}]',
            "derive 'h': key 'divisor' must be a wh",
        ),
    ],
)
def test_faults_in_own_specifications(own, old, new, message):
    own.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        datasets.load_specification(own)


def test_nothing_in_a_specification_is_run(own, tmp_path):
    trap = f"__import__('pathlib').Path({str(tmp_path / 'sprung')!r}).touch()"
    own.write_text(OWN.replace('yname = "y"', f'yname = "y"\nxformla = "~ {trap}"'))
    spec = datasets.load_specification(own)
    with pytest.raises(DataError):
        att_gt(datasets.specification_frame(spec), **spec.kwargs)
    assert not (tmp_path / "sprung").exists()


def test_own_files_that_are_missing(own, tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        datasets.load_specification(tmp_path / "none.toml")
    (own.parent / "sub" / "data.csv").unlink()
    with pytest.raises(DataError, match=r"dataset 'mine': there is no file .*data\.csv"):
        datasets.specification_frame(datasets.load_specification(own))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('licence = "MIT"\n', "", "dataset 'castle': key 'licence' is missing"),
        ('licence = "MIT"', 'license = "MIT"', "dataset 'castle': unknown key 'license'"),
        ("rows = 550", 'rows = "550"', "'castle': key 'rows' must be a whole number"),
        ('sha256 = "a1', 'sha256 = "x1', "'castle': key 'sha256' must be 64"),
        ('name = "medicaid"', 'name = "castle"', "dataset 'castle': key 'name' occurs 2 times"),
        ('"castle-notyet"', '"castle"', "specification 'castle': key 'name' occurs 2 times"),
        ('name = "castle"\n', "", r"catalog\.toml, dataset 1: key 'name' is missing"),
        ('cluster = "sid"\n', "", "'castle', specification 'castle': key 'cluster' is missing"),
        (
            'rule = "first_period"',
            'rule = "first"',
            "'merit', derive 1: key 'rule' must be one of 'first_period'",
        ),
        ('flag = "merit"\n', "", "'merit', derive 'gvar': key 'flag' is missing"),
        (
            'sid = "number',
            'sid = 1\n"x" = "',
            "'castle', columns: key 'sid' must be a text, but is 1",
        ),
        ('name = "castle"', 'name = "castle"\nname = "a"', "not a TOML file"),
    ],
)
def test_catalog_faults_name_dataset_and_key(tmp_path, old, new, message):
    whole = (data_dir() / "catalog.toml").read_text(encoding="utf-8")
    blocks = {block.split('"')[1]: block for block in whole.split("[[datasets]]\n")[1:]}
    text = "".join(f"[[datasets]]\n{blocks[name]}" for name in ("castle", "medicaid", "merit"))
    assert old in text
    path = tmp_path / "catalog.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_catalog(path)
