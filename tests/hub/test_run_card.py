"""The card that a Trainer pushes: what validation said, and that nothing was tested."""

from dataclasses import replace

from huggingface_hub import ModelCard

from symbolic_music.hub.cards.runs.run import RunFacts, run_card

LOGS = [
    {"loss": 3.0, "step": 1},
    {"eval_loss": 2.0, "eval_bits_per_note": 5.5, "step": 1},
    {"eval_loss": 1.5, "eval_bits_per_note": 4.5, "step": 2},
    {"eval_loss": 1.75, "step": 3},
]
FACTS = RunFacts("walker", 1234, 3, 4, False, LOGS, 7)


def test_best_and_last_validation_stand_on_it():
    card = run_card(FACTS)
    assert "| best | 2 | 1.5000 | 4.500 |" in card
    assert "| last | 3 | 1.7500 | no notes |" in card
    assert "1,234 parameters. **The run goes on**: these weights are not final; step 3 of 4, seed\n7." in card


def test_it_makes_no_claim_of_an_evaluation():
    data = ModelCard(run_card(replace(FACTS, finished=True))).data
    assert data.eval_results is None
    assert "not-evaluated" in data.tags
    assert "**Not evaluated.**" in run_card(FACTS)


def test_a_run_without_validation_says_so():
    assert "There was no validation yet." in run_card(replace(FACTS, log_history=[{"eval_loss": float("nan")}]))
