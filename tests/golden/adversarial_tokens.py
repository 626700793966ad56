"""Writes adversarial_tokens.jsonl.xz: hostile strings with their ids by the reference tokenizers.

    pip install tokenizers==0.23.3 tiktoken==0.14.0 sentencepiece==0.2.1
    python tests/golden/adversarial_tokens.py TOKENIZERS

TOKENIZERS is the folder with gpt2, llama2, llama3, mistral_v1, mistral_v3, qwen and smollm2. A row is
{"text", "ids": {name: [id]}}; a name ending in "+special" has the special strings of the text parsed.
Byte-level BPE comes from PyPI tokenizers, the ranks of Llama 3 and Qwen from tiktoken, the rest from
sentencepiece.
"""

import base64
import json
import lzma
import pathlib
import random
import sys
import unicodedata

import sentencepiece
import tiktoken
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

COUNT = 2400
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN_REGEX = CONTRACTIONS + r"\p{N}" + REST
LLAMA3_REGEX = CONTRACTIONS + r"\p{N}{1,3}" + REST
QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA3_SPECIAL = {"<|begin_of_text|>": 128000, "<|end_of_text|>": 128001,
                  "<|start_header_id|>": 128006, "<|end_header_id|>": 128007, "<|eot_id|>": 128009}


def read(path):
    return lzma.open(path).read() if path.suffix == ".xz" else path.read_bytes()


def ranks(path):
    lines = (line.split() for line in path.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def byte_level(vocab, merges, pre_tokenizer, normalizer=None, special=()):
    pairs = [tuple(line.split(" ")) for line in merges.splitlines()
             if line and not line.startswith("#version")]
    tokenizer = Tokenizer(BPE(json.loads(vocab), pairs))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def with_tokenizers(tokenizer, parse):
    def encode(text):
        tokenizer.encode_special_tokens = not parse
        return tokenizer.encode(text, add_special_tokens=False).ids
    return encode


def with_tiktoken(encoding, parse, nfc=False):
    def encode(text):
        text = unicodedata.normalize("NFC", text) if nfc else text
        allowed = "all" if parse else set()
        return encoding.encode(text, allowed_special=allowed, disallowed_special=())
    return encode


def encoders(folder):
    gpt2 = byte_level(read(folder / "gpt2/vocab.json"), read(folder / "gpt2/merges.txt").decode(),
                      pre_tokenizers.ByteLevel(add_prefix_space=False), special=["<|endoftext|>"])
    qwen = byte_level(read(folder / "qwen/vocab.json.xz"),
                      read(folder / "qwen/merges.txt").decode(),
                      pre_tokenizers.Sequence([
                          pre_tokenizers.Split(Regex(QWEN_REGEX), "isolated"),
                          pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
                      normalizers.NFC(), QWEN_SPECIAL)
    smollm2 = Tokenizer.from_str(read(folder / "smollm2/tokenizer.json.xz").decode())
    qwen_ranks = ranks(folder / "qwen/qwen.tiktoken")
    qwen_special = {text: len(qwen_ranks) + i for i, text in enumerate(QWEN_SPECIAL)}
    qwen_tiktoken = tiktoken.Encoding("qwen", pat_str=QWEN_REGEX, mergeable_ranks=qwen_ranks,
                                      special_tokens=qwen_special)
    llama3 = tiktoken.Encoding("llama3", pat_str=LLAMA3_REGEX,
                               mergeable_ranks=ranks(folder / "llama3/tokenizer.model"),
                               special_tokens=LLAMA3_SPECIAL)
    result = {}
    for suffix, parse in (("", False), ("+special", True)):
        result["gpt2" + suffix] = with_tokenizers(gpt2, parse)
        result["qwen" + suffix] = with_tokenizers(qwen, parse)
        result["smollm2" + suffix] = with_tokenizers(smollm2, parse)
        result["qwen.tiktoken" + suffix] = with_tiktoken(qwen_tiktoken, parse, nfc=True)
        result["llama3" + suffix] = with_tiktoken(llama3, parse)
    for name in ("llama2", "mistral_v1", "mistral_v3"):
        model = sentencepiece.SentencePieceProcessor(model_file=str(folder / name / "tokenizer.model"))
        result[name] = model.encode
    return result


def by_category():
    """Assigned code points of every general category that text can hold."""
    categories = {}
    for point in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(point))
        if category not in ("Cs", "Cn", "Co"):
            categories.setdefault(category, []).append(chr(point))
    categories["Co"] = ["\ue000", "\U000f0000", "\U0010fffd"]
    categories["noncharacters"] = ["\ufdd0", "\ufffe", "\uffff", "\U0001ffff"]
    return categories


EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇪🇺", "🇯🇵🇰", "1️⃣", "❤️", "❤", "🧑🏿‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "😀😀😀", "☺︎"]
MARKS = ["\u0301", "\u0308", "\u0327", "\u0345", "\u05b4", "\u064e", "\u093f", "\u0e34", "\u20d7",
         "\u3099", "\u302a", "\ufe0f", "\u200d", "\u1100", "\u1161", "\u11a8"]
SCRIPTS = ["日本語の文章", "中文數學題", "한국어", "ﾊﾝｶｸ", "עברית 12", "العربية ٣٤", "हिन्दी", "ไทย", "Ελληνικά",
           "русский", "ქართული", "ትግርኛ", "ﬁne", "ＡＢＣ１２", "①②③", "½⅓", "Ⅻ", "x²₃", "ℝⁿ→ℂ", "ǅ", "İıßẞ"]
LATEX = [r"\frac{a}{b}", r"\boxed{-\tfrac{3}{4}}", r"$x^{2}_{i}$", r"\begin{align*}", r"\\[4pt]",
         r"\left( \sum_{i=1}^{n} \right)", r"$$\int_0^\infty e^{-x}\,dx$$", r"\%", r"\text{ cm}^3"]
CODE = ["def f(x):\n\treturn x**2\n", "for (int i=0;i<10;++i) {\n    a[i] += 1;\n}", "<<12*3=36>>36",
        "#### 42", "x=3;y=-4", "a_b-c.d/e\\f", "0xFF_u8", "/* c */ // d", "print('it''s')", "&amp;<br/>"]
QUOTES = ["'s", "'S", "'ll", "'LL", "’s", "'d've", "'re", "don't", "I'M", "'ſ", "''t"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r", " \n", "\n ", "\u00a0", "\u3000",
          "\u2003", "\u2028", "\u0085", "\u200b", "\x0b", "\x0c", "\x1c", "\ufeff", "\u2581", "\u2581\u2581"]
NUMBERS = ["0", "7", "42", "123", "1234", "12345", "1,234.50", "3.14159", "10%", "-5", "1e-9", "٣٤٥", "१२३"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|begin_of_text|>", "<s>",
            "</s>", "<unk>", "<0x0A>", "[INST]", "<extra_0>", "<|endoftext|", "<|im_<|im_end|>",
            "<|start_header_id|>user<|end_header_id|>", "ки", " ки", "<pad>", "[PRM]"]
WORDS = ["the", "The", "THE", "Step 1:", "answer", "is", "therefore", "xxxxxxxxxxxxxxxxxxxxxxxx",
         "supercalifragilistic", "don", "aaaa", "ÅÄÖ", "naïve", "Zürich", "e\u0301", "é"]
CONTROL = ["\x00", "\x01", "\x1b[0m", "\x7f", "\u0080", "\u202e", "\u2066", "\ufffd", "\u00ad"]


def texts(rng):
    kinds = [EMOJI, MARKS, SCRIPTS, LATEX, CODE, QUOTES, SPACES, NUMBERS, SPECIALS, WORDS, CONTROL]
    categories = by_category()
    yield from ("", " ", "\n", "a", "\u0301", "\u2581", " " * 300, "\n" * 300, "a" * 2000, "ab" * 1500,
                "1" * 400, "é" * 300, "👍" * 100, "\t \t " * 60, "." * 500, "日" * 300)
    for kind in kinds:
        yield from kind
    for points in categories.values():
        for _ in range(6):
            yield "".join(rng.choice(points) for _ in range(rng.randint(1, 8)))
            yield "a" + rng.choice(points) + "1 " + rng.choice(points) + "\n"
    everything = list(categories.values())
    while True:
        parts = []
        for _ in range(rng.randint(2, 14)):
            shape = rng.random()
            if shape < 0.72:
                parts.append(rng.choice(rng.choice(kinds)))
            elif shape < 0.86:
                parts.append(rng.choice(rng.choice(everything)))
            else:
                parts.append(rng.choice(SPACES) * rng.randint(1, 7))
        yield "".join(parts)


def main():
    encode = encoders(pathlib.Path(sys.argv[1]))
    rng = random.Random(1)
    rows, seen = [], set()
    for text in texts(rng):
        if len(rows) == COUNT:
            break
        if text in seen:
            continue
        seen.add(text)
        rows.append(json.dumps({"text": text, "ids": {k: f(text) for k, f in encode.items()}}))
    path = pathlib.Path(__file__).with_suffix(".jsonl.xz")
    path.write_bytes(lzma.compress(("\n".join(rows) + "\n").encode(), preset=9))


if __name__ == "__main__":
    main()
