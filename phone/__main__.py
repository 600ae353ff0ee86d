"""``python -m phone``."""

import sys

from phone.cli import main

if __name__ == "__main__":
    sys.exit(main())
