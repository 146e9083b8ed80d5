"""`python -m symbolic_music` is `symbolic-music`."""

import sys

from symbolic_music.cli import main

if __name__ == "__main__":
    sys.exit(main())
