"""The peer's model: a backbone of transformers with a linear head of four classes, read at the step
positions only. No vocabulary-sized logits are computed."""

import json
import logging
import time

import torch
from transformers import AutoModelForTokenClassification
from transformers.utils import logging as transformers_logging

NUM_LABELS = 4


def read_examples(path):
    """Lines of `training_bench --dump-ids`: {"id", "ids" [T], "reads" [S], "labels" [S]}; a label is
    the bit set of the admissible classes, 0 where the step is not annotated."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def load_model(folder, dtype):
    """The checkpoint's `model.*` and `score.*` tensors by transformers' own loader, which reports
    tensors that are missing or left over; here either is an error."""
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    model, info = AutoModelForTokenClassification.from_pretrained(
        folder, num_labels=NUM_LABELS, dtype=dtype, attn_implementation="sdpa",
        use_cache=False, local_files_only=True,
        output_loading_info=True)
    wrong = {key: sorted(map(str, value)) for key, value in info.items() if value}
    if wrong:
        raise SystemExit(f"{folder}: {wrong}")
    return model


def compile_backbone(model, how):
    """"whole": one graph of the backbone. "layers": each decoder layer separately, sharing compiled
    code; the causal mask then stays implicit, which tracing the whole backbone prevents."""
    if how == "whole":
        model.model = torch.compile(model.model, dynamic=True)
    elif how == "layers":
        for layer in model.model.layers:
            layer.compile(dynamic=True)


class PaddedBatch:
    """B traces padded on the right to the longest: ids [B, L]. Attention is causal, so that padding
    on the right changes no score, and no padding mask is needed."""

    def __init__(self, examples):
        self.examples = examples
        self.tokens = sum(len(e["ids"]) for e in examples)
        length = max(len(e["ids"]) for e in examples)
        self.padded_tokens = length * len(examples)
        self.ids = torch.zeros(len(examples), length, dtype=torch.long)
        for row, e in enumerate(examples):
            self.ids[row, : len(e["ids"])] = torch.tensor(e["ids"])
        self.rows = torch.tensor([row for row, e in enumerate(examples) for _ in e["reads"]])
        self.columns = torch.tensor([read for e in examples for read in e["reads"]])
        labels = torch.tensor([bits for e in examples for bits in e.get("labels", ())],
                              dtype=torch.long)
        self.admissible = (labels[:, None] >> torch.arange(NUM_LABELS)) & 1 != 0  # [S, classes]

    def inputs(self):
        return {"input_ids": self.ids}

    def step_logits(self, model):
        """[S, classes] float32."""
        hidden = model.model(use_cache=False, **self.inputs()).last_hidden_state
        read = hidden[self.rows, self.columns].float()
        return torch.nn.functional.linear(read, model.score.weight.float(),
                                          model.score.bias.float())


class Stopwatch:
    """Wall-clock seconds of a `with` block."""

    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start


def peak_rss_bytes():
    """Peak memory of this process (getrusage would include the parent's, from before exec)."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM")
