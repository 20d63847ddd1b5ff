"""From a named source to batches: numpy arrays, their splits, their augmented views. No torch, no onnx."""
