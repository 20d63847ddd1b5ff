"""Latency of any callable: interleaved sampling, comparison, and the record of it. Knows nothing of ONNX."""
