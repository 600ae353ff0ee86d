"""``python -m phone``."""

import sys

from phone.cli import main
from wire.memory import keep_large_buffers

if __name__ == "__main__":
    keep_large_buffers()
    sys.exit(main())
