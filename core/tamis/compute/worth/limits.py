"""How many super-clusters there may be, what each must have, and how many runs tell them apart."""

MOST = 12
FEWEST_ROWS = 8
SMALLEST_SHARE = 0.02
USUAL_RUNS, FEWEST_RUNS = 4, 2  # for each super-cluster
