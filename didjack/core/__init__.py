"""Linear algebra, sums by cluster, standard errors: what knows nothing of treatment."""
