"""ONNX in, ONNX out: look into a graph, clean it, quantize it. Imports onnx (and onnxruntime to quantize), never torch.

The modules are the surface: `inspection.inspect`, `cleaning.strip`, `quantization.quantize_static`, `storage.load`.
"""
