"""One file per kind of source; each has `read`, which opens what it names and hands over arrays as they are."""
