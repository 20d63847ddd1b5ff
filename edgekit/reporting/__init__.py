"""What a run has to show: the terminal table, the page and its plots. Reads run folders; no torch, no onnx."""
