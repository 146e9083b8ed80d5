"""The report says what the lines hold, says what they do not hold, and is the same to the byte."""

import json

import lines
import pytest

from symbolic_music.scaling.grid.study import StudyError
from symbolic_music.scaling.report.facts import facts
from symbolic_music.scaling.report.report import COUNTS, fit_families, write_report

PLOTS = ("loss_vs_size.png", "loss_vs_tokens.png", "loss_vs_flops.png", "cost.png", "frontier.png")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return write_report(lines.study(), folder, samples=10, num_planned=60)


def test_every_run_and_every_fit_has_a_row(report):
    text = report.read_text()
    for run in lines.study():
        assert f"| {run['run']} |" in text
        assert f"{run['validation_nats_per_token']:.4f}" in text
    # A law in N at each of three fractions, and one in N and D, for each family.
    fits = json.loads((report.parent / "fits.json").read_text())["fits"]
    assert [fit["form"] for fit in fits] == ["size", "size", "size", "size_tokens"] * 2
    assert text.count("| transformer | E + A/N^alpha | 0.25 |") == 2, "the fit and its extrapolation"
    alpha = fits[3]["coefficients"]["alpha"]
    assert fits[3]["intervals"]["alpha"]["low"] < alpha < fits[3]["intervals"]["alpha"]["high"]
    assert fits[3]["extrapolation"]["relative_error"] == pytest.approx(0, abs=0.02)
    assert f"{alpha:.3g} [" in text


def test_the_report_names_its_origin(report):
    text = report.read_text()
    for part in (
        "48 of 60 planned",
        "c" * 40,
        "d" * 64,
        "python train/studies/scaling_study.py",
        "a processor, 2 cores",
    ):
        assert part in text


def test_plots_are_drawn_and_shown(report):
    for name in PLOTS:
        assert (report.parent / name).read_bytes().startswith(b"\x89PNG")
        assert f"]({name})" in report.read_text()


def test_equal_lines_in_any_order_give_equal_bytes(report, tmp_path):
    write_report(lines.study()[::-1], tmp_path, samples=10, num_planned=60)
    for name in (*PLOTS, "report.md", "fits.json"):
        assert (tmp_path / name).read_bytes() == (report.parent / name).read_bytes(), name


def test_facts_are_counted():
    runs = lines.study()
    text = " ".join(facts(runs, []))
    assert "transformer: 24 runs of 4 sizes (3.4M to 52.4M parameters) on 3 numbers of tokens (1.02M to 4.1M)" in text
    assert "2 seeds each" in text
    assert "24 of 24 pairs of transformer and lstm saw the same tokens in the same order" in text
    assert "Training tokens per parameter: 0.0195 to 1.2" in text
    assert "48 of 48 runs lie below" in text
    assert "Each training token was seen exactly once" in text


def test_a_pair_in_another_order_is_noticed():
    runs = lines.study()
    runs[0]["order_hash"] = "another"
    assert "23 of 24 pairs" in " ".join(facts(runs, []))


def test_a_diverged_run_is_named_and_left_out(tmp_path):
    runs = lines.study(fractions=(1.0,))
    runs[3]["validation_nats_per_token"] = runs[3]["validation_bits_per_note"] = None
    text = write_report(runs, tmp_path, samples=5).read_text()
    assert f"1 of 16 runs ended with a loss that is not finite: {runs[3]['run']}." in text
    fits = json.loads((tmp_path / "fits.json").read_text())["fits"]
    assert sorted(fit["num_points"] for fit in fits if fit["reason"] is None) == [7, 8]


def test_two_sizes_and_one_fraction_are_reported_without_a_fit(tmp_path):
    runs = lines.study(sizes=("tiny", "small"), fractions=(1.0,), seeds=(0,))
    text = write_report(runs, tmp_path, samples=5).read_text()
    assert "No fit for transformer, E + A/N^alpha at 1 of the data: 2 sizes cannot determine E, A and alpha" in text
    assert "No fit for lstm, E + A/N^alpha + B/D^beta: " in text
    assert "| lstm | E + A/N^alpha | 1 | - |" in text


def test_three_sizes_are_called_an_exact_fit(tmp_path):
    runs = lines.study(sizes=("tiny", "small", "medium"), fractions=(1.0,))
    text = write_report(runs, tmp_path, samples=5).read_text()
    assert "| exact fit |" in text
    assert "the law passes through the points whatever the truth" in text


def test_embeddings_may_be_left_out_of_n():
    runs = lines.study(fractions=(1.0,))
    whole, rest = (fit_families(runs, count, 0)[0].result.law.coefficients["A"] for count in COUNTS)
    assert rest < whole, "smaller N, smaller A"


def test_nothing_to_report_is_an_error(tmp_path):
    with pytest.raises(StudyError, match="no finished run"):
        write_report([], tmp_path)
