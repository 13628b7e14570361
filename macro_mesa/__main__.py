"""``python -m macro_mesa``: the command ``macro-mesa``."""

import importlib
import sys

if __name__ == "__main__":
    # by name: the economy knows neither learners nor pictures, the command does
    sys.exit(importlib.import_module("run_model").command())
