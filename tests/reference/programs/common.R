# Status: reconstructed from the specification in ../README.md; not run.
#
# What the other programs share: the data behind the name of a run, the parts of a result that the
# files hold, and JSON with 17 significant digits. Needs jsonlite, and haven for merit.dta.

folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
shipped <- file.path(folder, "..", "..", "..", "data")

read_file <- function(path) jsonlite::fromJSON(path, simplifyVector = TRUE, simplifyDataFrame = FALSE)

write_file <- function(value, path) {
  text <- jsonlite::toJSON(value, digits = I(17), auto_unbox = TRUE, null = "null", na = "null")
  writeLines(text, path)
}

# The first part of a key names the data: mpdta, mpdta_panel, mpdta_unbal, mpdta_rc, mpdta_rc_st,
# mpdta_rc_county, castle, merit_rc.
data_of <- function(key, merit = NULL) {
  source <- strsplit(key, "|", fixed = TRUE)[[1]][1]
  if (startsWith(source, "castle")) return(utils::read.csv(file.path(shipped, "castle.csv")))
  if (startsWith(source, "merit")) {
    data <- as.data.frame(haven::zap_labels(haven::read_dta(merit)))
    first <- tapply(ifelse(data$merit == 1, data$year, Inf), data$state, min)
    gvar <- as.numeric(first[as.character(data$state)])
    data$gvar <- ifelse(is.finite(gvar), gvar, 0)
    return(data)
  }
  data <- utils::read.csv(file.path(shipped, "mpdta.csv"))
  data$st <- floor(data$countyreal / 1000)
  if (startsWith(source, "mpdta_unbal")) {
    data <- data[(data$countyreal * 7 + data$year) %% 11 != 0, ]
  }
  data
}

roles_of <- function(key) {
  source <- strsplit(key, "|", fixed = TRUE)[[1]][1]
  if (startsWith(source, "castle")) {
    return(list(yname = "l_homicide", tname = "year", gname = "gvar", idname = "sid"))
  }
  if (startsWith(source, "merit")) {
    return(list(yname = "coll", tname = "year", gname = "gvar", panel = FALSE))
  }
  roles <- list(yname = "lemp", tname = "year", gname = "first.treat")
  if (startsWith(source, "mpdta_rc")) return(c(roles, panel = FALSE))
  roles <- c(roles, idname = "countyreal")
  if (startsWith(source, "mpdta_unbal")) roles <- c(roles, allow_unbalanced_panel = TRUE)
  roles
}

# Evaluate, and keep what was said meanwhile.
heard <- function(expression) {
  warnings <- messages <- character(0)
  value <- withCallingHandlers(
    expression,
    warning = function(w) {
      warnings <<- c(warnings, conditionMessage(w))
      invokeRestart("muffleWarning")
    },
    message = function(m) {
      messages <<- c(messages, conditionMessage(m))
      invokeRestart("muffleMessage")
    }
  )
  list(value = value, warnings = I(warnings), messages = I(messages))
}

cells_of <- function(gt) {
  list(group = I(gt$group), t = I(gt$t), att = I(as.numeric(gt$att)), se = I(as.numeric(gt$se)))
}

aggregations_of <- function(gt, before = function() NULL, ...) {
  types <- c("simple", "group", "dynamic", "calendar")
  one <- function(type) {
    before()
    run <- heard(did::aggte(gt, type = type, ...))
    agg <- run$value
    list(
      att = agg$overall.att, se = as.numeric(agg$overall.se), egt = agg$egt,
      att_egt = agg$att.egt, se_egt = if (is.null(agg$se.egt)) NULL else as.numeric(agg$se.egt),
      warnings = run$warnings
    )
  }
  stats::setNames(lapply(types, one), types)
}
