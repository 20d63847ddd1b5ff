"""Sessions under latency/: feeds made from a model's signature, and models timed side by side."""
