"""The calls behind each fixture, in our arguments."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import scipy.stats
from fixtures import Parity

import didjack as dj

NAMES = {"yname": "y", "tname": "time", "gname": "g"}
COVARIATES = {"none": None, "intercept": None, "numeric": "~ x1 + x2", "x1_x2": "~ x1 + x2"}


def estimated(
    frame: pd.DataFrame, layout: str, method: str, covariates: str = "none", **options: object
) -> dj.ATTgt:
    """Estimate as the words in a fixture's columns say."""
    arguments = NAMES | {
        "idname": None if layout == "repeated-cross-section" else "id",
        "allow_unbalanced_panel": layout == "allow_unbalanced",
        "est_method": method,
        "xformla": COVARIATES[covariates],
    }
    return dj.att_gt(frame, **arguments | options)


def compare_cells(parity: Parity, where: str, res: dj.ATTgt, rows: pd.DataFrame) -> None:
    """Compare estimates and standard errors of group-time effects, in the order of R."""
    labels = np.column_stack([res.cells.group, res.cells.period])
    assert np.array_equal(labels, rows[["group", "time"]].to_numpy(float)), where
    parity.compare(f"{where}, ATT", res.att, rows["att"])
    parity.compare(f"{where}, standard error", res.se, rows["se"])


def compare_average(parity: Parity, where: str, agg: dj.Aggregate, rows: pd.DataFrame) -> None:
    """Compare an average: its elements in the order of R, and the overall effect in each row."""
    values, errors = agg.values, agg.inference.se
    elements = slice(None) if agg.type == "simple" else slice(1, None)
    if agg.type != "simple":
        assert np.array_equal(agg.labels, rows["egt"].to_numpy(float)), where
    parity.compare(f"{where}, elements", values[elements], rows["att"])
    parity.compare(f"{where}, their standard errors", errors[elements], rows["se"])
    for name, own in (("overall_att", values[0]), ("overall_se", errors[0])):
        parity.compare(f"{where}, {name}", np.full(len(rows), own), rows[name])


# ---------------------------------------------------------------- the fixtures


def methods(parity: Parity) -> None:
    """f010: dr, reg and ipw; control groups; panels and repeated cross-sections."""
    frame, staggered = parity.read("input.csv"), parity.read("input-staggered.csv")
    for file, layout, covariates in (
        ("method-grid", "panel", "none"),
        ("covariate-method-grid", "panel", "numeric"),
        ("rc-method-grid", "repeated-cross-section", "none"),
        ("rc-covariate-method-grid", "repeated-cross-section", "numeric"),
    ):
        for method, rows in parity.read(f"expected-{file}.csv").groupby("method", sort=False):
            res = estimated(frame, layout, method, covariates)
            compare_cells(parity, f"{file} {method}", res, rows)
    keys = ["panel_mode", "covariates", "control_group", "method"]
    for key, rows in parity.read("expected-control-method-grid.csv").groupby(keys, sort=False):
        layout, covariates, control_group, method = key
        res = estimated(staggered, layout, method, covariates, control_group=control_group)
        compare_cells(parity, " ".join(key), res, rows)
    parity.refuse("est_method", lambda: estimated(frame, "panel", "bad"), "est_method must be")


def weights(parity: Parity) -> None:
    """f012: weights that change over time, under every fix_weights, and averages with them."""
    balanced, gaps = parity.read("input.csv"), parity.read("input-unbalanced.csv")
    keys = ["panel_mode", "weight_var", "fix_weights", "covariates", "method"]

    def call(key: tuple[str, ...]) -> dj.ATTgt:
        layout, weight, fixed, covariates, method = key
        frame = gaps if layout == "allow_unbalanced" else balanced
        rule = None if fixed == "default" else fixed
        options = {"weightsname": weight, "fix_weights": rule}
        return estimated(frame, layout, method, covariates, **options)

    for file in ("weighted-grid", "time-invariant-fixweights"):
        for key, rows in parity.read(f"expected-{file}.csv").groupby(keys, sort=False):
            compare_cells(parity, " ".join(key), call(key), rows)
    averages = parity.read("expected-weighted-aggte.csv")
    for key, rows in averages.groupby(keys, sort=False):
        res = call(key)
        for type_, part in rows.groupby("type", sort=False):
            where = " ".join((*key, type_))
            compare_average(parity, where, dj.aggte(res, type_), part)
    changing = [
        sum("changes within units" in note for note in estimated(
            balanced, "panel", "reg", weightsname=weight
        ).notes)
        for weight in ("wt", "wt_unit")
    ]  # fmt: skip
    left = [
        note
        for note in estimated(
            gaps, "allow_unbalanced", "reg", weightsname="wt", fix_weights="first_period"
        ).notes
        if "first period" in note
    ]
    events = parity.read("expected-events.csv").set_index("event_key")["expected_count"]
    parity.compare("notes on weights that change", changing, events.iloc[:2])
    # R warns once for each of six cells; here one note names the units.
    parity.compare("a note on units that leave", len(left) > 0, events.iloc[2] > 0)


def bootstrap(parity: Parity) -> None:
    """f014: the multiplier bootstrap with R's draws, by unit and by cluster."""
    frame = parity.read("input.csv")
    for file, cluster in (("bootstrap", None), ("bootstrap-cluster", "cl")):
        rows = parity.read(f"expected-{file}-attgt.csv").rename(columns={"se_analytic": "se"})
        res = estimated(frame, "panel", "reg", clustervars=cluster)
        compare_cells(parity, file, res, rows)
        if cluster:
            count = np.full(len(rows), len(res.clusters(cluster)))
            parity.compare("clusters", count, rows["n_clusters"])
        seed, draws = int(rows["seed"].iloc[0]), int(rows["biters"].iloc[0])
        boot = dj.multiplier(res, rng="R", seed=seed, n_boot=draws)
        band, z = boot.band(), scipy.stats.norm.ppf(0.975)
        limits = band.to_frame()
        ours = {
            "se_boot_r": boot.inference.se,
            "crit_val_r": np.full(len(rows), band.critical_value),
            "ci_low_r": limits["band_low"],
            "ci_high_r": limits["band_high"],
            "point_ci_low_r": res.att - z * boot.inference.se,
            "point_ci_high_r": res.att + z * boot.inference.se,
        }
        for name, values in ours.items():
            if name in rows:
                parity.compare(f"{file}, {name}", values, rows[name])
        if "point_crit_val" in rows:
            inference = res.analytic()
            z = (inference.ci_high - inference.att) / inference.se
            parity.compare("pointwise critical value", z, rows["point_crit_val"])


def unbalanced(parity: Parity) -> None:
    """f016: unbalanced panels and clustered standard errors."""
    frame = parity.read("input.csv")
    keys = ["est_method", "weight_var", "covariates"]
    for file in ("attgt", "cluster-grid"):
        for key, rows in parity.read(f"expected-{file}.csv").groupby(keys, sort=False):
            method, weight, covariates = key
            cluster = "cl" if file == "cluster-grid" else None
            weight = None if weight == "none" else weight
            res = estimated(
                frame, "allow_unbalanced", method, covariates, weightsname=weight,
                clustervars=cluster,
            )  # fmt: skip
            where = f"{file} {key}"
            compare_cells(parity, where, res, rows)
            parity.compare(f"{where}, rows", len(res.panel.rows), rows["sample_n"])
            if cluster:
                parity.compare(where, len(res.clusters("cl")), rows["n_clusters"])
    uniform = parity.read("expected-uniform-count-attgt.csv")
    res = estimated(parity.read("input-uniform-count.csv"), "allow_unbalanced", "reg")
    compare_cells(parity, "uniform-count", res, uniform)
    parity.compare("rows", np.full(len(uniform), len(res.panel.rows)), uniform["sample_n"])
    clustered = parity.read("expected-rt027-cluster-attgt.csv")
    res = estimated(
        parity.read("rt027-unbalanced-cluster.csv"), "allow_unbalanced", "reg",
        base_period="universal", clustervars="cluster",
    )  # fmt: skip
    compare_cells(parity, "rt027", res, clustered)
    sizes = (len(res.clusters("cluster")), res.n, len(res.influence), len(res.panel.rows))
    for size, name in zip(
        sizes, ("n_clusters", "cluster_vector_n", "inffunc_n", "sample_n"), strict=True
    ):
        parity.compare(f"rt027, {name}", np.full(len(clustered), size), clustered[name])
    for type_, rows in parity.read("expected-rt027-cluster-aggte.csv").groupby("agg_type"):
        compare_average(parity, f"rt027 {type_}", dj.aggte(res, type_), rows)
    parity.refuse(
        "clusters that change",
        lambda: estimated(frame, "allow_unbalanced", "reg", clustervars="cl_bad"),
        "changes within a unit",
    )


def without_never_treated(parity: Parity) -> None:
    """f020: nobody is never treated; with never-treated controls the last cohort counts as such."""
    frame = parity.read("input.csv")
    grid = parity.read("expected-control-grid.csv")
    for control_group, rows in grid.groupby("control_group", sort=False):
        options = {"control_group": control_group, "last_as_never": True}
        res = estimated(frame, "panel", "reg", **options)
        compare_cells(parity, control_group, res, rows)
        parity.compare("units", np.full(len(rows), res.n), rows["sample_n"])
        if control_group == "nevertreated":
            compare_sample(parity, res)


def compare_sample(parity: Parity, res: dj.ATTgt) -> None:
    """Compare which rows are in the sample, and as which cohort."""
    mask = parity.read("expected-sample-mask.csv")
    ours = np.zeros(len(mask), dtype=bool)
    ours[res.panel.rows] = True
    included = mask["included"].to_numpy(bool)
    parity.compare("rows in the sample", ours, included)
    cohort = np.full(len(mask), np.nan)
    cohort[res.panel.rows] = res.panel.cohorts[res.panel.cohort]
    expected = np.where(included, mask["group"], np.nan)
    parity.compare("cohorts of the rows", cohort, expected)


def cohorts_after_the_sample(parity: Parity) -> None:
    """f022: cohorts treated after the last period; negative ones."""
    res = estimated(parity.read("input.csv"), "panel", "reg")
    rows = parity.read("expected-attgt.csv")
    compare_cells(parity, "cells", res, rows)
    parity.compare("rows", np.full(len(rows), len(res.panel.rows)), rows["sample_n"])
    compare_sample(parity, res)
    parity.refuse(
        "negative cohorts",
        lambda: estimated(parity.read("negative-g.csv"), "panel", "reg"),
        "negative",
    )


def compare_tidy(parity: Parity, file: str, inference: dj.Inference, chosen: slice) -> None:
    """Compare a table of estimates with statistics and limits; without bands both limits agree."""
    rows = parity.read(file)
    columns = {
        "estimate": inference.att,
        "std_error": inference.se,
        "statistic": inference.att / inference.se,
        "p_value": inference.p,
        "conf_low": inference.ci_low,
        "conf_high": inference.ci_high,
        "point_conf_low": inference.ci_low,
        "point_conf_high": inference.ci_high,
    }
    for name, values in columns.items():
        if name in rows:
            parity.compare(f"{file} {name}", values[chosen], rows[name])


def compare_tables(parity: Parity, res: dj.ATTgt) -> None:
    """Compare the tables of cells and of all averages."""
    compare_tidy(parity, "expected-tidy-attgt.csv", res.analytic(), slice(None))
    for type_ in ("simple", "group", "calendar", "dynamic"):
        inference = dj.aggte(res, type_).inference
        # R leaves the overall effect out of the table of event times and of periods.
        chosen = slice(None) if type_ in ("simple", "group") else slice(1, None)
        compare_tidy(parity, f"expected-tidy-aggte-{type_}.csv", inference, chosen)


def tables(parity: Parity) -> None:
    """f027: the tables of tidy and glance."""
    res = estimated(parity.read("input.csv"), "panel", "reg")
    compare_tables(parity, res)
    for name in ("attgt", "aggte-simple", "aggte-group", "aggte-calendar", "aggte-dynamic"):
        rows = parity.read(f"expected-glance-{name}.csv")
        ours = (res.n, len(res.groups), len(res.times))
        parity.compare(f"glance {name}", ours, rows[["nobs", "ngroup", "ntime"]].iloc[0])


def tables_of_mpdta(parity: Parity) -> None:
    """rt026: the tables of tidy on mpdta."""
    frame = parity.read("mpdta.csv")
    res = dj.att_gt(frame, "lemp", "year", "first_treat", "countyreal")
    compare_tables(parity, res)
    nobs = parity.read("expected-nobs.csv")["nobs"]
    parity.compare("units", np.full(len(nobs), res.n), nobs)


def two_periods(parity: Parity) -> None:
    """f033: functions of DRDID on two periods, with two levels of trimming."""
    frame = parity.read("input.csv")

    def call(row: pd.Series, method: str, weight: str, trim: float) -> dj.ATTgt:
        weight = None if weight == "none" else weight
        return estimated(
            frame, row["panel_mode"], method, row["covariates"], weightsname=weight,
            pscoretrim=trim,
        )  # fmt: skip

    for _, row in parity.read("expected-drdid-direct-grid.csv").iterrows():
        res = call(row, row["method"], row["weight_var"], row["pscoretrim"])
        where = row["scenario"]
        compare_cells(parity, f"{where} {row['method']}", res, row.to_frame().T)
        parity.compare(f"{where}, units", res.n, row["nobs"])
    ours_of = {
        "drdid_imp_panel": "drimp",
        "drdid_imp_rc": "drimp",
        "ipw_did_panel": "ipw_ht",
        "ipw_did_rc": "ipw_ht",
        "drdid_rc1": "dr_rc1",
        "drdid_imp_rc1": "drimp_rc1",
    }
    for _, row in parity.read("expected-drdid-alternative-grid.csv").iterrows():
        where, function = row["scenario"], row["alternative_function"]
        target = call(row, row["method"], "w", 0.995)
        expected = row[["target_att", "target_se"]]
        parity.compare(where, [target.att[0], target.se[0]], expected)
        other = call(row, ours_of[function], "w", 0.995)
        ours = np.array([other.att[0], other.se[0]])
        parity.compare(function, ours, row[["alternative_att", "alternative_se"]])
        gap = np.abs(ours - [target.att[0], target.se[0]])
        parity.compare(f"{function}, gap", gap, row[["abs_delta_att", "abs_delta_se"]])


def one_covariate(parity: Parity) -> None:
    """f039: analytic inference with a covariate."""
    frame = parity.read("input.csv")
    cells, averages = parity.read("expected-attgt.csv"), parity.read("expected-aggte.csv")
    sizes = parity.read("expected-inference-dimensions.csv").set_index("scenario")
    for scenario, rows in cells.groupby("scenario", sort=False):
        method, layout = rows["method"].iloc[0], rows["panel_mode"].iloc[0]
        idname = None if layout == "repeated-cross-section" else "id"
        res = dj.att_gt(frame, "Y", "period", "G", idname, est_method=method, xformla="~ X")
        compare_cells(parity, scenario, res, rows)
        of_scenario = averages[averages["scenario"] == scenario]
        for type_, part in of_scenario.groupby("agg_type", sort=False):
            compare_average(parity, f"{scenario} {type_}", dj.aggte(res, type_), part)
        ours = {
            "n_inffunc_rows": res.influence.shape[0],
            "n_inffunc_cols": res.influence.shape[1],
            "n_att": len(res.att),
            "n_obs": len(res.panel.rows),
            "positive_finite_se_count": (res.se > 0).sum(),
            "finite_att_count": np.isfinite(res.att).sum(),
            "nonzero_if_count": (res.influence != 0).sum(),
            "all_finite_if": np.isfinite(res.influence).all(),
        }
        expected = sizes.loc[scenario, list(ours)]
        parity.compare(f"{scenario}, sizes", list(ours.values()), expected)


def pairwise(parity: Parity) -> None:
    """f054: pairwise balancing."""
    rows = parity.read("expected-attgt-pair.csv")
    res = estimated(
        parity.read("input.csv"), "panel", "reg", balance="pair", control_group="notyettreated"
    )
    compare_cells(parity, "pair", res, rows)
    parity.compare("treated", res.estimates.n_treated, rows["n_treat"])
    parity.compare("controls", res.estimates.n_control, rows["n_control"])
    parity.compare("base periods", res.cells.base_period, rows["pret"])


FIXTURES = {
    "f010": methods,
    "f012": weights,
    "f014": bootstrap,
    "f016": unbalanced,
    "f020": without_never_treated,
    "f022": cohorts_after_the_sample,
    "f027": tables,
    "f033": two_periods,
    "f039": one_covariate,
    "f054": pairwise,
    "rt026": tables_of_mpdta,
}


@cache
def compared(name: str) -> Parity:
    """Compare every number of a fixture, once in a run."""
    parity = Parity(name)
    FIXTURES[name](parity)
    return parity
