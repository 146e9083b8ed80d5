"""What somebody without this package does with the Hub's repositories; run as `python -I`, reports as JSON.

python -I stranger.py REPORT OWNER_TOKEN COMMIT_OF_V1
"""

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from without_package import block_package

block_package()

import evaluate  # noqa: E402
from datasets import load_dataset  # noqa: E402
from huggingface_hub import HfApi  # noqa: E402
from huggingface_hub.errors import HfHubHTTPError  # noqa: E402
from loopback_hub.report import run_checks  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

REPORT, OWNER_TOKEN, COMMIT_OF_V1 = sys.argv[1:]


def package():
    try:
        import symbolic_music
    except ModuleNotFoundError as error:
        return error.name
    return symbolic_music.__file__


def generated(name, **options):
    model = AutoModelForCausalLM.from_pretrained(name, trust_remote_code=True, **options)
    tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=True, **options)
    start = tokenizer("BOS_None", return_tensors="pt").input_ids
    ids = model.generate(start, do_sample=False, max_length=20).tolist()
    return [type(model).__module__.partition(".")[0], type(tokenizer).__name__, ids]


def model():
    return generated("user/walker")


def model_of_a_tag():
    return generated("user/walker", revision="v1")


def model_of_a_commit():
    return generated("user/walker", revision=COMMIT_OF_V1)


def trained():
    return generated("user/trained")[0]


def private_with_token():
    return generated("user/secret", token=OWNER_TOKEN)


def refusal(name, **options):
    """The status that the Hub answers, its error's name, and what transformers says."""
    try:
        AutoModelForCausalLM.from_pretrained(name, trust_remote_code=True, **options)
    except OSError as error:
        said = str(error)
    else:
        said = "loaded"
    try:
        HfApi().model_info(name, **options)
    except HfHubHTTPError as error:
        return [error.response.status_code, type(error).__name__, said]
    return [200, "", said]


def private_without_token():
    return refusal("user/secret", token=False)


def missing():
    return refusal("user/nothing", token=OWNER_TOKEN)


def missing_revision():
    return refusal("user/walker", revision="v9")


def digest(rows):
    seen = hashlib.sha256()
    for row in rows:
        seen.update(row["midi"] + row["name"].encode())
    return seen.hexdigest()


def dataset():
    return {split: [len(rows), digest(rows)] for split, rows in load_dataset("user/walks").items()}


def dataset_streamed():
    splits = load_dataset("user/walks", streaming=True)
    return {split: [len(list(rows)), digest(rows)] for split, rows in splits.items()}


def metric():
    return evaluate.load("user/steps").compute(predictions=[1, 2, 3], references=[1, 2, 4])


def cards():
    info = HfApi().model_info("user/walker")
    return [info.pipeline_tag, info.card_data.eval_results[0].metric_value]


MODELS = [model, model_of_a_tag, model_of_a_commit, trained]
run_checks(
    [
        package, *MODELS, private_with_token, private_without_token, missing, missing_revision, dataset,
        dataset_streamed, metric, cards,
    ],
    REPORT,
)  # fmt: skip
