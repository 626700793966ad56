// The decoder's operations other than matrix products, each with its backward pass.
//
// Every op checks rank, size, dtype and device, then picks a body: a vectorised CPU body for
// float32 and bfloat16, or plain LibTorch, which is the reference and runs on any device.
// T tokens (all traces of a batch in one row), D hidden size, F feed-forward size, H query heads,
// K key/value heads, C channels of a head. "Compute dtype" is that of the matrix products; the
// residual stream and every accumulation are float32.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/config/model_config.h"

namespace prm::cuda {
class DeviceRuns;
}

namespace prm::ops {

// Which kernels run on the device: "CPU", "CUDA", or "LibTorch (why)" where a GPU's are missing.
std::string DescribeKernels(at::Device device);

// --- RMSNorm with the residual addition before it ------------------------------------------------
// Source: Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", section 4.
struct RmsNormResult {
  at::Tensor residual;  // [T, D] float32: residual + delta
  at::Tensor normed;    // [T, D] out_dtype: residual * rstd * weight
  at::Tensor rstd;      // [T] float32: 1 / sqrt(mean(residual^2) + eps)
};
// residual [T, D] float32; delta [T, D] or undefined; weight [D] float32.
RmsNormResult AddRmsNorm(const at::Tensor& residual, const at::Tensor& delta,
                         const at::Tensor& weight, double eps, at::ScalarType out_dtype);

struct RmsNormGrads {
  at::Tensor residual;          // [T, D] float32
  at::Tensor residual_compute;  // the same in the compute dtype, input of the next matrix product
};
// grad_normed [T, D]; grad_residual [T, D] float32: what reaches the sum by other paths, or
// undefined. Adds to grad_weight [D] float32.
RmsNormGrads AddRmsNormBackward(const at::Tensor& grad_normed, const at::Tensor& grad_residual,
                                const at::Tensor& residual, const at::Tensor& rstd,
                                const at::Tensor& weight, at::ScalarType compute_dtype,
                                at::Tensor& grad_weight);

// --- Gated linear unit ---------------------------------------------------------------------------
// Source: Shazeer 2020, "GLU Variants Improve Transformer", equation 6; GELU's tanh form: Hendrycks
// & Gimpel 2016, section 2. gate_up [T, 2F], gate first; returns act(gate) * up [T, F].
at::Tensor Glu(const at::Tensor& gate_up, Activation activation);
struct GluGrads {
  at::Tensor gate_up;     // [T, 2F]
  at::Tensor activation;  // [T, F]: the forward result, recomputed instead of kept
};
GluGrads GluBackward(const at::Tensor& grad, const at::Tensor& gate_up, Activation activation);

// --- Products whose operands change --------------------------------------------------------------
// a [M, K] times b [K, N], plus bias [N] where that is defined, in the dtype of all: [M, N], as
// LibTorch computes it. Large ones on the CPU are cut into pieces, of which threads take the next
// as they become free; how many depends on the shape and on LibTorch's number of threads.
at::Tensor MatMul(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

// --- Linear layers whose weights do not change ---------------------------------------------------
// How a weight is held. The narrow formats are symmetric, with one float32 scale a row: its largest
// magnitude is the largest number of the format. Source: Dettmers et al. 2022, "LLM.int8()",
// section 2.1 (absmax, vector-wise).
enum class WeightFormat {
  kAsStored,  // in the compute dtype
  kInt8,      // -127 .. 127, each a bfloat16 without rounding: the products stay those of the dtype
  kFp8,       // e4m3; the rows of x are rounded to it, too. CUDA from sm_89 on (Ada, Hopper) alone
};

enum class LinearBody {
  kPanels,  // the CPU's: an output is bitwise the same whatever shares its batch, on any threads
  kCuda,    // of the CUDA kernels: the same; bfloat16, and float32 where not gated
  kTorch,   // of the narrow formats on any device: the reference
};

struct LinearOptions {
  bool gated = false;  // the rows are gates [F], then ups [F], for Glu
  WeightFormat format = WeightFormat::kAsStored;
  LinearBody body = LinearBody::kPanels;
};

// A weight [N, K] and a bias [N] in the order in which the body reads them, with what follows the
// product. Immutable, any thread.
struct LinearProduct;
class PackedLinear {
 public:
  // The CPU's body takes float32, and bfloat16 where the CPU has AVX512-BF16 and K is even, as they
  // are and as int8; that of the CUDA kernels what is as stored, of bfloat16 K in eights and N, or
  // F where gated, in eights; LibTorch's the narrow formats, fp8 of bfloat16 with multiples of 16.
  static bool Takes(const at::Tensor& weight, const LinearOptions& options = {});
  // The CPU's body is faster than LibTorch's product: bfloat16; with AMX, and in float32, as
  // measured.
  static bool Pays(const at::Tensor& weight);
  // weight in the compute dtype; bias may be undefined.
  PackedLinear(const at::Tensor& weight, const at::Tensor& bias, const LinearOptions& options);
  // The same there; panels stay on the CPU. The CUDA kernels' body multiplies on a GPU alone.
  PackedLinear To(at::Device device) const;

  at::ScalarType dtype() const { return dtype_; }  // the compute dtype
  int64_t numel() const { return inputs_ * outputs_; }
  int64_t bytes() const;

  // x [T, K] in the compute dtype, as the result.
  at::Tensor Forward(const at::Tensor& x) const;                     // [T, N]
  void AddTo(const at::Tensor& x, at::Tensor* sum) const;            // sum [T, N] float32 += ...
  at::Tensor Glu(const at::Tensor& x, Activation activation) const;  // [T, F]

 private:
  void Pack(const at::Tensor& weight, const at::Tensor& bias);
  void Multiply(const at::Tensor& x, LinearProduct product) const;
  void CheckInput(const at::Tensor& x) const;
  at::Tensor ByTorch(const at::Tensor& x) const;  // [T, N]

  int64_t inputs_ = 0, outputs_ = 0;
  LinearOptions options_;
  at::ScalarType dtype_;
  at::Tensor values_;        // panels; else [N, K], where gated for CUDA in the order of its kernel
  at::Tensor scale_, bias_;  // float32, of the panels' outputs, or [N]; LibTorch's bias as given
};

// Row n is values[n] * scale[n].
struct QuantizedWeight {
  at::Tensor values;  // [N, K] int8 or float8_e4m3fn
  at::Tensor scale;   // [N] float32
};
// weight [N, K] in any dtype, on its device; rows below 1e-30 become zeros. Temporary memory is a
// few MB: some rows at a time.
QuantizedWeight QuantizeRows(const at::Tensor& weight, WeightFormat format);

// Whether the device multiplies fp8: it is tried.
bool RunsFp8(at::Device device);

// --- Rotary positions ----------------------------------------------------------------------------
// Source: Su et al. 2021, "RoFormer", section 3.2.2; pairs of channels by RotaryLayout.
// cos/sin [P, C/2] float32 for positions 0..P-1, both times `magnitude`; angles are products in
// float32. frequencies [C/2]: radians a position (RopeFrequencies).
struct RotaryTable {
  at::Tensor cos, sin;
};
RotaryTable MakeRotaryTable(int max_positions, const std::vector<float>& frequencies,
                            double magnitude, at::Device device);
// Rotates the first `heads` heads of each row of `x` [T, >= heads*C] in place by its position
// (positions [T] int64, all below P); `inverse` takes the transpose:
// the backward pass, and the way back where magnitude is 1.
void ApplyRotary(at::Tensor& x, const at::Tensor& positions, const RotaryTable& table, int heads,
                 int head_dim, RotaryLayout layout, bool inverse);

// --- Causal attention within each trace ----------------------------------------------------------
struct AttentionShape {
  int heads = 0, kv_heads = 0, head_dim = 0;
  double scale = 0;    // of the scores; 0: 1 / sqrt(head_dim)
  int window = 0;      // a query sees this many tokens, itself the last; 0: all before it
  double softcap = 0;  // c: scores become c * tanh(score / c); 0: as they are
};
struct AttentionResult {
  at::Tensor out;  // [T, H*C]
  // For the backward pass, as the body that made it reads it: log-sum-exp of the scores; empty
  // where not kept.
  std::vector<at::Tensor> log_sum_exp;
};
// qkv [T, (H + 2K)*C]: queries, keys, values of each token. offsets [B + 1], rising from 0 to T:
// trace b is rows offsets[b] .. offsets[b+1]. Source: Vaswani et al. 2017, section 3.2.1; Ainslie
// et al. 2023, "GQA", section 2.2.
AttentionResult PackedAttention(const at::Tensor& qkv, const std::vector<int64_t>& offsets,
                                AttentionShape shape, bool keep_for_backward);
// Returns the gradient of qkv.
at::Tensor PackedAttentionBackward(const at::Tensor& grad_out, const at::Tensor& qkv,
                                   const AttentionResult& forward,
                                   const std::vector<int64_t>& offsets, AttentionShape shape);

// --- Attention over kept keys and values ---------------------------------------------------------
// Source: Kwon et al. 2023, "PagedAttention", section 4.1; blocks of keys under a running softmax
// as in Dao et al. 2022, "FlashAttention", algorithm 1. Blocks begin at multiples of kKvBlockTokens
// of a trace and every sum over keys runs in their order, so that on the CPU a token's result is
// bitwise the same whatever shares its batch and however its trace was cut into runs.
inline constexpr int kKvBlockTokens = 64;

// Which body keeps and reads them; each has its own order within a block.
enum class KvBody {
  kAvx512Bf16,  // bfloat16, head size a multiple of 16
  kPortable,    // float32 and bfloat16 on any CPU
  kCuda,        // bfloat16 on a GPU, head sizes of cuda/launch.h; the order of kTorch
  kTorch,       // any device: the reference
};
// The fastest for these.
KvBody ChooseKvBody(AttentionShape shape, at::ScalarType dtype, at::Device device);
// Its name, and why it is kTorch on a GPU.
std::string DescribeAttention(AttentionShape shape, at::ScalarType dtype, at::Device device);

// Keys and values of one layer, [N, K, kKvBlockTokens * C] each: block n of key/value head k.
struct KvBlocks {
  at::Tensor keys, values;
  KvBody body = KvBody::kTorch;
};
// Zeros; pages of memory are taken when they are first written.
KvBlocks MakeKvBlocks(int64_t blocks, AttentionShape shape, at::ScalarType dtype, at::Device device,
                      KvBody body);

// Rows [row, row + count) of a batch: tokens of one trace from `position` on, whose keys and values
// lie in `blocks`: token t in block t / kKvBlockTokens.
struct KvRun {
  int64_t row = 0, count = 0, position = 0;
  std::vector<int32_t> blocks;  // of all tokens up to the run's last
  bool keeps = true;            // false: they are there already and stay as they are
  int32_t copy_from = -1;  // a block that the run's first one is a copy of before it is written
};
// The runs of a batch. What the body of a device reads of them is made where it is first needed,
// for all layers of a model. One thread at a time.
class KvRuns {
 public:
  KvRuns(std::vector<KvRun> list) : list_(std::move(list)) {}  // NOLINT: they are what they hold
  // The body's made before.
  KvRuns(std::vector<KvRun> list, std::shared_ptr<cuda::DeviceRuns> device)
      : list_(std::move(list)), device_(std::move(device)) {}
  KvRuns(const KvRuns&) = delete;
  const std::vector<KvRun>& list() const { return list_; }
  cuda::DeviceRuns& device() const;  // for bodies

 private:
  const std::vector<KvRun> list_;
  mutable std::shared_ptr<cuda::DeviceRuns> device_;
};

// Writes the keys and values of qkv [T, (H + 2K)*C] where runs keep them, in the order of the runs.
void KeepKeysAndValues(const at::Tensor& qkv, const KvRuns& runs, AttentionShape shape,
                       KvBlocks* kv);
// ApplyRotary to the queries and keys of qkv, then KeepKeysAndValues: one pass where the body has
// one. The queries of qkv are turned in place; its keys may be, too.
void RotateAndKeep(at::Tensor& qkv, const at::Tensor& positions, const RotaryTable& table,
                   RotaryLayout layout, const KvRuns& runs, AttentionShape shape, KvBlocks* kv);
// [T, H*C]: each row attends to the tokens of its trace up to itself, by shape.window.
at::Tensor PrefixAttention(const at::Tensor& qkv, const KvRuns& runs, AttentionShape shape,
                           const KvBlocks& kv);

// --- The end of the decoder at the tokens that are read ------------------------------------------
struct HeadActivation {
  enum Kind { kNone, kSoftmax, kSigmoid };
  Kind kind = kNone;   // softmax: of rows
  double softcap = 0;  // c: logits become c * tanh(logit / c) before; 0: as they are
};
at::Tensor Activate(const at::Tensor& logits, HeadActivation activation);
// activation(norm(residual + delta) * weight^T + bias) [S, O] float32, in one pass on a GPU.
// residual [S, D] float32; delta [S, D] or undefined; norm [D], weight [O, D], bias [O] float32.
at::Tensor ReadHead(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& norm,
                    double eps, const at::Tensor& weight, const at::Tensor& bias,
                    HeadActivation activation);

}  // namespace prm::ops
