# Status: reconstructed from the specification in ../README.md and in the file itself; not run.
#
# Makes r_mpdta_panel.json, r_mpdta_unbalanced.json, r_mpdta_rc.json, r_castle_panel.json,
# r_merit_rc.json and r_merit_rc_universal.json: group-time effects and their four aggregations,
# with analytic standard errors.
#
#   Rscript runs.R r_mpdta_panel.json new/r_mpdta_panel.json [merit.dta]
#
# The first file names the runs (under `spec`), the second is written. R 4.2.2, did 2.5.1,
# DRDID 1.2.3; jsonlite for the files, haven for merit.dta.
#
# Not known: the order in which the runs were made, and whether mpdta came from the package or
# from data/mpdta.csv, which holds the same numbers.

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
source(file.path(dirname(here), "common.R"))

args <- commandArgs(TRUE)
specified <- read_file(args[1])
estimate <- function(key, spec) {
  data <- data_of(key, args[3])
  arguments <- c(roles_of(key), list(
    data = data,
    xformla = stats::as.formula(spec$xformla),
    est_method = spec$est_method,
    control_group = spec$control_group,
    base_period = spec$base_period,
    anticipation = spec$anticipation,
    weightsname = spec$weightsname,
    bstrap = FALSE,
    cband = FALSE
  ))
  run <- heard(do.call(did::att_gt, arguments))
  gt <- run$value
  na_rm <- anyNA(gt$att)
  result <- list(
    spec = spec,
    warnings = run$warnings,
    messages = run$messages,
    n = gt$n,
    gt = cells_of(gt),
    wald = if (is.null(gt$W)) NULL else as.numeric(gt$W),
    agg_na_rm = na_rm,
    agg = aggregations_of(gt, na.rm = na_rm, bstrap = FALSE, cband = FALSE)
  )
  result[!vapply(result, is.null, logical(1))]
}
specified$specs <- Map(estimate, names(specified$specs), lapply(specified$specs, `[[`, "spec"))
write_file(specified, args[2])
