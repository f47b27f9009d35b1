# Status: reconstructed from the specification in ../README.md; not run.
#
# Makes the rows of R in castle_didjack.json, and r_mpdta_didjack.json and r_merit_didjack.json:
#
#   Rscript didjack.R castle castle_R.json          # R 4.5.2, did 2.3.0, didjack 0.1.0 (818c72b)
#   Rscript didjack.R mpdta r_mpdta_didjack.json    # did 2.3.0, didjack 0.1.0
#   Rscript didjack.R merit r_merit_didjack.json merit.dta    # did 2.5.1, didjack 0.1.0
#
# castle_R.json is the part "R" of castle_didjack.json. Its published rows carry 15 significant
# digits. didjack refits from the call, so the data must lie where it looks for them: in the
# environment of its caller.

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
source(file.path(dirname(here), "common.R"))
library(did)
library(didjack)

args <- commandArgs(TRUE)
data <- data_of(if (args[1] == "merit") "merit_rc" else args[1], args[3])

inference <- function(agg, cluster) {
  jack <- didjack(agg, cluster = cluster)
  list(agg = agg, jack = jack, clusters = sort(unique(data[[cluster]])))
}

if (args[1] == "castle") {
  # Written out: didjack repeats the call as it stands, and finds in it only the data by name.
  runs <- list(
    never_unw = att_gt(yname = "l_homicide", tname = "year", idname = "sid", gname = "gvar",
      data = data, est_method = "reg", control_group = "nevertreated",
      base_period = "universal", clustervars = "sid", bstrap = FALSE, cband = FALSE),
    never_wt = att_gt(yname = "l_homicide", tname = "year", idname = "sid", gname = "gvar",
      data = data, est_method = "reg", control_group = "nevertreated",
      base_period = "universal", clustervars = "sid", weightsname = "popwt", bstrap = FALSE, cband = FALSE),
    notyet_unw = att_gt(yname = "l_homicide", tname = "year", idname = "sid", gname = "gvar",
      data = data, est_method = "reg", control_group = "notyettreated",
      base_period = "universal", clustervars = "sid", bstrap = FALSE, cband = FALSE),
    notyet_wt = att_gt(yname = "l_homicide", tname = "year", idname = "sid", gname = "gvar",
      data = data, est_method = "reg", control_group = "notyettreated",
      base_period = "universal", clustervars = "sid", weightsname = "popwt", bstrap = FALSE, cband = FALSE)
  )
  rows <- list()
  for (spec in names(runs)) {
    for (type in c("simple", "dynamic", "group", "calendar")) {
      made <- inference(aggte(runs[[spec]], type = type, bstrap = FALSE, cband = FALSE), "sid")
      rows[[length(rows) + 1]] <- list(
        spec = spec, type = type, att = made$jack$ATT, se = made$jack$cv3se,
        df = made$jack$cv3df, reps = made$jack$reps, atts = made$jack$atts
      )
    }
  }
  write_file(list(rows = rows), args[2])
} else if (args[1] == "mpdta") {
  gt <- att_gt(yname = "lemp", tname = "year", idname = "countyreal", gname = "first.treat",
    data = data, est_method = "reg", clustervars = "countyreal", bstrap = FALSE, cband = FALSE)
  made <- inference(aggte(gt, type = "simple", bstrap = FALSE, cband = FALSE), "countyreal")
  write_file(list(
    type = "simple", att = made$jack$ATT, se_analytic = as.numeric(made$agg$overall.se),
    cv3se = made$jack$cv3se, t = made$jack$cv3t, p = made$jack$cv3p,
    lci = made$jack$cv3lci, uci = made$jack$cv3uci, df = made$jack$cv3df,
    reps = made$jack$reps, singclust = made$jack$singclust,
    clusters = made$clusters, atts = made$jack$atts
  ), args[2])
} else {
  gt <- att_gt(yname = "coll", tname = "year", gname = "gvar", data = data, xformla = ~ male + black + asian,
    panel = FALSE, est_method = "reg", clustervars = "state", bstrap = FALSE, cband = FALSE)
  one <- function(type) {
    made <- inference(aggte(gt, type = type, bstrap = FALSE, cband = FALSE), "state")
    list(
      att = made$jack$ATT, se_analytic = as.numeric(made$agg$overall.se), egt = I(made$agg$egt),
      att_egt = I(made$agg$att.egt), cv3se = made$jack$cv3se, cv3t = made$jack$cv3t,
      cv3p = made$jack$cv3p, lci = made$jack$cv3lci, uci = made$jack$cv3uci,
      df = made$jack$cv3df, reps = made$jack$reps, singclust = made$jack$singclust,
      clusters = made$clusters, atts = made$jack$atts
    )
  }
  write_file(list(simple = one("simple"), group = one("group")), args[2])
}
