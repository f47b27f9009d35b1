"""Cluster-jackknife inference for staggered difference-in-differences."""
