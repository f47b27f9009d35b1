# Status: reconstructed from the specification in ../README.md and in the files themselves; not run.
#
# Makes r_clustered_analytic.json (analytic standard errors, clustered) and r_mboot50000.json
# (multiplier bootstrap of 50,000 draws, some clustered):
#
#   Rscript clustered.R r_clustered_analytic.json new/r_clustered_analytic.json merit.dta
#   Rscript clustered.R r_mboot50000.json new/r_mboot50000.json merit.dta
#
# did 2.5.1, DRDID 1.2.3. The bootstrap sets the seed of its run (20240901 under `spec`) before
# att_gt and before every aggte, as the note in the file says; its draws depend on the version of
# R and on BMisc as well, so expect the numbers up to their Monte Carlo error of about .5%.
#
# `secs_att_gt` is the time that att_gt took and will not come out the same.

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
source(file.path(dirname(here), "common.R"))

args <- commandArgs(TRUE)
specified <- read_file(args[1])
estimate <- function(key, spec) {
  draws <- spec$biters
  arguments <- c(roles_of(key), list(
    data = data_of(key, args[3]),
    xformla = stats::as.formula(spec$xformla),
    est_method = spec$est_method,
    control_group = spec$control_group,
    base_period = spec$base_period,
    clustervars = spec$clustervars,
    bstrap = !is.null(draws),
    cband = FALSE
  ))
  if (!is.null(draws)) {
    arguments <- c(arguments, biters = draws, faster_mode = spec$faster_mode)
  }
  seed <- function() if (!is.null(spec$seed)) set.seed(spec$seed)
  seed()
  began <- proc.time()[["elapsed"]]
  run <- heard(do.call(did::att_gt, arguments))
  seconds <- proc.time()[["elapsed"]] - began
  options <- list(run$value, before = seed, bstrap = !is.null(draws), cband = FALSE)
  if (!is.null(draws)) options$biters <- draws
  list(
    secs_att_gt = seconds,
    warnings = run$warnings,
    gt = cells_of(run$value),
    agg = do.call(aggregations_of, options),
    spec = spec
  )
}
specified$specs <- Map(estimate, names(specified$specs), lapply(specified$specs, `[[`, "spec"))
write_file(specified, args[2])
