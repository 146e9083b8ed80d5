"""How families look in every plot of a study: told apart by colour, by marker and by line, in black and white too."""

from typing import Any

import numpy as np

from symbolic_music._extras import require

# Okabe and Ito's colours, told apart by the colour-blind.
LOOK: dict[str, dict[str, str]] = {
    "transformer": {"color": "#0072B2", "marker": "o", "linestyle": "-"},
    "lstm": {"color": "#D55E00", "marker": "s", "linestyle": "--"},
}


def new_figure(columns: int = 1) -> tuple[Any, Any]:
    """A figure and its axes, one or an array of them, with x logarithmic."""
    figure = require("matplotlib.figure").Figure(figsize=(9 if columns == 1 else 10, 4.5), layout="constrained")
    axes = figure.subplots(1, columns)
    for axis in np.atleast_1d(axes):
        axis.grid(alpha=0.3)
        axis.set_xscale("log")
    return figure, axes
