#!/usr/bin/env python3
"""A plain PyTorch + transformers loop over the same weights and token ids as our bench programs.

  transformers_peer.py train --model CHECKPOINT --ids IDS.jsonl --out RESULT.json [--compile layers]
  transformers_peer.py score --model CHECKPOINT --ids IDS.jsonl --out RESULT.json [--scores FILE]

The peer gets the usual optimisations without becoming another program: bfloat16 weights for scoring,
bfloat16 autocast over float32 weights for training (updates of 5e-5 vanish in bfloat16 weights),
fused AdamW, no padding mask (padding is on the right, attention is causal), traces of a training
step sorted by length before they are padded, the head at step positions only. Rates count real
tokens; padding is reported separately. Loading, compilation and warm-up are not timed.
"""

import argparse
import contextlib
import json

import torch
import transformers
from torch._dynamo.utils import counters

from step_model import (PaddedBatch, Stopwatch, compile_backbone, load_model, peak_rss_bytes,
                        read_examples)

# Our trainer's defaults: correct_necessary, correct_redundant, incorrect, incomplete.
CLASS_WEIGHTS = torch.tensor([1.0, 1.0, 2.0, 2.0])


def marginal_loss(logits, admissible):
    """Sum over the annotated steps of weight * -log sum_{k admissible} p_k, and the sum of weights; a
    set weighs as its lightest member."""
    annotated = admissible.any(-1)
    logits, admissible = logits[annotated], admissible[annotated]
    weights = CLASS_WEIGHTS.expand_as(logits).masked_fill(~admissible, torch.inf).amin(-1)
    log_p = logits.log_softmax(-1).masked_fill(~admissible, -torch.inf).logsumexp(-1)
    return -(weights * log_p).sum(), weights.sum()


def micro_batches(examples, max_padded_tokens):
    """Batches, longest first, of all traces that fit into max_padded_tokens when padded."""
    batches, group = [], []
    for e in sorted(examples, key=lambda e: -len(e["ids"])):
        if group and len(group[0]["ids"]) * (len(group) + 1) > max_padded_tokens:
            batches.append(PaddedBatch(group))
            group = []
        group.append(e)
    return batches + [PaddedBatch(group)]


def make_optimizer(model, lr, head_lr):
    decay, no_decay, head_weight, head_bias = [], [], [], []
    for name, p in model.named_parameters():
        if name.startswith("score."):
            (head_weight if p.dim() > 1 else head_bias).append(p)
        elif p.dim() > 1 and "embed_tokens" not in name:
            decay.append(p)
        else:
            no_decay.append(p)
    return torch.optim.AdamW(
        [{"params": decay, "lr": lr, "weight_decay": 0.01},
         {"params": no_decay, "lr": lr, "weight_decay": 0.0},
         {"params": head_weight, "lr": head_lr, "weight_decay": 0.01},
         {"params": head_bias, "lr": head_lr, "weight_decay": 0.0}], fused=True)


def training_step(model, optimizer, batches, bfloat16):
    with torch.no_grad():
        weight = sum(marginal_loss(torch.zeros(b.admissible.shape), b.admissible)[1]
                     for b in batches)
    total = 0.0
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else contextlib.nullcontext():
            hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
        logits = model.score(hidden[batch.rows, batch.columns].float())
        loss = marginal_loss(logits, batch.admissible)[0] / weight
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def train(args, examples):
    """All examples once, args.batch_traces per step, after args.warmup steps on the first ones."""
    model = load_model(args.model, torch.float32).train()
    optimizer = make_optimizer(model, 5e-5, 1e-3)
    compile_backbone(model, args.compile)
    steps = [micro_batches(examples[i : i + args.batch_traces], args.micro_tokens)
             for i in range(0, len(examples), args.batch_traces)]
    bfloat16 = args.dtype == "bfloat16"
    with Stopwatch() as warm:
        for batches in steps[: args.warmup]:
            training_step(model, optimizer, batches, bfloat16)
    graphs = counters["stats"]["unique_graphs"]
    with Stopwatch() as timed:
        losses = [training_step(model, optimizer, batches, bfloat16) for batches in steps]
    return summary([b for s in steps for b in s], warm, timed, graphs) | {
        "steps": len(steps), "first_loss": losses[0], "last_loss": losses[-1]}


@torch.inference_mode()
def score(args, examples):
    """All examples once in padded batches of args.batch_traces, after args.warmup of the batches."""
    model = load_model(args.model, getattr(torch, args.dtype)).eval()
    compile_backbone(model, args.compile)
    if args.order == "length":
        examples = sorted(examples, key=lambda e: len(e["ids"]))
    batches = [PaddedBatch(examples[i : i + args.batch_traces])
               for i in range(0, len(examples), args.batch_traces)]
    with Stopwatch() as warm:
        for batch in batches[: args.warmup]:
            batch.step_logits(model)
    graphs = counters["stats"]["unique_graphs"]
    with Stopwatch() as timed:
        probs = [batch.step_logits(model).softmax(-1) for batch in batches]
    result = summary(batches, warm, timed, graphs)
    if args.scores:
        write_scores(args.scores, batches, probs)
    return result


def write_scores(path, batches, probs):
    """JSON lines {"id", "label_probs" [S][classes]}."""
    with open(path, "w", encoding="utf-8") as out:
        for batch, rows in zip(batches, probs):
            parts = rows.split([len(e["reads"]) for e in batch.examples])
            for e, part in zip(batch.examples, parts):
                out.write(json.dumps({"id": e["id"], "label_probs": part.tolist()}) + "\n")


def summary(batches, warm, timed, graphs_before):
    tokens = sum(b.tokens for b in batches)
    return {
        "tokens": tokens,
        "padded_tokens": sum(b.padded_tokens for b in batches),
        "seconds": timed.seconds,
        "tokens_per_second": tokens / timed.seconds,
        "warmup_seconds": warm.seconds,
        # Compilations in the timed part should be 0; otherwise raise --warmup.
        "timed_compilations": counters["stats"]["unique_graphs"] - graphs_before,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["train", "score"])
    parser.add_argument("--model", required=True, help="checkpoint folder, Hugging Face layout")
    parser.add_argument("--ids", required=True, help="file of training_bench --dump-ids")
    parser.add_argument("--out", required=True, help="JSON file of results")
    parser.add_argument("--scores", help="JSON lines of label probabilities (score)")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--compile", choices=["off", "whole", "layers"], default="off")
    parser.add_argument("--order", choices=["data", "length"], default="data",
                        help="order of the traces before batching (score)")
    parser.add_argument("--batch-traces", type=int, default=16)
    parser.add_argument("--micro-tokens", type=int, default=4096, help="padded tokens per micro-batch (train)")
    parser.add_argument("--warmup", type=int, default=2, help="steps or batches before timing")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    examples = read_examples(args.ids)
    result = (train if args.task == "train" else score)(args, examples)
    result["versions"] = {"torch": torch.__version__, "transformers": transformers.__version__}
    with open(args.out, "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)


if __name__ == "__main__":
    main()
