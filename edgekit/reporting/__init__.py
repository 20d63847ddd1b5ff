"""What a run has to show: the terminal table, the page and its plots. Reads run folders; never imports torch or onnx."""
