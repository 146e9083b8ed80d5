"""What a program without torch and without this package does with an exported folder, by its `step.json` alone."""

import json

import numpy as np
import onnxruntime
from safetensors.numpy import load_file


class OtherRuntime:
    def __init__(self, folder):
        self.folder = folder
        self.how = json.loads((folder / "step.json").read_text())
        self.session = onnxruntime.InferenceSession(folder / self.how["files"]["graph"])
        self.grammar = load_file(folder / self.how["files"]["grammar"])
        self.states = {}
        self.heard = {}
        self.length = 0

    def listen(self, ids):
        """Let the encoder, where there is one, read a source."""
        encoder = onnxruntime.InferenceSession(self.folder / self.how["files"]["encoder"])
        given = encoder.run(self.how["heard"], {"input_ids": np.array([ids], np.int64)})
        self.heard = dict(zip(self.how["heard"], given, strict=True))

    def read(self, ids):
        """(V,) logits behind one sequence, which grows by ids at each call."""
        total = self.length + len(ids)
        feed = {"input_ids": np.array([ids], np.int64)}
        places = {
            "before": np.array([total - 1], np.int32),
            "total": np.array([total], np.int32),
            "positions": np.arange(self.length, total, dtype=np.int64)[None],
        }
        feed |= {name: places[name] for name in self.how["inputs"] if name != "input_ids"}
        for state in self.how["states"]:
            feed[f"past_{state['name']}"] = self._room(state, total)
        feed |= self.heard
        names = ["logits", *(state["name"] for state in self.how["states"])]
        logits, *after = self.session.run(names, feed)
        self.states = dict(zip(names[1:], after, strict=True))
        self.length = total
        return logits[0]

    def _room(self, state, total):
        shape = [1, *(size or total for size in state["shape"])]
        past = np.zeros(shape, np.float32)
        if state["name"] in self.states:
            kept = self.states[state["name"]]
            past[tuple(slice(size) for size in kept.shape)] = kept
        return past

    def _shares(self, logits, open_ids):
        """Probabilities under the grammar."""
        said = np.exp(logits - logits.max())
        said = (said / said.sum())[: len(open_ids)] * open_ids
        adds = self.grammar["adds_pitch"].astype(bool)
        if said[~adds].sum() > 0:
            said[~adds] *= (1 - said[adds].sum()) / said[~adds].sum()
        return said

    def compose(self, length):
        """The likeliest token each time, under the grammar; until the end, or so many tokens."""
        ids, rows = [self.how["bos_token_id"]], self.grammar["initial_state"]
        rows = self.grammar["next_state"][rows, self.grammar["kinds"][ids[0]]]
        logits = self.read(ids)
        while len(ids) < length and ids[-1] != self.how["eos_token_id"]:
            behind = self.grammar["next_state"][rows][:, self.grammar["kinds"]]
            open_ids = (behind != self.how["forbidden"]).all(axis=0)
            token = int(self._shares(logits, open_ids).argmax())
            ids.append(token)
            rows = behind[:, token]
            logits = self.read([token])
        return ids
