// The interface to a model, without LibTorch: tokens in, step scores out.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/error.h"
#include "data/scores.h"
#include "data/tokenizers/tokenizer.h"
#include "data/trace.h"
#include "model/config/scoring_format.h"

namespace prm {

struct ModelDescription {
  std::string name;          // the folder's name
  std::string architecture;  // e.g. "LlamaForCausalLM"
  int64_t parameters = 0;
  std::string dtype;                  // of the matrix products: float32, bfloat16
  std::string why_dtype;              // why auto chose it; else empty
  std::string weights = "as-stored";  // of the layers' matrices; int8 and fp8 change scores
  std::string device;                 // cpu, cuda:0
  std::string products;               // who multiplies the layers' matrices: panels, libtorch, cuda
  std::string why_products;           // why auto chose them; else empty
  // The kernels in use: CPU, CUDA, or LibTorch (why not CUDA); then attention's and the products'.
  std::string kernels;
  int vocab_size = 0;
  int max_tokens = 0;            // longest trace
  double threshold = 0.5;        // p_correct below it: the step is judged wrong
  bool reuses_prefixes = false;  // growing or long traces may be scored in parts
  std::string label_policy;      // named policies the model was trained with
  std::string base_model;        // provenance
  std::string training_data;     // provenance: names and hashes
  std::string files;             // how many files were compared with their sums
};

// The compute device is lost to this process, as after a sticky CUDA error: all further use fails,
// and a server exits. The work was not done and may be retried elsewhere: kUnavailable.
class DeviceLost : public Error {
 public:
  explicit DeviceLost(const std::string& message) : Error(ErrorCode::kUnavailable, message) {}
};

// One owner thread at a time calls Score; the const accessors may be called from any thread.
class StepScorer {
 public:
  virtual ~StepScorer() = default;
  // Scores B traces in one packed batch. Returns [B], with S_b steps each. Only the steps at
  // step_reads are scored; a trace without reads is computed for traces that will continue it.
  // Throws Error(kInvalidArgument) for ids outside the vocabulary, no ids, or more than max_tokens
  // (nothing is cut), Error(kDataLoss) if a score is not finite. Both are the fault of one trace;
  // the others may be scored without it. Throws DeviceLost if no later call can succeed.
  virtual std::vector<TraceScores> Score(std::span<const TraceTokens> traces) = 0;
  // Estimates how many of the tokens Score would have to compute now, for planning. Any thread.
  virtual int64_t TokensToCompute(const TraceTokens& trace) const {
    return int64_t(trace.ids.size());
  }
  // Whether the trace may be scored in parts. False if its tokens are read differently in a longer
  // trace, as beyond the context of a dynamic rope scaling. Any thread.
  virtual bool ReusesPrefixOf(const TraceTokens& trace) const {
    return !trace.ids.empty() && description().reuses_prefixes;
  }
  virtual const Tokenizer& tokenizer() const = 0;
  virtual const ScoringFormat& scoring() const = 0;
  const StepFormat& format() const { return scoring().format; }
  virtual const ModelDescription& description() const = 0;
};

// Tolerance between scores with int8 or fp8 weights and a checkpoint's own. Wrong weights differ
// far more (random weights: some 0.3), rounding far less.
inline constexpr double kNarrowTolerance = 0.1;

struct ScorerOptions {
  // float32, bfloat16, or auto: on a CPU that supports both, the faster one, measured at load.
  std::string dtype = "auto";
  // Format of the layers' matrices: as-stored (in dtype), int8 (half the memory of bfloat16, scores
  // change a little), fp8 (CUDA from sm_89; scores change more).
  std::string weights = "as-stored";
  // Who multiplies the layers' matrices, on a CPU with weights as stored: panels, libtorch, or
  // auto, a rule that may measure both at load (model/decoder/product_choice.h).
  std::string products = "auto";
  // auto (CUDA if present), cpu, cuda, or cuda:N. For LoadStepScorers a list: cuda:0,cuda:1 or
  // cpu,cpu
  std::string device = "auto";
  int threads = 0;           // per scorer on a CPU; 0: all cores, shared among the scorers
  bool pin_threads = false;  // each thread to its own core
  bool self_test = true;     // compare the checkpoint's self-test traces at load
  bool verify = true;        // compare its files with their sums in prm.json
  // Memory in which each scorer keeps keys and values for traces with the same prefix. nullopt: a
  // quarter of the free memory (four fifths on a GPU), shared among the scorers. 0: nothing is kept
  // or reused.
  std::optional<int64_t> cache_bytes = std::nullopt;
  // Scores are bitwise the same in any batch, whole or step by step, kept or recomputed, on any
  // number of threads. Slower on a GPU.
  bool batch_invariant = false;
  // On a GPU: small passes are recorded and replayed as a whole, with the same scores.
  bool cuda_graphs = true;
};

// Opens a checkpoint folder with prm.json on one device. Throws Error naming file and cause.
std::unique_ptr<StepScorer> LoadStepScorer(const std::string& folder, const ScorerOptions& options);
// The same for each device of the list; scorers on one device share the weights. Each scorer may
// run on its own thread.
std::vector<std::unique_ptr<StepScorer>> LoadStepScorers(const std::string& folder,
                                                         const ScorerOptions& options);

}  // namespace prm
