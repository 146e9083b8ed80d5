"""A program of its own: MusicXML on stdin, pages as SVG on stdout, by verovio.

`engraving` runs it in a child process, for verovio is C++ and a score that it cannot take may end the process. Knows
nothing of the package.
"""

import json
import sys

import verovio


def main() -> int:
    """Read {"options": …, "music": …} as JSON, write the pages as a JSON list; 1 where the music cannot be loaded."""
    request = json.load(sys.stdin.buffer)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(request["options"])
    if not toolkit.loadData(request["music"]):
        return 1
    pages = [toolkit.renderToSVG(number) for number in range(1, toolkit.getPageCount() + 1)]
    sys.stdout.buffer.write(json.dumps(pages).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
