#!/usr/bin/env python3
"""Step probabilities of a folder written by `prm model export --to hf`, with transformers only.

  transformers_scores.py --model FOLDER [--ids IDS.jsonl] [--traces TRACES.jsonl] > PROBABILITIES.jsonl

--ids: lines {"ids": [T], "reads": [S]}; the folder is loaded in float32 by transformers' loader, and
missing or unexpected tensors are an error. --traces: lines {"problem", "steps"}, scored by the
unchanged Python code of the folder's README.md. Prints one line per trace: {"probs": [S, labels]}.
"""

import argparse
import json
import logging
import os
import re

import torch
from transformers import AutoConfig, AutoModelForTokenClassification
from transformers.utils import logging as transformers_logging


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@torch.no_grad()
def score_ids(folder, examples):
    # The default attention lacks Gemma 2's soft cap.
    capped = getattr(AutoConfig.from_pretrained(folder), "attn_logit_softcapping", None)
    model, info = AutoModelForTokenClassification.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, output_loading_info=True,
        attn_implementation="eager" if capped else None)
    wrong = {key: sorted(map(str, value)) for key, value in info.items() if value}
    if wrong:
        raise SystemExit(f"{folder}: {wrong}")
    model.eval()
    for e in examples:
        yield model(torch.tensor([e["ids"]])).logits[0, e["reads"]].softmax(-1).tolist()


def score_traces(folder, traces):
    """`score` as defined by the code blocks of README.md, executed in the folder."""
    os.chdir(folder)
    with open("README.md", encoding="utf-8") as card:
        blocks = re.findall(r"^```python\n(.*?)^```", card.read(), re.DOTALL | re.MULTILINE)
    names = {"print": lambda *_: None}
    for block in blocks[:2]:  # a third one asks a server
        exec(compile(block, "README.md", "exec"), names)
    for trace in traces:
        yield names["score"](trace["problem"], trace["steps"]).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--ids")
    source.add_argument("--traces")
    options = parser.parse_args()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    scored = (score_ids(options.model, read_lines(options.ids)) if options.ids
              else score_traces(options.model, read_lines(options.traces)))
    for probs in scored:
        print(json.dumps({"probs": probs}))


if __name__ == "__main__":
    main()
