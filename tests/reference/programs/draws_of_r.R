# Status: run as it stands, with R 4.2.2 of Debian 12.
#
# Makes draws_of_r.json: what R itself draws after set.seed, with base R alone.
#
#   Rscript draws_of_r.R draws_of_r.json
#
# `uniform` are runif's first five numbers, `later` the 1999th to 2001st (the generator makes 624
# at a time), `state` the first words of .Random.seed. `signs` are Rademacher multipliers for 70
# units in three draws, + and -, by the rule of BMisc 1.4.8 (multiplier_bootstrap): whole numbers
# as.integer(2147483647 * u + 1), as Rcpp::sample(2147483647, 1) makes them, and of each 31 bits
# from the highest to the lowest.

path <- commandArgs(TRUE)[1]
stopifnot(identical(RNGkind(), c("Mersenne-Twister", "Inversion", "Rejection")))

number <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")

signs <- function(n) {
  whole <- as.integer(2147483647 * runif(ceiling(n / 31)) + 1)
  bits <- sapply(whole, function(w) rev(as.integer(intToBits(w))[1:31]))
  paste(ifelse(as.vector(bits)[1:n] == 1, "+", "-"), collapse = "")
}

drawn <- function(seed) {
  set.seed(seed)
  state <- .Random.seed[3:5]
  u <- runif(2001)
  set.seed(seed)
  rows <- replicate(3, signs(70))
  sprintf(
    '{"seed": %d, "state": %s, "uniform": %s, "later": %s, "signs": [%s]}',
    seed, number(state), number(u[1:5]), number(u[1999:2001]),
    paste0('"', rows, '"', collapse = ", ")
  )
}

seeds <- c(0L, 1L, -5L, 20240901L, 2147483647L, -2147483647L)
lines <- c(
  sprintf('{"program": "%s",', R.version.string), '"seeds": [',
  paste(sapply(seeds, drawn), collapse = ",\n"), "]}"
)
writeLines(lines, path)
