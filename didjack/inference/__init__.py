"""Standard errors, intervals and tests: analytic, and by the cluster jackknife."""
