"""What a training minimises, one function each with its formula, source and shapes."""
