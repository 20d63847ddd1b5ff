"""The embeddable part: opens a bundle and answers, with numpy and onnxruntime alone.

Nothing here imports torch, onnx or the command line's packages. Pillow is imported by the first image that is read
from a file, hashing by the first bundle that is verified.
"""
