"""Writes tokenizer_json.jsonl.xz: small tokenizers as PyPI tokenizers saves them, with ids of hostile
strings: what SentencePiece models become when they are converted, and byte-level BPE with the
pre-tokenizers of published models.

    pip install tokenizers==0.23.3
    python tests/golden/tokenizer_json.py

A case is {"name", "json": text of tokenizer.json, "ids": [ids of texts[i]], "decoded": [text]}.
"""

import json
import lzma
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

MARK = "\u2581"
TEXTS = ["", " ", "  a", "a  b ", "Step 1: the answer is 12.\nStep 2: 3x + 6 = 15, so x = 3. ки\n", "ки", "18 ки",
         "18\nки", "\n\n", "a\u2581b", "\u2581", "e\u0301 ﬁ ① ½", "日本 👍🏽 x", "<s>a</s> b", "a <s> b", "<mask>",
         "a <mask>  b<mask>", " <tool> x", "<tool><tool>", "the the theorem", "\x00\x07\t", "(a+b)^2", "ſ", "\u00a0x\u3000y",
         "xyz" * 30, " " * 20, "a\r\nb"]
WORDS = ["the", " ", "  ", "\n", "x", "12", "3.5", " ки", "é", "e\u0301", "日", "👍", "\u2581", "<s>", "</s>", "<mask>",
         "<tool>", "ﬁ", "=", "a", "so", "\t", "theorem"]
CORPUS = "the answer is the theorem so the step is there . " * 3


def merges_and_vocab(bytes_too):
    """Merges learnt by hand from a fixed list; characters of the corpus; bytes where asked for."""
    vocab = ["<unk>", "<s>", "</s>"]
    if bytes_too:
        vocab += [f"<0x{b:02X}>" for b in range(256)]
    vocab += sorted(set(CORPUS.replace(" ", MARK)) | set("0123456789.,:=+xabки()^\u00e9f"))
    merges = []
    for left, right in [("t", "h"), ("th", "e"), (MARK, "the"), (MARK, "t"), (MARK, "s"), ("s", "o"), (MARK, "so"),
                        ("e", "r"), ("i", "s"), (MARK, "is"), (MARK, MARK), (MARK + MARK, MARK + MARK), ("к", "и"),
                        (MARK, "ки"), ("s", "t"), ("st", "e"), ("ste", "p"), ("1", "2"), ("the", "o"), (MARK + "the", "o"),
                        ("x", "x")]:
        merges.append((left, right))
        if left + right not in vocab:
            vocab.append(left + right)
    return {piece: i for i, piece in enumerate(vocab)}, merges


def case(name, normalizer=None, pre_tokenizer=None, added=(), bytes_too=True, strip=True, **model):
    vocab, merges = merges_and_vocab(bytes_too)
    model = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": bytes_too, **model}
    tokenizer = Tokenizer(BPE(vocab, merges, **model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    stages = [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(stages + ([decoders.Strip(" ", 1, 0)] if strip else []))
    plain = dict(normalized=False, special=True)
    tokenizer.add_tokens([AddedToken("<s>", **plain), AddedToken("</s>", **plain), *added])
    return encoded(name, tokenizer)


def encoded(name, tokenizer):
    rng = random.Random(name)
    texts = TEXTS + ["".join(rng.choice(WORDS) for _ in range(rng.randint(2, 12))) for _ in range(60)]
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    decoded = [tokenizer.decode(row, skip_special_tokens=False) for row in ids]
    return {"name": name, "json": tokenizer.to_str(), "texts": texts, "ids": ids, "decoded": decoded}


# Regular expressions of published tokenizer.json files.
DEEPSEEK = ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+"]
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def byte_level(name, *stages, use_regex=False, prefix=False):
    """Byte-level BPE whose merges join any letters and spaces, so that every split shows."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab, merges = list(alphabet), []
    frequent = [pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str(c)[0][0]
                for c in " \nathesoxn1235.,=+()'\""]
    for left in frequent:
        for right in frequent:
            if left + right not in vocab:
                merges.append((left, right))
                vocab.append(left + right)
    tokenizer = Tokenizer(BPE({piece: i for i, piece in enumerate(vocab)}, merges))
    last = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*stages, last]) if stages else last
    tokenizer.decoder = decoders.ByteLevel()
    return encoded(name, tokenizer)


def published():
    split, digits = pre_tokenizers.Split, pre_tokenizers.Digits
    yield byte_level("byte level with a prefix space", use_regex=True, prefix=True)
    yield byte_level("byte level, nothing split")
    yield byte_level("deepseek", *[split(Regex(r), "isolated") for r in DEEPSEEK], digits(True))
    yield byte_level("o200k", split(Regex(O200K), "isolated"))
    yield byte_level("digits together", digits(False), use_regex=True)
    yield byte_level("punctuation", pre_tokenizers.Punctuation(), digits(True))
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        yield byte_level("words " + behavior, split(Regex(r"\w"), behavior))
        yield byte_level("string " + behavior, split(" ", behavior))
    yield byte_level("inverted", split(Regex(r"\s+$|\w+"), "isolated", invert=True))
    yield byte_level("line ends", split(Regex(r"^\s*|[ \t]+$"), "isolated"))
    yield byte_level("white space", pre_tokenizers.WhitespaceSplit())
    yield byte_level("words and the rest", pre_tokenizers.Whitespace())


def cases():
    yield from published()
    legacy = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    tool = AddedToken("<tool>", normalized=False, special=False)
    yield case("prepend and replace", legacy)
    yield case("metaspace, first", pre_tokenizer=pre_tokenizers.Metaspace(MARK, "first", split=False))
    yield case("metaspace, always", pre_tokenizer=pre_tokenizers.Metaspace(MARK, "always", split=False))
    yield case("metaspace, never", pre_tokenizer=pre_tokenizers.Metaspace(MARK, "never", split=False), strip=False)
    yield case("metaspace, split", pre_tokenizer=pre_tokenizers.Metaspace(MARK, "always", split=True))
    yield case("replace alone", normalizers.Replace(" ", MARK), strip=False)
    yield case("NFKC", normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" ", MARK)]), strip=False)
    yield case("NFD", normalizers.Sequence([normalizers.NFD(), normalizers.Replace(" ", MARK)]), strip=False)
    yield case("no bytes", legacy, bytes_too=False)
    yield case("no bytes, unknown one by one", legacy, bytes_too=False, fuse_unk=False)
    yield case("no bytes, no unknown token", legacy, bytes_too=False, unk_token=None)
    yield case("ignore merges", pre_tokenizer=pre_tokenizers.Metaspace(MARK, "first", split=True), ignore_merges=True)
    yield case("added tokens", pre_tokenizer=pre_tokenizers.Metaspace(MARK, "first", split=False),
               added=[tool, AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    yield case("added tokens that take white space", legacy,
               added=[AddedToken("<tool>", rstrip=True, normalized=False, special=True),
                      AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False, special=True)])
    yield case("added tokens of normalized text", legacy, added=[AddedToken("<tool>", normalized=True, special=False),
                                                                AddedToken("<mask>", normalized=True, special=True)])


def main():
    rows = "\n".join(json.dumps(c) for c in cases()) + "\n"
    pathlib.Path(__file__).with_suffix(".jsonl.xz").write_bytes(lzma.compress(rows.encode(), preset=9))


if __name__ == "__main__":
    main()
