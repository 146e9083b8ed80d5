"""`symbolic-music prepare` by the name it had before, with the same flags.

python train/prepare_dataset.py --corpus folk --output data/folk
"""

import sys

from symbolic_music.cli import main

if __name__ == "__main__":
    sys.exit(main(["prepare", *sys.argv[1:]]))
