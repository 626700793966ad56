"""Measures what LibTorch reaches on a GPU: the ceilings for the kernels.

    python3 scripts/gpu_ceilings.py [PART...]

Parts: copy and product (the machine's two ceilings), linear (a layer's products in bfloat16 and in
fp8, by rows), attention (flash attention of packed traces and appends), invariance (whether a row of
a product has the same bits whatever the other rows; libraries as configured by the environment).
A failed part is reported, and the next one begins; the exit code is then 1. --rehearse runs each
once, tiny, on the CPU, if torch can be imported; GPU-only parts are skipped.
"""

import argparse
import sys

# Rows [outputs, inputs] of Qwen2.5-7B's layers.
SHAPES = {"qkv": (4608, 3584), "out": (3584, 3584), "gate_up": (37888, 3584), "down": (3584, 18944)}
PARTS = ("copy", "product", "linear", "attention", "invariance")


class Bench:
    def __init__(self, rehearse):
        self.gpu = not rehearse
        self.device = "cuda" if self.gpu else "cpu"
        self.scale = 1 if self.gpu else 64
        self.shapes = {name: (n // self.scale, k // self.scale) for name, (n, k) in SHAPES.items()}
        torch.manual_seed(0)

    def random(self, *shape):
        return torch.randn(*shape, device=self.device, dtype=torch.bfloat16)

    def us(self, call, count=20):
        """Microseconds per call, with `count` calls recorded as a graph; the best of five replays."""
        if not self.gpu:
            call()
            return 1.0
        for _ in range(3):
            call()
        torch.cuda.synchronize()
        graph, best = torch.cuda.CUDAGraph(), float("inf")
        with torch.cuda.graph(graph):
            for _ in range(count):
                call()
        for _ in range(6):
            begin, end = torch.cuda.Event(True), torch.cuda.Event(True)
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            best = min(best, begin.elapsed_time(end))
        return best / count * 1e3


def copy(b):
    x = torch.empty((1 << 32) // b.scale ** 2, device=b.device, dtype=torch.uint8)
    y = torch.empty_like(x)
    print(f"copy {2 * x.numel() / b.us(lambda: y.copy_(x), 5) / 1e6:.2f} TB/s")


def product(b):
    n = 8192 // b.scale
    x, y = b.random(n, n), b.random(n, n)
    print(f"product {n} {2 * n**3 / b.us(lambda: x @ y, 5) / 1e6:.0f} TFLOP/s")


def linear(b):
    """Cycles through more weights than the L2 cache holds."""
    for rows in (1, 16, 32, 64, 256, 1024, 4096, 8192) if b.gpu else (1, 16):
        total, total8 = 0.0, 0.0
        for name, (n, k) in b.shapes.items():
            weights = [b.random(n, k) for _ in range(max(2, (1 << 28) // (n * k)) if b.gpu else 2)]
            x, turn = b.random(rows, k), [0]

            def following(tensors):
                turn[0] += 1
                return tensors[turn[0] % len(tensors)]

            t = b.us(lambda: x @ following(weights).t())
            total += t
            line = (f"rows {rows} {name}: bf16 {t:.1f} us {2 * rows * n * k / t / 1e6:.0f} TFLOP/s "
                    f"{2 * n * k / t / 1e6:.2f} TB/s")
            if b.gpu:
                narrow = [w.to(torch.float8_e4m3fn) for w in weights]
                x8 = x.to(torch.float8_e4m3fn)
                of_x, of_w = torch.ones(rows, 1, device="cuda"), torch.ones(1, n, device="cuda")
                t8 = b.us(lambda: torch._scaled_mm(
                    x8, following(narrow).t(), scale_a=of_x, scale_b=of_w,
                    out_dtype=torch.bfloat16, use_fast_accum=True))
                total8 += t8
                line += f"; fp8 rows {t8:.1f} us {2 * rows * n * k / t8 / 1e6:.0f} TFLOP/s"
            print(line)
        print(f"rows {rows}: layer {total:.0f} us, fp8 {total8:.0f} us; "
              f"28 layers {28 * total / 1e3:.1f}, {28 * total8 / 1e3:.1f} ms", flush=True)


def lengths_of(tokens):
    """Attention of traces of 100 to 600 tokens."""
    lengths = []
    while sum(lengths) < tokens:
        lengths.append(min(tokens - sum(lengths), int(torch.randint(100, 600, (1,)))))
    return lengths


def by_trace(qkv, heads, offsets):
    """Attention with one call per trace, as in training."""
    for begin, end in zip(offsets, offsets[1:]):
        q, k, v = (x[begin:end].transpose(0, 1)[None] for x in qkv)
        torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def attention(b):
    for heads, kv_heads, channels in ((28, 4, 128), (14, 2, 64)):
        lengths = lengths_of(16384 // b.scale)
        offsets = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
        x = b.random(offsets[-1], heads + 2 * kv_heads, channels)
        q, k, v = x[:, :heads], x[:, heads:heads + kv_heads], x[:, heads + kv_heads:]
        name = f"{heads}/{kv_heads}x{channels}"
        loop = b.us(lambda: by_trace((q, k, v), heads, offsets), 2)
        print(f"attention {name}, {offsets[-1]} tokens: a call a trace {loop:.0f} us")
        if not b.gpu:
            continue
        cu, longest = torch.tensor(offsets, dtype=torch.int32, device="cuda"), max(lengths)
        ops = torch.ops.aten

        def forward():
            return ops._flash_attention_forward(q, k, v, cu, cu, longest, longest, 0.0, True, False)

        out, grad = forward(), b.random(offsets[-1], heads, channels)
        backward = b.us(lambda: ops._flash_attention_backward(
            grad, q, k, v, out[0], out[1], cu, cu, longest, longest, 0.0, True, out[2], out[3]), 5)
        print(f"  packed flash: forward {b.us(forward, 5):.0f} us, backward {backward:.0f} us")
        try:
            def cudnn():
                return ops._cudnn_attention_forward(q, k, v, None, cu, cu, longest, longest, True,
                                                    0.0, True, False)
            difference = (cudnn()[0] - out[0]).abs().max().item()
            print(f"  packed cudnn: forward {b.us(cudnn, 5):.0f} us, differs by {difference:.1e}")
        except Exception as error:  # only some versions of cuDNN
            print("  packed cudnn:", str(error).split("\n")[0])
        appends, keys, new = 32, 2016, 32  # the target for attention over cached blocks
        cu_q = torch.arange(0, appends * new + 1, new, device="cuda", dtype=torch.int32)
        cu_k = torch.arange(0, appends * keys + 1, keys, device="cuda", dtype=torch.int32)
        q2, k2, v2 = (b.random(n, h, channels) for n, h in
                      ((appends * new, heads), (appends * keys, kv_heads), (appends * keys, kv_heads)))
        t = b.us(lambda: ops._flash_attention_forward(q2, k2, v2, cu_q, cu_k, new, keys, 0.0, True,
                                                      False), 5)
        flop = 4 * appends * new * keys * heads * channels
        print(f"  {appends} appends of {new} on {keys}: {t:.0f} us, {flop / t / 1e6:.0f} TFLOP/s")


def invariance(b):
    """Prints for which row counts row 0 differs from row 0 alone, and whether a row may move."""
    if b.gpu:
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
        torch.backends.cuda.preferred_blas_library("cublaslt")
    most = 4096 // b.scale
    counts = [m for m in (2, 8, 16, 17, 32, 33, 64, 100, 128, 256, 257, 512, 1024, 2048, 4096)
              if m <= most]
    for name, (n, k) in b.shapes.items():
        w, x = b.random(n, k), b.random(most, k)
        alone = x[:1] @ w.t()
        other = [m for m in counts if not torch.equal((x[:m] @ w.t())[:1], alone)]
        moved = torch.equal((x @ w.t())[-1:], x[-1:] @ w.t())
        print(f"invariance {name}: other bits among {other} rows; the last row "
              f"{'keeps' if moved else 'changes'} its bits alone")


def main():
    global torch
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rehearse", action="store_true", help="once, tiny, on the CPU")
    args = parser.parse_args()
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; expected {', '.join(PARTS)}")
    try:
        import torch
    except ImportError as error:
        if not args.rehearse:
            raise
        print(f"started, not run: no torch in this Python ({error})")
        return 77
    bench, failed = Bench(args.rehearse), 0
    for part in args.parts or PARTS:
        try:
            globals()[part](bench)
        except Exception as error:
            failed += 1
            print(f"FAIL {part}: {str(error).splitlines()[0]}")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
