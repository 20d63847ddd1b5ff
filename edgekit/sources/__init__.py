"""Where a PyTorch module to be exported comes from: files, packages, saved programs, runs, Hugging Face folders."""
