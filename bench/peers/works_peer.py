#!/usr/bin/env python3
"""transformers or OpenVINO on the works of `works_bench --dump`; one line of JSON per command.

  works_peer.py ENGINE --model FOLDER --works WORKS.jsonl [--dtype bfloat16] [--threads 2]

ENGINE is transformers or openvino; FOLDER is the output of random_folder.py. A command is
"WORK VARIANT [TRACES]" with one of the variants
  alone         one trace at a time, no padding
  padded        sorted by length, four traces per batch, padded to the longest
  packed        the traces of a request in one row, with a block-diagonal mask of four dimensions
  packed-tree   as packed, with shared tokens only once; mask and positions are those of the tree
  compiled, compiled-padded   alone and padded, each decoder layer by torch.compile(dynamic=True),
                which keeps the causal mask implicit; tracing the whole backbone does not
The peer caches nothing between requests: every request is scored from its first token. Masks are
built, graphs compiled and each variant warmed up before the clock starts.

To keep a run within minutes, only a sample is run and scaled up: the middle one of every 15 requests
of the stream and of every 5 levels of the beam, and two batches of each shape per request. A
request's time is convex in its length, so this favours the peer. --all runs everything. TRACES
limits how many traces of a request are scored, for comparing scores.
"""

import argparse
import collections
import copy
import json
import statistics
import sys

import torch
import transformers
from torch._dynamo.utils import counters

from step_model import PaddedBatch, Stopwatch, compile_backbone, load_model, peak_rss_bytes

SAMPLED = {"stream": 15, "beam": 5}
TIMED_OF_A_SHAPE = 2
PADDED_TRACES = 4


class PackedBatch(PaddedBatch):
    """Traces in one row, [1, N]: a token sees itself and earlier tokens of its own trace. With
    `share`, a prefix of several traces is stored once."""

    def __init__(self, examples, share, dtype):
        self.examples = examples
        self.tokens = sum(len(e["ids"]) for e in examples)
        children, parents, ids, positions, reads = {}, [], [], [], []
        for number, e in enumerate(examples):
            node, path = -1, []
            root = -1 if share else -1 - number
            for position, token in enumerate(e["ids"]):
                key = (node if path else root, token)
                if key not in children:
                    children[key] = len(ids)
                    parents.append(node)
                    ids.append(token)
                    positions.append(position)
                node = children[key]
                path.append(node)
            reads += [path[read] for read in e["reads"]]
        self.padded_tokens = len(ids)
        self.ids, self.positions = torch.tensor([ids]), torch.tensor([positions])
        self.mask = ancestors_mask(parents, dtype)
        self.rows, self.columns = torch.zeros(len(reads), dtype=torch.long), torch.tensor(reads)

    def inputs(self):
        return {"input_ids": self.ids, "position_ids": self.positions, "attention_mask": self.mask}


def ancestors_mask(parents, dtype):
    """Additive mask [1, 1, N, N]: 0 if a token sees another, else -inf."""
    sees = torch.eye(len(parents), dtype=torch.bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            sees[node] |= sees[parent]
    return torch.zeros(sees.shape, dtype=dtype).masked_fill_(~sees, -torch.inf)[None, None]


def make_batches(traces, variant, dtype):
    if variant.startswith("packed"):
        return [PackedBatch(traces, variant == "packed-tree", dtype)]
    if variant.endswith("padded"):
        traces = sorted(traces, key=lambda t: len(t["ids"]))
        return [PaddedBatch(traces[i : i + PADDED_TRACES])
                for i in range(0, len(traces), PADDED_TRACES)]
    return [PaddedBatch([t]) for t in traces]


class TransformersEngine:
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}

    def __init__(self, args):
        self.model = load_model(args.model, getattr(torch, args.dtype)).eval()
        self.compiled = copy.deepcopy(self.model, {id(p): p for p in self.model.parameters()})
        compile_backbone(self.compiled, "layers")

    def step_logits(self, batch, variant):
        return batch.step_logits(self.compiled if variant.startswith("compiled") else self.model)


def make_engine(args):
    if args.engine == "transformers":
        return TransformersEngine(args)
    from openvino_engine import OpenVinoEngine  # imported late: its packages are large
    return OpenVinoEngine(args.model, args.dtype, args.threads)


class Runner:
    def __init__(self, engine, works, dtype, sample):
        self.engine, self.works, self.dtype, self.sample = engine, works, dtype, sample
        self.warm = set()

    def requests(self, name, max_traces):
        """(index, traces) of each request to run, without traces that have no reads (a peer caches
        nothing). A trace's "id" is its place in the request."""
        requests = [(i, [dict(t, id=place) for place, t in enumerate(r) if t["reads"]][:max_traces])
                    for i, r in enumerate(self.works[name]["requests"])]
        requests = [(i, traces) for i, traces in requests if traces]
        group = SAMPLED.get(name, 1) if self.sample else 1
        return requests[group // 2 :: group], group

    def run(self, name, variant, max_traces=None):
        requests, group = self.requests(name, max_traces)
        batches = [make_batches(traces, variant, self.dtype) for _, traces in requests]
        self.warm_up(name, variant, [b for request in batches for b in request])
        graphs = counters["stats"]["unique_graphs"]
        seconds, scores = [], []
        for (index, _), request in zip(requests, batches):
            taken, probs = self.score(request, variant)
            seconds.append(taken)
            scores += [[index, place, p] for place, p in probs]
        return {"request_seconds": seconds, "seconds": sum(seconds) * group,
                "padded_tokens": sum(b.padded_tokens for r in batches for b in r) * group,
                "timed_compilations": counters["stats"]["unique_graphs"] - graphs,
                "peak_rss_bytes": peak_rss_bytes(), "scores": scores,
                "versions": self.engine.versions}

    def warm_up(self, name, variant, batches):
        """Runs the longest batch and two shorter ones, so that dynamic shapes are compiled."""
        if (name, variant) in self.warm:
            return
        by_size = sorted(batches, key=lambda b: b.padded_tokens)
        for batch in (by_size[-1:] if variant.startswith("packed") else
                      [by_size[0], by_size[len(by_size) // 2], by_size[-1]]):
            self.engine.step_logits(batch, variant)
        self.warm.add((name, variant))

    def score(self, batches, variant):
        """Seconds of one request, and [(place, probabilities [S][classes])] of the batches run."""
        of_shape = collections.defaultdict(list)
        for batch in batches:
            of_shape[tuple(batch.ids.shape)].append(batch)
        total, scores = 0.0, []
        for alike in of_shape.values():
            timed = alike[:TIMED_OF_A_SHAPE] if self.sample else alike
            taken = []
            for batch in timed:
                with Stopwatch() as watch:
                    logits = self.engine.step_logits(batch, variant)
                taken.append(watch.seconds)
                parts = logits.softmax(-1).split([len(e["reads"]) for e in batch.examples])
                scores += [(e["id"], p.tolist()) for e, p in zip(batch.examples, parts)]
            total += statistics.fmean(taken) * len(alike)
        return total, scores


@torch.inference_mode()
def serve(runner):
    print("{}", flush=True)  # ready
    for line in sys.stdin:
        name, variant, *traces = line.split()
        answer = runner.run(name, variant, *map(int, traces))
        print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=["transformers", "openvino"])
    parser.add_argument("--model", required=True, help="folder, Hugging Face layout")
    parser.add_argument("--works", required=True, help="file of works_bench --dump")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="run every request")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with open(args.works, encoding="utf-8") as lines:
        works = {work["work"]: work for work in map(json.loads, lines)}
    serve(Runner(make_engine(args), works, getattr(torch, args.dtype), sample=not args.all))


if __name__ == "__main__":
    main()
