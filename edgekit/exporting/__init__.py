"""PyTorch to ONNX: the exported head and tail, the ladder of exporters, the proof, and the bundle."""
