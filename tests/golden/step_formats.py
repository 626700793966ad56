"""Writes step_formats.jsonl.xz: token ids and read positions of published formats by their authors' code.

    pip install tokenizers tiktoken sentencepiece
    python tests/golden/step_formats.py FOLDER_OF_TOKENIZERS

Each function does what its model's card or evaluation script does: the whole text is tokenized at
once, and reads are found by searching the ids. The C++ side is tests/model/config/published_formats_test.cc.
"""

import json
import lzma
import pathlib
import sys

import sentencepiece
import tiktoken
import tiktoken.load
import tokenizers

ROOT = pathlib.Path(sys.argv[1])
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|"
         r"\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN_ADDED = {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645,
              "<extra_0>": 151651, "[PRM]": 151665}
LLAMA3_ADDED = {"<|begin_of_text|>": 128000, "<|start_header_id|>": 128006,
                "<|end_header_id|>": 128007, "<|eot_id|>": 128009}


def qwen():
    vocab = json.loads(lzma.open(ROOT / "qwen/vocab.json.xz").read())
    merges = [tuple(line.split(" ")) for line in (ROOT / "qwen/merges.txt").read_text().split("\n")
              if line and not line.startswith("#version")]
    t = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, merges))
    t.normalizer = tokenizers.normalizers.NFC()
    t.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(SPLIT % ""), "isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    # Ids as in the published folder; the filler keeps them in their places.
    names = {i: n for n, i in QWEN_ADDED.items()}
    t.add_special_tokens([names.get(i, f"<|filler_{i}|>") for i in range(151643, 151666)])
    assert all(t.token_to_id(name) == i for name, i in QWEN_ADDED.items())
    return lambda text: t.encode(text, add_special_tokens=False).ids


def llama3():
    ranks = tiktoken.load.load_tiktoken_bpe(str(ROOT / "llama3/tokenizer.model"))
    t = tiktoken.Encoding("llama3", pat_str=SPLIT % "{1,3}", mergeable_ranks=ranks,
                          special_tokens=LLAMA3_ADDED)
    return lambda text: t.encode(text, allowed_special="all")


def sp(name):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(ROOT / name / "tokenizer.model"))
    return processor.encode


QWEN, LLAMA3, MISTRAL, LLAMA2 = qwen(), llama3(), sp("mistral_v1"), sp("llama2")
BOXED = "Please reason step by step, and put your final answer within \\boxed{}."
ACT = ("You are a helpful and harmless assistant. You should think step-by-step and put your final "
       "answer within \\boxed{}.")
DATE = "\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
TASK = ("** Problem **\n{}\n\n** Task **\nYour task is to evaluate the accuracy of each step in the "
        "provided solution to the above question. For each step, respond with \"correct\" if the "
        "reasoning is logically valid and mathematically sound, or if the step is a general statement "
        "or transition that does not contain reasoning. Respond with \"incorrect\" if the step includes "
        "any errors or flawed logic.\n\n** Sotluion **\n{}")


def where(ids, token):
    return [i for i, x in enumerate(ids) if x == token]


def chatml(messages):
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages)


def llama_chat(messages):
    head = f"<|begin_of_text|><|start_header_id|>system<|end_header_id|>{DATE}<|eot_id|>"
    return head + "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{text.strip()}<|eot_id|>"
                          for role, text in messages)


def qwen_prm(q, steps, system=BOXED):
    ids = QWEN(chatml([("system", system), ("user", q),
                       ("assistant", "<extra_0>".join(steps) + "<extra_0>")]))
    return ids, where(ids, 151651)


def actprm(q, steps):
    return qwen_prm(q, [s.strip() for s in steps], ACT)


def math_shepherd(q, steps):
    ids = [1] + MISTRAL(f"{q} " + "\n".join(f"Step {i}: {s} ки" for i, s in enumerate(steps, 1)))
    return ids, where(ids, 12902)


def rlhflow(q, steps):
    reads, messages = [], []
    for k, step in enumerate(steps):
        messages += [("user", f"{q} {step.strip()}" if k == 0 else step.strip()), ("assistant", "+")]
        ids = LLAMA3(llama_chat(messages))
        reads.append(len(ids) - 3)
    return ids, reads


def skywork(q, steps):
    ids, reads = QWEN("<|endoftext|>" + q + "\n"), []
    newline = QWEN("\n")[-1]
    for step in steps:
        for line in step.split("\n"):
            ids += (QWEN(line) if line else []) + [newline]
        reads.append(len(ids) - 1)
    return ids, reads


def trl(q, steps):
    ids, reads = QWEN(q), []
    for step in steps:
        ids += QWEN(step) + QWEN("\n")
        reads.append(len(ids) - 1)
    return ids, reads


def math_psa(q, steps):
    ids = QWEN(f"{q} " + " ".join(f"{s} \n\n\n\n\n" for s in steps))
    return ids, where(ids, 76325)


def llemma(q, steps):
    ids = [1] + LLAMA2(f"# Question\n\n{q}\n\n# Solution\n\n" + "".join(s + "\n\n" for s in steps))
    begin, scoring = LLAMA2("# Solution")[1:], LLAMA2("\n\n")[1:]
    reads, flag = [], False
    for i in range(len(ids)):
        flag = flag or ids[i:i + len(begin)] == begin
        if flag and ids[i:i + len(scoring)] == scoring:
            reads.append(i)
    return ids, reads[1:]


def reasoneval(q, steps, seven=False):
    separator = 1 if seven else -1
    segments = [f"Question:\n{q}\nAnswer:\nLet's think step by step.\n"] + steps
    tokenized = [1]
    for segment in segments:  # separators are added tokens: what lies between is tokenized by itself
        tokenized += MISTRAL(segment) + [separator]
    labeled, adjusted, count = [], [], 0
    for index, token in enumerate(tokenized):
        if token == separator:
            labeled.append(index - 1 - count)
            count += 1
        else:
            adjusted.append(token)
    return ([1] + adjusted, labeled[2:]) if seven else (adjusted, labeled[1:])


def pqm(q, steps):
    ids = QWEN(f"[INST] {q} [/INST]" + "\n".join(f"Step {i}: {s} [PRM]" for i, s in enumerate(steps, 1)))
    return ids, where(ids, QWEN_ADDED["[PRM]"])


def pqm_instruction(q, steps):
    query = ("Below is an instruction that describes a task.\nWrite a response that appropriately "
             "completes the request.\n\n### Instruction:\n{}\n\n### Response: Let's think step by step")
    answer = " [PRM]\n".join(f"Step {i}: {s.strip()}" for i, s in enumerate(steps, 1)) + " [PRM]"
    ids = QWEN(f"{query.format(q)}\n{answer}")
    return ids, where(ids, QWEN_ADDED["[PRM]"])


def er_prm(q, steps):
    text = f"{q} " + "\n".join(f"Step {i}: {s} ки" for i, s in enumerate(steps, 1))
    ids = LLAMA3("<|begin_of_text|>" + text.replace(" ки\n", " ки"))
    return ids, where(ids, 116624)


def versaprm(q, steps):
    ids = LLAMA3("<|begin_of_text|>" + q + " \n\n" + " \n\n\n\n".join(steps) + " \n\n\n\n")
    return ids, where(ids, 23535)


def turns(q, steps):
    for k, step in enumerate(steps):
        yield "user", TASK.format(q, step) if k == 0 else step
        yield "assistant", "correct"


def fover(q, steps):
    ids = LLAMA3(llama_chat(turns(q, steps)))
    return ids, [i for i in where(ids, 271) if ids[i - 1] == 128007 and ids[i - 2] == 78191]


def fover_qwen(q, steps):
    system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    ids = QWEN(chatml([("system", system), *turns(q, steps)]))
    return ids, [i for i in where(ids, 198) if ids[i - 1] == 77091 and ids[i - 2] == 151644]


def implicit(q, steps):
    """The chat of the card; the blank line between steps is one id here, as a step's end must not merge."""
    ids = QWEN(chatml([("system", BOXED), ("user", q)]) + f"<|im_start|>assistant\n{steps[0]}")
    reads = [len(ids) - 1]
    for step in steps[1:]:
        ids += QWEN("\n\n") + QWEN(step)
        reads.append(len(ids) - 1)
    return ids, reads


FORMATS = {"implicit": implicit, "qwen-prm": qwen_prm, "math-shepherd": math_shepherd, "rlhflow": rlhflow, "skywork": skywork,
           "trl": trl, "pure": trl, "math-psa": math_psa, "llemma-prm": llemma, "reasoneval": reasoneval,
           "reasoneval-7b": lambda q, s: reasoneval(q, s, True), "pqm": pqm,
           "pqm-instruction": pqm_instruction, "er-prm": er_prm, "versaprm": versaprm, "fover": fover,
           "fover-qwen": fover_qwen, "actprm": actprm}
TRACES = [
    ("What is 2 + 3?", ["2 + 3 = 5.", "The answer is 5."]),
    ("Solve $3x + 6 = 15$ for $x$.", ["Subtract 6: \\(3x = 9\\)", "so $x = \\boxed{3}$", "# Answer: 3", "ок"]),
    ("Janet’s ducks lay 16 eggs;\nshe eats 3.", ["She has 16 − 3 = 13 eggs.", "At $2 each: 13*2=$26"]),
    ("问题：求 12 的一半。", ["12 ÷ 2 = 6", "答案是 6。", "🙂 é ё"]),
    ("Several lines", ["First line.\nSecond line: 1/2", "def f(x):\n    return x", "Done"]),
]


def main():
    lines = []
    for name, function in FORMATS.items():
        for problem, steps in TRACES:
            ids, reads = function(problem, steps)
            assert len(reads) == len(steps), (name, problem, reads)
            lines.append(json.dumps({"format": name, "problem": problem, "steps": steps, "ids": ids,
                                     "step_reads": reads}, ensure_ascii=False))
    path = pathlib.Path(__file__).with_suffix(".jsonl.xz")
    path.write_bytes(lzma.compress(("\n".join(lines) + "\n").encode()))


if __name__ == "__main__":
    main()
