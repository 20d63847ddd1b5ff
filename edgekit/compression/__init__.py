"""Ways to make a network smaller. They make candidates; the judge decides."""
