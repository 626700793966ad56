// The comparison of the serving passes when a model is loaded. Under emulation, with CPU tensors,
// they are those of a GPU, which the training passes do not use.
#include "data/tokenizers/bpe_spec.h"
#include "model/ops/prefix_attention.h"
#include "tests/model/kernels/emulated_kernels.h"
// Include the emulation before everything else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "data/tokenizers/bpe_tokenizer.h"
#include "model/decoder/checkpoint.h"
#include "model/scoring/self_test.h"
#include "model/step_scorer.h"
#include "tests/error_of.h"
#include "tests/model/reference_decoder.h"
#include "tests/temp_folder.h"

namespace prm {
namespace {

using cuda::EmulatedKernels;
using cuda::KernelTable;
using testing::HasSubstr;

// --- kernels with a fault ------------------------------------------------------------------------

const char* NarrowAttention(const cuda::PrefixAttentionArgs& args, void* stream) {
  cuda::PrefixAttentionArgs wrong = args;
  wrong.window = 3;
  return cuda::launch::PrefixAttention(wrong, stream);
}
// Thread blocks for one trace; thirds of all traces take more.
constexpr int kAlone = 3;
// Correct only for a single trace.
const char* NarrowInCompany(const cuda::PrefixAttentionArgs& args, void* stream) {
  return args.split_count > kAlone ? NarrowAttention(args, stream)
                                   : cuda::launch::PrefixAttention(args, stream);
}
// Changes the last bits of all results if traces share the batch.
const char* OtherBitsInCompany(const cuda::PrefixAttentionArgs& args, void* stream) {
  const char* error = cuda::launch::PrefixAttention(args, stream);
  for (int s = 0; args.split_count > kAlone && s < args.split_count; ++s) {
    const cuda::TileRow* rows = args.rows + int64_t(args.splits[s].tile) * cuda::kTileRows;
    for (int i = 0; i < cuda::kTileRows; ++i) {
      if (rows[i].row < 0) continue;
      const int64_t head = int64_t(rows[i].row) * args.heads + rows[i].head;
      for (int64_t c = 0; c < args.head_dim; ++c) args.out[head * args.head_dim + c] ^= 1;
    }
  }
  return error;
}
// Stores nothing of appended tokens.
const char* Forgetful(const cuda::RotateAndKeepArgs& args, void* stream) {
  cuda::RotateAndKeepArgs wrong = args;
  if (args.tokens == 1) return cuda::launch::RotateAndKeep(args, stream);
  wrong.kept_count = std::min(args.kept_count, 12);
  return cuda::launch::RotateAndKeep(wrong, stream);
}
KernelTable With(const char* (*attention)(const cuda::PrefixAttentionArgs&, void*)) {
  KernelTable table = cuda::Launchers();
  table.prefix_attention = attention;
  return table;
}

// Replays its recording correctly once, for the comparison, and never again.
class OnceRecorder : public cuda::GraphRecorder {
  struct Once : cuda::Graph {
    explicit Once(std::function<void()> w) : work(std::move(w)) {}
    void Replay() override {
      if (!played) work();
      played = true;
    }
    std::function<void()> work;
    bool played = false;
  };
  std::unique_ptr<cuda::Graph> Record(const std::function<void()>& work) override {
    work();
    return std::make_unique<Once>(work);
  }
};
std::unique_ptr<cuda::GraphRecorder> NewOnceRecorder() { return std::make_unique<OnceRecorder>(); }

// --- a checkpoint --------------------------------------------------------------------------------

class ServedSelfTests : public testing::Test {
 protected:
  // Four traces of different lengths; their scores are those of float32.
  static PrmJson MakePrm(const ModelConfig& config) {
    PrmJson prm;
    prm.max_tokens = config.max_position_embeddings;
    const Decoder exact(config, ForCompute(RandomWeights(config, 1), torch::kFloat, torch::kCPU));
    for (const int length : {31, 20, 70, 3}) {
      TraceTokens trace;
      for (int t = 0; t < length; ++t) trace.ids.push_back((length + t * 7) % config.vocab_size);
      for (int t = 2; t < length; t += 9) trace.step_reads.push_back(t);
      prm.self_tests.push_back({trace, ScoreSteps(exact, prm.head, {&trace, 1})[0]});
    }
    return prm;
  }
  static ModelConfig Config() {
    ModelConfig config = ForKernels(TinyDecoderConfig());
    config.vocab_size = 256;
    return config;
  }
  void ExpectPasses(ServedSelfTest options) {
    EXPECT_LE(CheckServedSelfTests(decoder_, prm_, "model", options), 2e-2);
  }
  void ExpectFails(const std::string& says, ServedSelfTest options) {
    EXPECT_THAT(MessageOf([&] { CheckServedSelfTests(decoder_, prm_, "model", options); },
                          ErrorCode::kDataLoss),
                HasSubstr(says));
    // The training passes do not notice.
    EXPECT_LE(CheckSelfTests(decoder_, prm_, "model"), 2e-2);
  }

  const ModelConfig config_ = Config();
  const PrmJson prm_ = MakePrm(config_);
  const Decoder decoder_{config_,
                         ForCompute(RandomWeights(config_, 1), torch::kBFloat16, torch::kCPU)};
};

TEST_F(ServedSelfTests, PassOnTheCpuAndOnRightKernels) {
  ExpectPasses({});
  const EmulatedKernels kernels;
  ExpectPasses({});
}

TEST_F(ServedSelfTests, AWrongKernelOfServingFails) {
  const EmulatedKernels kernels(cuda::NewEmulatedGraphRecorder, With(NarrowAttention));
  ExpectFails("model: self-test 0 as served, step", {});
}

TEST_F(ServedSelfTests, AKernelThatIsWrongInCompanyFails) {
  const EmulatedKernels kernels(cuda::NewEmulatedGraphRecorder, With(NarrowInCompany));
  ExpectFails("in thirds, with the others, step", {});
}

TEST_F(ServedSelfTests, KeysThatAreNotKeptFail) {
  KernelTable table = cuda::Launchers();
  table.rotate_and_keep = Forgetful;
  const EmulatedKernels kernels(cuda::NewEmulatedGraphRecorder, table);
  ExpectFails("model: self-test", {});
}

TEST_F(ServedSelfTests, ARecordingThatIsRightOnceFailsWhereItIsUsed) {
  const EmulatedKernels kernels(NewOnceRecorder);
  ExpectPasses({.graphs = false});
  ExpectFails("from recorded passes, step", {});
}

TEST_F(ServedSelfTests, OtherBitsFailWhereScoresAreToBeBatchInvariant) {
  const EmulatedKernels kernels(cuda::NewEmulatedGraphRecorder, With(OtherBitsInCompany));
  ExpectPasses({});
  ExpectFails("bits differ from the whole trace's; expected batch-invariant scores",
              {.bitwise = true});
}

TEST_F(ServedSelfTests, AreMadeWhenACheckpointIsOpened) {
  TempFolder folder;
  BpeSpec bytes;
  bytes.where = "test";
  for (int i = 0; i < 256; ++i) bytes.tokens.push_back(std::string(1, char(i)));
  const auto tokenizer = MakeBpeTokenizer(std::move(bytes));
  PrmJson prm = prm_;
  prm.format = NewlineFormat(*tokenizer, /*prepend_bos=*/false);
  {
    CheckpointWriter writer(folder / "model");
    WriteCheckpoint(
        Decoder(config_, ForCompute(RandomWeights(config_, 1), torch::kFloat, torch::kCPU)),
        *tokenizer, &writer);
    CommitCheckpoint(prm, &writer);
  }
  const auto load = [&] {
    return LoadStepScorer(
        folder / "model",
        {.dtype = "bfloat16", .device = "cpu", .threads = 1, .cache_bytes = 1 << 24});
  };
  load();
  const EmulatedKernels kernels(cuda::NewEmulatedGraphRecorder, With(NarrowAttention));
  EXPECT_THAT(MessageOf(load, ErrorCode::kDataLoss), HasSubstr("self-test 0 as served"));
}

}  // namespace
}  // namespace prm
