"""``python -m vitonnx``: the command line."""

import sys

from vitonnx.cli import main

sys.exit(main())
