"""One file for each set of data that the benchmarks need: where it comes from, and in which form it is kept."""
