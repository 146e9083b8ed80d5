"""Models on the same pieces: windows gathered, pieces in common, paired differences."""

import math

import numpy as np
import pytest

from symbolic_music.report.errors import ReportError
from symbolic_music.report.piece_losses import (
    PieceLoss,
    compare_on_same_pieces,
    gather_pieces,
    read_piece_losses,
    write_piece_losses,
)


def losses(nats, first=0, notes=10, kind=""):
    numbers = range(first, first + len(nats))
    return [
        PieceLoss("folk", f"tune {i}", kind, i, value, 3 * notes, notes, 4)
        for i, value in zip(numbers, nats, strict=True)
    ]


def test_windows_of_a_piece_are_one_row_and_survive_the_file(tmp_path):
    row = {"source": "folk", "name": "a, b", "group": 7, "nats": 1.5, "tokens": 4, "notes": 2, "bars": 1}
    found = gather_pieces([row, row | {"name": "c"}, row | {"nats": 2.25}])
    assert found == [
        PieceLoss("folk", "a, b", "", 7, 3.75, 8, 4, 2),
        PieceLoss("folk", "c", "", 7, 1.5, 4, 2, 1),
    ]
    write_piece_losses(found, tmp_path / "losses.csv")
    assert read_piece_losses(tmp_path / "losses.csv") == found


@pytest.mark.parametrize(
    "text", ["source,name\nfolk,a\n", "source,name,kind,group,nats,tokens,notes,bars\na,b,,x,1,1,1,1"]
)
def test_another_table_is_refused(tmp_path, text):
    (tmp_path / "losses.csv").write_text(text)
    with pytest.raises(ReportError, match=r"losses\.csv: expected what pieces cost"):
        read_piece_losses(tmp_path / "losses.csv")


def test_models_are_compared_on_the_pieces_they_share():
    nats = np.random.default_rng(0).gamma(4.0, 10.0, size=80)
    found = compare_on_same_pieces({"dear": losses(nats + 1), "cheap": losses(nats[20:], first=20)})
    assert found["pieces"] == found["groups"] == 60
    cheap, dear = found["models"]
    assert (cheap["model"], dear["model"]) == ("cheap", "dear")
    assert cheap["dearer_by"] is None
    assert cheap["bits_per_note"] == pytest.approx(nats[20:].sum() / math.log(2) / 600)
    # The same surcharge on every piece: no resample disagrees, however unlike the pieces are.
    for name in ("bits_per_note", "low", "high"):
        assert dear["dearer_by"][name] == pytest.approx(0.1 / math.log(2))
    assert dear["high"] - dear["low"] > 0.3
    assert dear["tokens_per_note"] == 3


def test_each_pays_for_its_own_notes_and_by_kind():
    first = losses([10.0, 10.0], kind="songs") + losses([30.0], first=2, kind="drums")
    second = losses([10.0, 10.0], notes=5, kind="songs") + losses([30.0], first=2, notes=5, kind="drums")
    found = {row["model"]: row for row in compare_on_same_pieces({"a": first, "b": second})["models"]}
    assert found["b"]["bits_per_note"] == pytest.approx(2 * found["a"]["bits_per_note"])
    assert found["a"]["by_kind"] == pytest.approx({"songs": 1 / math.log(2), "drums": 3 / math.log(2)})


@pytest.mark.parametrize("other", [[], losses([1.0, 2.0], first=10), losses([1.0, 2.0], notes=0), losses([1.0])])
def test_nothing_in_common_is_no_table(other):
    assert compare_on_same_pieces({"a": losses([1.0, 2.0]), "b": other}) is None
    assert compare_on_same_pieces({"a": losses([1.0, 2.0])}) is None
    assert compare_on_same_pieces({}) is None
