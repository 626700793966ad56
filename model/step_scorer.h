// The torch-free door to a model: tokens in, step scores out.
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
  std::string why_dtype;              // that one, where auto took it; else empty
  std::string weights = "as-stored";  // of the layers' matrices, also int8, fp8: other scores
  std::string device;                 // cpu, cuda:0
  std::string products;               // of the layers' matrices: panels, libtorch, cuda
  std::string why_products;           // those, where auto took them; else empty
  // That run there: CPU, CUDA, or LibTorch (why not CUDA); then attention's and the products'.
  std::string kernels;
  int vocab_size = 0;
  int max_tokens = 0;            // longest trace
  double threshold = 0.5;        // p_correct below it: the step is judged wrong
  bool reuses_prefixes = false;  // long traces may come in parts, growing ones again and again
  std::string label_policy;      // named policies the model was trained with
  std::string base_model;        // provenance
  std::string training_data;     // provenance: names and hashes
  std::string files;             // how many were compared with their sums
};

// The device that computes is lost to this process, as after a CUDA error that sticks: whatever is
// tried on it fails from now on. A server then ends. The work was not done and may be tried
// elsewhere, so the code is kUnavailable.
class DeviceLost : public Error {
 public:
  explicit DeviceLost(const std::string& message) : Error(ErrorCode::kUnavailable, message) {}
};

// One owner thread at a time calls Score; the const accessors may be called from any thread.
class StepScorer {
 public:
  virtual ~StepScorer() = default;
  // Scores B traces in one packed batch: result [B], of S_b steps each. Only the steps that are
  // read (step_reads) are scored; a trace of no reads is computed for those that will continue it.
  // Throws Error(kInvalidArgument) for ids outside the vocabulary, no ids, or more than max_tokens:
  // nothing is cut; Error(kDataLoss) where a score is no finite number. Either is one trace's
  // fault: its neighbours may be scored without it. Throws DeviceLost where no later call could
  // succeed.
  virtual std::vector<TraceScores> Score(std::span<const TraceTokens> traces) = 0;
  // How many of the tokens Score would have to compute now; an estimate, for planning. Any thread.
  virtual int64_t TokensToCompute(const TraceTokens& trace) const {
    return int64_t(trace.ids.size());
  }
  // Whether it may come in parts: where tokens are read differently in a longer trace, as beyond
  // the context of a dynamic rope scaling, it must come whole. Any thread.
  virtual bool ReusesPrefixOf(const TraceTokens& trace) const {
    return !trace.ids.empty() && description().reuses_prefixes;
  }
  virtual const Tokenizer& tokenizer() const = 0;
  virtual const ScoringFormat& scoring() const = 0;
  const StepFormat& format() const { return scoring().format; }
  virtual const ModelDescription& description() const = 0;
};

// How far scores with int8 or fp8 weights may be from a checkpoint's own: what is wrong is far more
// (a model of random weights that reads other ones, some 0.3), what rounding does far less.
inline constexpr double kNarrowTolerance = 0.1;

struct ScorerOptions {
  // float32, bfloat16, or auto: on a CPU that multiplies both the faster one, measured at load.
  std::string dtype = "auto";
  // Of the layers' matrices: as-stored (in dtype), int8 (half the memory of bfloat16, scores change
  // a little), fp8 (CUDA from sm_89 on; scores change more).
  std::string weights = "as-stored";
  // Whose products of the layers' matrices, on a CPU with weights as stored: panels, libtorch, or
  // auto: by a rule that may measure both at load (model/decoder/product_choice.h).
  std::string products = "auto";
  // auto: CUDA when present; cpu, cuda, cuda:N. For LoadStepScorers a list: cuda:0,cuda:1 or
  // cpu,cpu
  std::string device = "auto";
  int threads = 0;           // of each scorer on a CPU; 0: all cores, shared among them
  bool pin_threads = false;  // each of these to a core of its own
  bool self_test = true;     // compare the checkpoint's self-test traces at load
  bool verify = true;        // compare its files with their sums in prm.json
  // Of the keys and values that each scorer keeps for traces with the same prefix; nullopt: a
  // quarter of the free memory, of a GPU's four fifths, shared among the scorers; 0: none are kept
  // and nothing is reused.
  std::optional<int64_t> cache_bytes = std::nullopt;
  // Scores are bitwise the same whatever shares the batch, whole or step by step, kept or computed
  // again, on any number of threads; slower on a GPU.
  bool batch_invariant = false;
  // On a GPU: small passes are recorded and played again as a whole; the same scores.
  bool cuda_graphs = true;
};

// Opens a checkpoint folder with prm.json on one device. Throws Error naming file and cause.
std::unique_ptr<StepScorer> LoadStepScorer(const std::string& folder, const ScorerOptions& options);
// The same for each device of the list; those of one device share the weights. Each scorer may run
// on a thread of its own.
std::vector<std::unique_ptr<StepScorer>> LoadStepScorers(const std::string& folder,
                                                         const ScorerOptions& options);

}  // namespace prm
