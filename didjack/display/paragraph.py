"""The methods paragraph of a paper, written from a result: every number in it is computed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from didjack.comparison import CLUSTERED, STUDENT, Comparison
from didjack.core.results import Inference
from didjack.display.diagnostics import (
    cohort_codes,
    influence_frame,
    records,
    unit_noun,
)
from didjack.display.latex import latex_text
from didjack.display.rule_sentences import sentences_on_rules
from didjack.display.vocabulary import WORDS
from didjack.display.wording import (
    cluster_label,
    code_text,
    count,
    decimals,
    interval,
    label,
    listed,
    markdown_text,
    number,
    one_line,
    p_equals,
    percent,
    percent_label,
)
from didjack.effects.attgt import ATTgt
from didjack.errors import DataError
from didjack.estimators import ESTIMATORS
from didjack.inference.few_treated import NAMES
from didjack.inference.jackknife import Jackknife
from didjack.inference.randomization import Randomization
from didjack.inference.verdict import Verdict
from didjack.sample.panel import NEVER

# What stands for a citation or for the name of a column until the form is known.
_MARK = re.compile(r"\x01(\w+):(.*?)\x02")
FORMS = ("text", "markdown", "latex")
WORKS = {
    "callaway2021": "Callaway and Sant'Anna 2021",
    "karim2026": "Karim, Nielsen, MacKinnon and Webb 2026",
    "abadie2005": "Abadie 2005",
    "santanna2020": "Sant'Anna and Zhao 2020",
}
LEFT_OUT = {
    "rows": "Rows left out for",
    "units": "Units left out of",
    "cohort": "Cohort",
    "periods": "Periods",
    "covariate": "Covariate left out:",
}
_TOO_FEW = "with fewer than two treated clusters a t statistic has none that is valid"
NAMED = 4  # clusters that a sentence names before it counts the others


def methods_paragraph(
    cmp: Comparison,
    type: str = "simple",
    names: Mapping[object, str] | None = None,
    form: str = "text",
) -> str:
    r"""Write what a paper has to say about an estimate and its standard error.

    Sample, cohorts, estimator, controls, base period, aggregation, clusters, jackknife, result,
    influence of single clusters, cohorts that leave with one, what was left out, and software.

    Parameters
    ----------
    cmp : Comparison
        From `csdid`.
    type : {"simple", "dynamic", "group", "calendar"}
        The average that the paper reports, of those in `cmp`.
    names : mapping, optional
        Cluster to name for readers.
    form : {"text", "markdown", "latex"}
        Citations in words, as `[@key]`, or as `\citep{key}` with keys callaway2021, karim2026 and
        santanna2020; names of columns as they are, as code, or in `\texttt`.

    Returns
    -------
    str
        One paragraph. Outcome, periods and clusters carry the names of their columns.

    Raises
    ------
    DataError
        `cmp` has no such average, or there is no such form.
    """
    if type not in cmp.jackknives:
        raise DataError(f"There is no average {type!r} here; there is {listed(cmp.jackknives)}.")
    if form not in FORMS:
        raise DataError(f"form must be {listed(FORMS, last='or')}, not {form!r}.")
    res = cmp.attgt
    sentences = [
        *_sample(res),
        *_cohorts(res),
        *_estimator(res),
        _average(cmp, type),
        *_inference(cmp, type, names),
        *_result(cmp, type),
        *_influence(cmp.recommended(type), names),
        *_left_out(res),
        _software(),
    ]
    return _settle(" ".join(sentences), form)


def _cite(key: str) -> str:
    return f"\x01cite:{key}\x02"


def _column(name: object) -> str:
    return f"\x01column:{one_line(str(name))}\x02"


def _settle(text: str, form: str) -> str:
    """Give citations and columns their form; escape what stands between them."""
    forms: dict[str, Callable[[str], str]] = {"latex": latex_text, "markdown": markdown_text}
    escape = forms.get(form, str)

    def write(kind: str, value: str) -> str:
        if form == "latex":
            return f"~\\citep{{{value}}}" if kind == "cite" else rf"\texttt{{{latex_text(value)}}}"
        if form == "markdown":
            return f" [@{value}]" if kind == "cite" else code_text(value)
        return f" ({WORKS[value]})" if kind == "cite" else value

    first, *rest = _MARK.split(text)  # text, then kind, value and text of each mark
    marks = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    return escape(first) + "".join(write(k, v) + escape(after) for k, v, after in marks)


def _sample(res: ATTgt) -> list[str]:
    panel, times = res.panel, res.times
    first, last = (label(t, res.frequency) for t in times[[0, -1]])
    span = f"{count(len(times), 'period')} ({first} to {last})"
    if unit_noun(res) == "row":
        return [f"The data are repeated cross-sections with {count(res.n, 'row')} in {span}."]
    kind = "an unbalanced" if panel.is_unbalanced else "a balanced"
    unit = _column(panel.roles.idname)
    return [f"The sample is {kind} panel of {count(res.n, 'unit')} ({unit}) in {span}."]


def _cohorts(res: ATTgt) -> list[str]:
    panel, noun = res.panel, unit_noun(res)
    treated = np.isin(panel.unit_cohort, panel.treated)
    never = panel.cohorts[panel.unit_cohort] == NEVER
    groups = [label(g, res.frequency) for g in res.groups]
    when = (
        f"first treated in {groups[0]}"
        if len(groups) == 1
        else f"first treated between {groups[0]} and {groups[-1]}"
    )
    sentence = f"{count(int(treated.sum()), noun)} in {count(len(groups), 'cohort')} are {when}"
    rest = f"; {count(int(never.sum()), noun)} are never treated." if never.any() else "."
    if panel.control_only is not None:
        last = label(panel.control_only, res.frequency)
        rest = f"; the last cohort, {last}, serves as control only."
    return [sentence + rest]


def _estimator(res: ATTgt) -> list[str]:
    roles, options = res.panel.roles, res.options
    words = _words(options.est_method, own=options.function is not None)
    method = "without covariates, by differences of mean changes"
    if not options.is_difference_of_means(res.panel) and not roles.xformla:
        method = f"by {words} without covariates"
    elif roles.xformla:
        method = f"by {words} with the covariates {_column(roles.xformla)}"
    controls = {
        "nevertreated": "never treated",
        "notyettreated": "not yet treated",
    }[options.control_group]
    sentences = [
        f"Group-time average treatment effects on {_column(roles.yname)} are estimated"
        f"{_cite('callaway2021')} {method}; controls are {unit_noun(res)}s that are {controls}."
    ]
    ahead = roles.anticipation
    base = "the last one before treatment"
    if ahead:
        base += f", moved back by {count(ahead, 'period')} of anticipation"
    early = {
        "varying": "; effects before treatment are changes from one period to the next",
        "universal": ", for effects before treatment too",
    }[options.base_period]
    sentences.append(f"The base period is {base}{early}.")
    if roles.weightsname:
        sentences.append(f"All means are weighted by {_column(roles.weightsname)}.")
    return [*sentences, *sentences_on_rules(res)]


def _words(est_method: str, own: bool) -> str:
    if own:
        return f"the estimator {_column(est_method)}"
    found = ESTIMATORS[est_method]
    return found.words + ("" if found.source is None else _cite(found.source))


def _average(cmp: Comparison, type: str) -> str:
    rule = cmp.aggregates[type].elements.rule
    size = "cohort size" if rule.weights == "did" else "the number of treated rows"
    return f"The parameter is {WORDS[type].sentence.format(size=size)}."


def _inference(cmp: Comparison, type: str, names: Mapping[object, str] | None) -> list[str]:
    jk = cmp.jackknives[type]
    treated = int(jk.n_treated_clusters[0])
    verb = "is" if treated == 1 else "are"
    sentences = [
        f"Standard errors are from the cluster jackknife (CV3){_cite('karim2026')}: everything is "
        f"estimated again without each of the {jk.n_clusters:,} clusters ({_column(jk.cluster)}), "
        f"of which {treated:,} {verb} treated."
    ]
    if type in cmp.exact:
        model = cmp.exact[type].exact
        assert model is not None  # that is what makes it exact
        sentences.append(
            "Averages keep their weights under deletion, and critical values are exact under the "
            f"assumption that {model.model.assumption}."
        )
    else:
        sentences.append(f"Critical values are those of t({jk.df:,}).")
    if len(jk.skipped):
        clusters = _clusters(jk.skipped["cluster"].tolist(), jk.cluster, names)
        sentences.append(f"No estimate exists without {clusters}; this deletion is left out.")
    return sentences


def _result(cmp: Comparison, type: str) -> list[str]:
    jk, found = cmp.recommended(type), cmp.inferences(type)
    clustered, student = found[CLUSTERED], found[STUDENT]
    digits = decimals([clustered.se[0], jk.se])
    estimate = (
        f"The estimate is {number(jk.att, digits)} with a standard error of {number(jk.se, digits)}"
    )
    if np.isfinite(jk.p):
        estimate += (
            f" ({percent_label(jk.level)} interval {interval(*jk.ci, digits)}, {p_equals(jk.p)})"
        )
    sentences = [
        f"{estimate}; influence functions clustered by {_column(jk.cluster)} give a standard "
        f"error of {number(clustered.se[0], digits)}."
    ]
    if type in cmp.exact:
        sentences.append(_of_student(student, cmp.jackknives[type]))
    elif not np.isfinite(jk.p):
        sentences.append(f"No p-value is reported: {_TOO_FEW}.")
    if type in cmp.exact:
        sentences.append(_of_verdict(cmp.verdict(type)))
    if type in cmp.randomizations:
        sentences.append(_of_randomization(cmp.randomizations[type]))
    for test in cmp.placebos(type):
        if np.isfinite(test.p[0]):
            sentences.append(
                f"{NAMES[test.method]} inference from {test.n_controls:,} controls gives "
                f"{p_equals(test.p[0])}."
            )
    return sentences


def _of_student(student: Inference, jk: Jackknife) -> str:
    if np.isfinite(student.p[0]):
        return f"With t({jk.df:,}) critical values {p_equals(student.p[0])}."
    return f"No p-value of t({jk.df:,}) is reported: {_TOO_FEW}."


def _of_verdict(verdict: Verdict) -> str:
    """Say what the design makes of the exact p-value; `didjack.inference.decision` has the rule."""
    if verdict.decision is None:
        return "There is no exact p-value."
    sizes = verdict.decision.sizes
    noise = " noise of units," if "units" in verdict.decision.models else ""
    base = (
        f"Over {len(sizes)} models of the errors (autocorrelation,{noise} treated clusters that "
        "vary twice and half as much) the size of this exact test is at most "
        f"{percent(sizes.max(), 1)}"
    )
    if verdict.rule == "exact":
        return f"{base}, so that it decides."
    said = {
        True: "the finding is significant in each of them",
        False: "the finding is not significant",
        None: "the finding is not significant in each of them, and no test holds its level",
    }[verdict.significant]
    return f"{base}; {said}."


def _of_randomization(test: Randomization) -> str:
    return (
        f"Dealing the treatment out to the clusters in {1 + len(test.assignments):,} ways "
        f"(randomization inference on the CV3 t statistic) gives {p_equals(test.p_t)}."
    )


def _influence(jk: Jackknife, names: Mapping[object, str] | None) -> list[str]:
    frame = influence_frame(jk, names)
    moved = frame[np.isfinite(frame["without"])]
    if moved.empty:
        return []
    digits = decimals([float(moved["change"].abs().max())], 2)
    low, high = (number(v, digits) for v in (moved["without"].min(), moved["without"].max()))
    first = next(iter(records(moved)))
    sentences = [
        f"Without any one cluster it lies between {low} and {high}; {first.name} moves it most and "
        f"makes up {percent(first.share)} of its variance."
    ]
    sole = cohort_codes(jk.aggregate.attgt, jk.cluster)
    sole = sole[(sole["clusters"] == 1) & sole["cohort"].isin(jk.aggregate.attgt.groups)]
    sole = sole[~sole["sole_cluster"].isin(jk.skipped["cluster"])]
    if len(sole):
        sentences.append(_alone(sole, jk, names))
    return sentences


def _alone(sole: pd.DataFrame, jk: Jackknife, names: Mapping[object, str] | None) -> str:
    clusters = _clusters(sole["sole_cluster"].tolist(), jk.cluster, names)
    cohorts = listed([label(g, jk.aggregate.attgt.frequency) for g in sole["cohort"]], NAMED)
    if len(sole) == 1:
        start = f"Cohort {cohorts} is a single cluster ({clusters}): without it"
    else:
        start = f"Cohorts {cohorts} are a single cluster each ({clusters}): without one of them"
    moves = (
        "its effects are held at their full-sample estimates"
        if jk.estimand == "fixed"
        else "the average is over the other cohorts"
    )
    return f"{start}, {moves}."


def _clusters(values: Sequence[object], cluster: str, names: Mapping[object, str] | None) -> str:
    return listed([cluster_label(v, cluster, names) for v in values], NAMED)


def _left_out(res: ATTgt) -> list[str]:
    """Tell what the ledger has; cells that cannot be estimated only as a number."""
    ledger = res.ledger.rename(columns={"count": "size"})  # tuples have a method count
    sentences = []
    for row in records(ledger[ledger["kind"].isin(LEFT_OUT)]):
        size = count(int(row.size), "unit" if row.kind == "units" else "row")
        is_column = row.kind in ("rows", "units", "covariate")
        name = _column(row.what) if is_column else one_line(str(row.what))
        sentences.append(f"{LEFT_OUT[row.kind]} {name} ({size}): {one_line(row.reason)}.")
    missing = int((~res.estimable).sum())
    if missing:
        total = count(len(res.cells), "group-time effect")
        sentences.append(f"Of {total}, {missing:,} cannot be estimated.")
    return sentences


def _software() -> str:
    from didjack.version import __version__

    return f"Computed with didjack {__version__}."
