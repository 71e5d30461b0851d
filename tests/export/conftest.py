# The recipe of the frozen cases needs torch, timm and transformers; it is no test.
collect_ignore = ["freeze.py"]
