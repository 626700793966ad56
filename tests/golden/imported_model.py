"""Writes imported_model/: a tiny PRM trained and scored by PyPI transformers, as TRL's trainer formats it.

    pip install torch transformers==5.17.0
    python tests/golden/imported_model.py

The folder is what save_pretrained leaves; reference.jsonl has the scores. The C++ side imports it
and must give the same (tests/model/exchange/import_test.cc).
"""

import json
import pathlib
import random

import tokenizers
import torch
import transformers

TRACES = 64


def tokenizer(texts):
    t = tokenizers.Tokenizer(tokenizers.models.BPE())
    t.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>"], show_progress=False)
    t.train_from_iterator(texts, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=t, eos_token="<|endoftext|>",
                                                pad_token="<|endoftext|>")


def trace(rng):
    """A sum in two steps; guesses are wrong, which is all that a model of this size can see."""
    a, b, c = (rng.randrange(1, 20) for _ in range(3))
    guess = rng.random() < 0.5
    first = f"I guess {a} + {b} = {a + b + 1}." if guess else f"{a} + {b} = {a + b}."
    steps = [first, f"Then {a + b + guess} + {c} = {a + b + guess + c}."]
    return f"What is {a} + {b} + {c}?", steps, [int(not guess)] * 2


def tokenize(tok, problem, steps):
    """trl/experimental/prm/prm_trainer.py, tokenize_row"""
    encode = lambda text: tok(text, add_special_tokens=False)["input_ids"]
    ids, reads = encode(problem), []
    for step in steps:
        ids += encode(step) + encode("\n")
        reads.append(len(ids) - 1)
    return ids, reads


def main():
    torch.manual_seed(1)
    rng = random.Random(1)
    traces = [trace(rng) for _ in range(TRACES)]
    tok = tokenizer([problem + "\n".join(steps) for problem, steps, _ in traces])
    config = transformers.Qwen2Config(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=len(tok), max_position_embeddings=256, num_labels=2,
        tie_word_embeddings=False)
    model = transformers.Qwen2ForTokenClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for epoch in range(6):
        for problem, steps, labels in traces:
            ids, reads = tokenize(tok, problem, steps)
            logits = model(torch.tensor([ids])).logits[0, reads]
            torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
            optimizer.step()
            optimizer.zero_grad()
    folder = pathlib.Path(__file__).with_suffix("")
    model.eval().save_pretrained(folder)
    tok.save_pretrained(folder)
    with (folder / "reference.jsonl").open("w") as out, torch.no_grad():
        for i, (problem, steps, _) in enumerate(traces[:16]):
            ids, reads = tokenize(tok, problem, steps)
            probs = model(torch.tensor([ids])).logits[0, reads].softmax(-1)[:, 1]
            out.write(json.dumps({"id": str(i), "problem": problem, "steps": steps, "ids": ids,
                                  "step_reads": reads, "scores": probs.tolist()}) + "\n")


if __name__ == "__main__":
    main()
