"""Formulas are data: hostile ones run nothing, the others give what formulaic gives."""

from __future__ import annotations

import ast
import contextlib
import itertools
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix
from formulaic.parser.algos.tokenize import tokenize
from typer.testing import CliRunner

import didjack as dj
from didjack.cli import app
from didjack.datasets.specification_file import write_specification
from didjack.sample.covariates import evaluate_covariates
from didjack.sample.formula import read_formula
from didjack.sample.formula_functions import ELEMENTWISE, FUNCTIONS
from didjack.simulate.placebo import placebo_laws

WRITE = "open('canary','w').write('x')"
SYSTEM = "__import__('os').system('touch canary')"
NUMPY = "np.f2py.os.system('touch canary')"

HOSTILE = [
    # As code, as a call, as an argument, as an attribute.
    f"~ {{{WRITE}}}",
    f"~ {{{SYSTEM}}}",
    f"~ x1 + {{{NUMPY}+x1}}",
    f"~ {{{NUMPY}}}",
    f"{{{WRITE}}} ~ x1",
    f"~ {WRITE}",
    f"~ {SYSTEM}",
    f"~ {NUMPY}",
    f"~ x1 + {NUMPY}",
    f"~ x1:{NUMPY}",
    f"~ (x1 + {SYSTEM})**2",
    f"~ I({WRITE})",
    f"~ I(x1 + {WRITE})",
    f"~ I({SYSTEM})",
    f"~ log({NUMPY})",
    f"~ C({NUMPY})",
    f"~ C(x1, {NUMPY})",
    f"~ C(x1, contr.treatment(base={NUMPY}))",
    f"~ C(x1, contr.treatment({SYSTEM}))",
    f"~ C(x1, contr.custom({SYSTEM}))",
    f"~ C(x1, levels={SYSTEM})",
    f"~ poly(x1, {NUMPY})",
    f"~ poly(x1, degree={SYSTEM})",
    f"~ poly(x1, raw={SYSTEM})",
    f"~ bs(x1, df={NUMPY})",
    f"~ bs(x1, knots=[{SYSTEM}])",
    f"~ bs(x1, knots=({NUMPY},))",
    f"~ bs(x1, knots=[{SYSTEM} for i in x1])",
    f"~ bs(x1, extrapolation={WRITE})",
    f"~ cr(x1, lower_bound={NUMPY})",
    f"~ cc(x1, constraints={SYSTEM})",
    f"~ scale(x1, {NUMPY})",
    f"~ scale(x1, ddof={SYSTEM})",
    f"~ center({SYSTEM})",
    f"~ hashed({SYSTEM}, levels=3)",
    f"~ hashed(x1, levels=3, hash_func=lambda v: {SYSTEM})",
    f"~ Q({SYSTEM})",
    "~ eval('1')",
    f'~ eval("{SYSTEM}")',
    f'~ exec("{SYSTEM}")',
    "~ getattr(np.f2py.os, 'system')('touch canary')",
    "~ np.fromfile('canary')",
    "~ np.savetxt('canary', x1)",
    "~ np.save('canary', x1)",
    "~ x1.to_csv('canary')",
    "~ I(x1.to_csv('canary'))",
    "~ I(x1.values.tofile('canary'))",
    "~ x1.to_pickle('canary')",
    "~ I(x1).to_csv('canary')",
    "~ log(x1).tofile('canary')",
    "~ `x1`.to_csv('canary')",
    "~ I(`x1`.to_csv('canary'))",
    "~ np.log.__self__",
    "~ np.log.__class__.__mro__[1].__subclasses__()",
    "~ ().__class__.__base__.__subclasses__()",
    "~ I(().__class__.__base__.__subclasses__())",
    "~ log.at(x1, [0])",
    "~ np.log.at(x1, [0])",
    "~ np.log(x1, out=x1)",
    "~ log(x1, out=x2)",
    "~ np.log(x1, where=x2)",
    "~ np.add.at(x1, 0, 1)",
    "~ np.put(x1, 0, 1)",
    "~ x1[0]",
    f"~ x1[{SYSTEM}]",
    f"~ I(x1[{WRITE}])",
    f"~ [{SYSTEM}]",
    f"~ [x1 ~ {SYSTEM}]",
    f"~ (lambda: {SYSTEM})()",
    f"~ I((lambda: {SYSTEM})())",
    f"~ I(x1 if {SYSTEM} else x1)",
    f"~ I([{SYSTEM} for i in (1,)])",
    f"~ I(x1 and {SYSTEM})",
    f"~ I(not {SYSTEM})",
    f"~ I(f'{{{SYSTEM}}}')",
    f"~ I((y := {SYSTEM}))",
    f"~ I(x1 @ {SYSTEM})",
    f"~ I(x1)(({SYSTEM}))",
    f"~ log(x1)({SYSTEM})",
    f"~ `{SYSTEM}`",
    f"~ I(`{SYSTEM}`)",
    f"~ log(`x1`); {SYSTEM}",
    f"~ x1 # {SYSTEM}",
    f"~ x1\n{SYSTEM}",
    f"~ x1 \\\n + {SYSTEM}",
    f"~ x1 | {SYSTEM}",
    f"~ x1 %in% {SYSTEM}",
    f"~ I(x1 == '{{{SYSTEM}}}')",
    "~ I(x1 == '`' + `x2` + '`')",
    f"~ C(x1, contr.treatment(base='`+{SYSTEM}+`'))",
    f'~ C(`x1"`, contr.treatment(base="b")) + `{SYSTEM}`',
    "~ ｎｐ.f2py.os.system('touch canary')",
    "~ ｌog(x1)",
    "~ __import__",
    "~ __builtins__",
    "~ np",
    "~ I(np)",
    "~ contr",
    "~ I(contr.custom)",
    "~ breakpoint()",
    "~ input()",
    "~ help()",
    "~ quit()",
]  # fmt: skip


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "x1": rng.uniform(1, 2, 40),
            "x2": rng.normal(size=40),
            "my col": rng.uniform(1, 2, 40),
            "x.1": rng.normal(size=40),
            "größe": rng.uniform(1, 2, 40),
            "class": rng.uniform(1, 2, 40),
            "region": list("abcd") * 10,
            "code": [1, 2, 3, 4] * 10,
            "yes": [True, False] * 20,
        }
    )


@pytest.fixture
def canary(tmp_path, monkeypatch) -> Path:
    """Go to an empty folder, where nothing may appear, and let no program start."""
    monkeypatch.chdir(tmp_path)

    def started(*arguments: object, **options: object) -> None:
        Path("canary").write_text("a program was started")

    monkeypatch.setattr(os, "system", started)
    monkeypatch.setattr(subprocess, "Popen", started)
    return tmp_path


@pytest.mark.parametrize("formula", HOSTILE)
def test_nothing_runs(frame, canary, formula):
    before = frame.copy()
    with pytest.raises(dj.DataError, match="xformla"):
        evaluate_covariates(frame, formula)
    assert list(canary.iterdir()) == []
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("formula", [f"~ {{{NUMPY}}}", f"~ x1 + {NUMPY}", f"~ I({SYSTEM})"])
def test_the_canary_sings(frame, canary, formula):
    """Handed to formulaic itself, such formulas do run: the test above can fail."""
    with contextlib.suppress(Exception):  # whatever it says, it has run before
        model_matrix(formula, frame, context={"np": np})
    assert list(canary.iterdir()) != []


def test_names_of_columns_are_no_code_either(canary):
    """formulaic puts names in backticks back into code one after the other; these become code."""
    evil = "+__import__('os').system('touch canary')+x"
    plain = "".join(c if c.isalnum() or c == "_" else "_" for c in evil)
    names = [evil, f"z _formulaic_{plain} z2"]
    frame = pd.DataFrame({name: np.arange(4.0) for name in [*names, "x"]})
    formulas = [f"~ I({' + '.join(f'`{n}`' for n in order)})"
                for order in itertools.permutations(names)]  # fmt: skip
    for formula in (*formulas, *(f"~ `{n}`" for n in names)):
        design = evaluate_covariates(frame, formula)
        assert design.k == 2 and design.X[3, 1] in (3.0, 6.0)
        assert list(canary.iterdir()) == []


@pytest.fixture
def study(canary) -> Path:
    """A file with a small panel, in the empty folder."""
    data = pd.DataFrame(
        {
            "y": np.random.default_rng(1).normal(size=60),
            "t": [1, 2, 3] * 20,
            "id": np.repeat(np.arange(20), 3),
            "g": np.repeat([0, 2], 30),
            "x1": 1.0,
        }
    )
    data.to_csv("study.csv", index=False)
    return Path("study.csv")


def test_every_way_of_a_formula(study):
    """Functions, a file of somebody else's and the command line refuse alike."""
    data = pd.read_csv(study)
    roles = {"yname": "y", "tname": "t", "gname": "g", "idname": "id", "xformla": HOSTILE[2]}
    sections = roles | {"idname": None, "cluster": "id"}
    write_specification("study.toml", study, roles, "id")
    spec = dj.datasets.load_specification(Path("study.toml"))
    for function, options in (
        (dj.att_gt, roles),
        (dj.csdid, roles),
        (placebo_laws, sections),
        (dj.att_gt, spec.kwargs),
    ):
        with pytest.raises(dj.DataError, match="xformla"):
            function(data, **options)
    command = ["estimate", "study.csv"]
    command += [part for name, value in roles.items() for part in (f"--{name}", value)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code != 0 and "xformla" in result.output
    assert not Path("canary").exists()


# --- legitimate formulas ------------------------------------------------------------------------

USUAL = [
    "~ x1", "x1 + x2", "~x1+x2", "~ 1 + x1", "~ x1 * x2", "~ x1:x2", "~ x1 / x2", "~ x1 * region",
    "~ region", "~ C(code)", "~ C(region)", "~ region:x1", "~ yes", "~ C(yes)", "~ (x1 + x2)**2",
    "~ (x1 + x2 + region)^2", "~ (x1 + x2) * region", "~ (x1 + x2):region", "~ x1 - x2",
    "~ x1 + x2 - x2", "~ x1 -- x2", "~ +x1", "~ x1 + (x2)", "~ 2:x1", "~ x1 + x1", "~ x1:x1",
    "~ x1*x2*region", "~ log(x1)", "~ np.log(x1)", "~ log10(x1) + log2(x1) + exp(x2)",
    "~ np.sqrt(x1) + np.abs(x2)", "~ np.log(x1):region", "~ I(x1**2)", "~ x1 + I(x1 ** 2)",
    "~ I(x1*x2)", "~ I(x1 / x2)", "~ I((x1 + x2) / 2)", "~ I(-x1)", "~ I(x1**-1)", "~ I(2**x1)",
    "~ I(x1**(1/2))", "~ I(x1**x2)", "~ I(2 * x1 + 3)", "~ I(1e3*x1)", "~ I(x1 > 1.5)",
    "~ I(x1 >= x2)", "~ I(code == 2)", "~ I(region == 'a')", "~ I(region != \"b\")",
    "~ C(x1 > 1.5)", "~ C(x1 > 1.5):x2", "~ I(code // 2)", "~ I(code % 2)", "~ I(x1 - np.log(x1))",
    "~ I(log(x1) ** 2)", "~ I(x1 * (code - 1))", "~ log(x1 + 1)", "~ log(I(x1 * 2))",
    "~ np.log(exp(x2) + 1)", "~ poly(x1, 2)", "~ poly(x1, degree=3)", "~ poly(x1, 2, raw=True)",
    "~ poly(log(x1), 2)", "~ bs(x1, df=5)", "~ bs(x1, 5)", "~ bs(x1, df=4, degree=2)",
    "~ bs(x1, knots=[1.3, 1.6])", "~ bs(x1, knots=(1.3, 1.6))", "~ bs(x2, knots=[-0.5, +0.5])",
    "~ bs(x1, df=5, lower_bound=0, upper_bound=3)", "~ bs(x1, df=6, include_intercept=False)",
    "~ bs(x1, df=5, extrapolation='clip')", "~ cr(x1, df=4)", "~ cs(x1, 4)", "~ cc(x1, df=4)",
    "~ cr(x1, df=4, constraints='center')", "~ bs(x1, df=4):region", "~ center(x1)", "~ scale(x1)",
    "~ scale(x1, ddof=0)", "~ scale(x1, True, False)", "~ standardize(x1)", "~ center(log(x1))",
    "~ I(center(x1)**2)", "~ C(region, contr.treatment(base='b'))",
    "~ C(region, contr.treatment('c'))", "~ C(code, contr.treatment(base=3))",
    "~ C(code, contr.treatment())", "~ `my col`", "~ log(`my col`)",
    "~ `my col`:region", "~ I(`my col` ** 2) + x1", "~ x.1", "~ `x.1` + I(`x.1`**2)", "~ größe",
    "~ log(größe) + größe", "~ `x1` + x2", "~ `class`", "~ C(`my col` > 1.5)", "~\tx1\n+ x2",
    "~ 1", "~", "", "~ 1 + 1", "~ x1 + 1", "1", "~ C(region) + bs(x1, df=4) + I(x2**2) + `my col`",
]  # fmt: skip


@pytest.mark.parametrize("formula", USUAL)
def test_same_design_as_formulaic(frame, formula):
    """Same columns under the same names as before the formula was read here, to the last bit."""
    design = evaluate_covariates(frame, formula)
    expected = model_matrix(formula or "1", frame, context={"np": np}, na_action="ignore")
    assert design.names == tuple(expected.columns)
    np.testing.assert_array_equal(design.X, np.asarray(expected, dtype=float))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_functions_of_one_number(frame, name):
    design = evaluate_covariates(frame, f"~ {name}(x1) + np.{name}(x1)")
    expected = getattr(np, name)(frame["x1"])
    assert design.names == ("Intercept", f"{name}(x1)", f"np.{name}(x1)")
    np.testing.assert_array_equal(design.X[:, 1:], np.column_stack([expected, expected]))


@pytest.mark.parametrize("name", [*(n for n in FUNCTIONS if "." not in n), "np", "contr", "Q"])
def test_a_column_with_the_name_of_a_function(frame, name):
    """Bare it is the column; with parentheses it is the function, of the column too."""
    data = frame.assign(**{name: frame["x1"]})
    design = evaluate_covariates(data, f"~ {name} + log({name}) + np.log({name}):x2")
    assert design.names == ("Intercept", name, f"log({name})", f"np.log({name}):x2")
    x, z = frame["x1"], frame["x2"]
    expected = np.column_stack([x, np.log(x), np.log(x) * z])
    np.testing.assert_array_equal(design.X[:, 1:], expected)


def test_a_column_named_intercept_is_not_the_constant(frame):
    design = evaluate_covariates(frame.assign(Intercept=frame["x2"]), "~ Intercept + I(Intercept)")
    assert design.names == ("Intercept", "`Intercept`", "I(Intercept)")
    np.testing.assert_array_equal(design.X[:, 0], 1.0)
    np.testing.assert_array_equal(design.X[:, 1], frame["x2"])


def test_names_that_formulas_are_written_anew_with(frame):
    data = frame.assign(formula_column0=frame["x2"])
    design = evaluate_covariates(data, "~ formula_column0 + `my col`")
    assert design.names == ("Intercept", "formula_column0", "my col")
    np.testing.assert_array_equal(design.X[:, 1:], frame[["x2", "my col"]])


# --- refusals and their words -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("~ lag(x1)", "'lag', which looks at other rows"),
        ("~ x2 + lag(x1, 1)", "'lag', which looks at other rows"),
        ("~ I(np.cumsum(x1))", "'np.cumsum', which looks at other rows"),
        ("~ np.diff(x1)", "'np.diff'.*by unit first"),
        ("~ x1.shift(1)", "'x1.shift', which looks at other rows"),
        ("~ shift(x1)", "order of the rows"),
        ("~ L(x1)", "order of the rows"),
        ("~ np.tanh(x1)", "the function 'np.tanh'.*Compute anything else first"),
        ("~ factor(region)", "the function 'factor'"),
        ("~ I(x1^2)", r"within functions a power is '\*\*'"),
        ("~ poly(x1, 2)^2x", "'2x' at character"),
        ("~ log(x.1)", "stands in backticks"),
        ("~ bs(x1, df=1000)", "whole number up to 50"),
        ("~ poly(x1, 1000000)", "whole number up to 50"),
        ("~ bs(x1, fd=5)", "argument 'fd' of bs"),
        ("~ log(x1, 2)", "log has no such argument"),
        ("~ I(poly(x1, 2))", r"poly\(\) within another function"),
        ("~ log(3)", "in which there is no column"),
        ("~ log(x1 > 1)", r"comparisons stand in I\(\) only"),
        ("~ C(region, contr.treatment(base=True)) + .", r"'\.' at character"),
        ("~ bs(x1, df=4, extrapolation='klip')", "one of 'raise', 'clip'"),
        ("~ bs(x1, df=4, extrapolation=clip)", "one of 'raise', 'clip'"),
        ("~ poly(x1, 2, raw='True')", "one of True, False"),
        ("~ (x1", r"where '\)' is needed"),
        ("~ x1 x2", "'x2' at character 6"),
        ("~ x1 +", "its end"),
        ("y ~ x1", "left-hand side"),
        ("~ x1 ~ x2", "left-hand side"),
        ("~ nowhere", "no column 'nowhere'"),
        ("~ `np.log`", "no column 'np.log'"),
        ("~ 0 + x1", "leaves out the intercept"),
        ("~ x1 + -1", "leaves out the intercept"),
        ("~ bs(x1, df=2)", "cannot be evaluated.*arguments of its functions"),
        ("~ log(region)", "cannot be evaluated.*what its columns hold"),
    ],
)
def test_what_refusals_say(frame, formula, words):
    with pytest.raises(dj.DataError, match=f"(?s)xformla.*{words}"):
        evaluate_covariates(frame, formula)


@pytest.mark.parametrize(
    "formula",
    [
        "~ " + "x" * 100_000,
        "~ " + "(" * 1000 + "x1" + ")" * 1000,
        "~ " + "(" * 4000,
        "~ " + "log(" * 1000 + "x1" + ")" * 1000,
        "~ I(" + "(" * 1000 + "x1" + ")" * 1000 + ")",
        "~ I(" + "-" * 5000 + "x1)",
        "~ I(" + "+".join(["x1"] * 3000) + ")",
        "~ I(" + "**".join(["x1"] * 2000) + ")",
        "~ I(x1 * 9**9**9**9)",
        "~ I(x1 * (9**99)**99)",
        "~ I(x1 * 9**9999999999)",
        "~ I(x1 * " + "9" * 5000 + ")",
        "~ (x1 + x2)**99",
        "~ (x1 + x2)**999999999",
        "~ " + "*".join(f"x{i}" for i in range(40)),
        "~ " + "+".join(f"x{i}" for i in range(1500)),
        "~ bs(x1, knots=[" + ",".join(["1"] * 3000) + "])",
        "~" * 9000,
        "`" * 9001,
        "1" * 9000 + "x",
    ],
)
def test_limits(frame, formula):
    with pytest.raises(dj.DataError, match="xformla") as caught:
        evaluate_covariates(frame, formula)
    assert len(str(caught.value)) < 1000


def test_long_formulas_within_the_limits():
    data = pd.DataFrame({f"x{i}": np.arange(3.0) for i in range(900)})
    assert evaluate_covariates(data, "~ " + "+".join(data.columns)).k == 901
    assert evaluate_covariates(data, "~ " + ":".join(["x1"] * 3000)).k == 2
    assert evaluate_covariates(data, "~ " + "(" * 20 + "x1" + ")" * 20).k == 2
    assert evaluate_covariates(data, "~ I(" + "+".join(["x1"] * 100) + ")").k == 2


@pytest.mark.parametrize("formula", [3, ["x1"], b"~ x1", 1.5, True])
def test_formulas_are_text(frame, formula):
    with pytest.raises(dj.DataError, match="xformla must be text"):
        evaluate_covariates(frame, formula)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.Timestamp("2020-01-01"), r"Column 'new' \(xformla\).*dt.year"),
        (pd.Timedelta(1, "D"), r"Column 'new' \(xformla\)"),
        (pd.Period("2020-01"), r"Column 'new' \(xformla\)"),
        (1j, "complex"),
    ],
)
def test_types_that_are_no_covariates(frame, values, words):
    with pytest.raises(dj.DataError, match=words):
        evaluate_covariates(frame.assign(new=values), "~ x1 + new")


def test_dates_as_categories(frame):
    dates = pd.to_datetime(["2020-01-01", "2021-01-01"] * 20)
    design = evaluate_covariates(frame.assign(new=dates), "~ C(new)")
    np.testing.assert_array_equal(design.X[:, 1], [0.0, 1.0] * 20)


def test_text_written_anew_holds_nothing_but_the_grammar(frame):
    for formula in USUAL:
        text = read_formula(formula).text
        assert set(text) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_. ~+-*/:^(),=<>!%[]'\""
        )


# --- at random ----------------------------------------------------------------------------------

PIECES = [
    "x1", "x2", "`my col`", "`a\"b`", "`{x}`", "np", "np.log", "np.f2py.os.system", "contr", "I",
    "C", "contr.treatment", "poly", "bs", "scale", "log",
    "(", ")", "(", ")", "(", ")", ",", "+", "-",
    "*", "/", ":", "**", "^", "~", "=", "==", "<", "'a'", '"b"', "'", '"', "`", "{", "}", "[", "]",
    "\\", "\n", " ", "1", "2", "02", "1.5", "1e3", "0", "True", "base", "df", "knots", ".", "%",
    "|", "@", "lambda", "if", "else", "for", "in", "os.system", "__import__",
    "x1(", "log(", "I(", "C(",
    "poly(x1,", "bs(x1,df=", "contr.treatment(base=", "knots=[", "ß", "ｎｐ", "\x00", "\u2028",
    "x.1", "`x.1`", "//", "!=",
]  # fmt: skip
WHOLE = [
    "~ x1 + log(x2)", "~ I(x1**2 + np.log(x2))", "~ C(x1, contr.treatment(base='a')) * `my col`",
    "~ bs(x1, df=4, knots=[1, 2.5]):x2", "~ scale(x1, True, ddof=1) - x2",
    "~ I(x1 == 'a') / (x1+x2)**2",
]  # fmt: skip
ALLOWED = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.keyword, ast.List, ast.Tuple, ast.operator, ast.unaryop, ast.cmpop, ast.Attribute,
)  # fmt: skip


def broken(rng: np.random.Generator) -> str:
    """Return pieces in a row, or a formula with pieces put into it."""
    if rng.random() < 0.5:
        return "~ " + "".join(rng.choice(PIECES, rng.integers(1, 10)))
    formula = str(rng.choice(WHOLE))
    for piece in rng.choice(PIECES, rng.integers(1, 4)):
        at = int(rng.integers(len(formula) + 1))
        formula = formula[:at] + str(piece) + formula[at + int(rng.choice([0, 0, 1, 2, 4])) :]
    return formula


def test_no_other_code_comes_through():
    """Python's own parser sees nothing but the functions of the list in what formulaic gets."""
    rng = np.random.default_rng(11)
    known = {*FUNCTIONS, "contr.treatment"}
    accepted = 0
    for _ in range(8000):
        try:
            text = read_formula(broken(rng)).text
        except dj.DataError:
            continue
        accepted += 1
        for token in tokenize(text):
            if token.kind.value == "name":
                assert token.token.isidentifier() and not token.token.startswith("_"), text
            elif token.kind.value != "python":
                assert set(token.token) <= set("0123456789.+-*/:~^()"), text
            else:
                for node in ast.walk(ast.parse(token.token, mode="eval")):
                    assert isinstance(node, ALLOWED), text
                    if isinstance(node, ast.Call):
                        assert ast.unparse(node.func) in known, text
                    if isinstance(node, ast.Attribute):
                        assert ast.unparse(node) in known, text
    assert accepted > 300
