"""`python -m symbolic_music` is `symbolic-music`."""

from symbolic_music.cli import main

if __name__ == "__main__":
    main()
