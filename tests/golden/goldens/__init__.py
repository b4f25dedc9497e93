"""The golden files, a module for each kind. Each has CASES: what a file is called, how its inputs are drawn, and how
PyTorch computes its outputs from them."""
