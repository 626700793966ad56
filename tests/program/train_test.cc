// prm train as a user runs it: stopping, refusals, and its outputs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/program/program.h"

namespace prm {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class TrainProgram : public PrmProgram {
 protected:
  // `text` with `flag` and its value replaced by `other`, or appended if there is no `flag`.
  static std::string With(const std::string& text, const std::string& flag,
                          const std::string& other) {
    const std::regex found(flag + " [^ ]+");
    return std::regex_search(text, found) ? std::regex_replace(text, found, other)
                                          : text + " " + other;
  }

  static void ExpectWhole(const std::string& out) {
    EXPECT_EQ(Run("model describe " + Path(out + "/last")).status, 0);
    for (const std::string& name : Names(Path(out))) {
      EXPECT_THAT(name, Not(HasSubstr(".tmp"))) << out;
    }
  }

  // The lines of metrics.jsonl, without fields that depend on the clock.
  static std::vector<nlohmann::json> Metrics(const std::string& out) {
    std::istringstream lines(ReadText(Path(out + "/metrics.jsonl")));
    std::vector<nlohmann::json> metrics;
    for (std::string line; std::getline(lines, line);) {
      metrics.push_back(nlohmann::json::parse(line));
      for (const char* clock : {"seconds", "tokens_per_second"}) metrics.back().erase(clock);
    }
    return metrics;
  }

  static void ExpectEqualRuns(const std::string& a, const std::string& b) {
    for (const char* weights : {"/best/model.safetensors", "/last/model.safetensors"}) {
      EXPECT_TRUE(ReadText(Path(a) + weights) == ReadText(Path(b) + weights)) << weights;
    }
    EXPECT_EQ(Metrics(a), Metrics(b));
  }

  // The values after `name` on the progress lines: the loss, or the time left.
  static std::vector<std::string> Shown(const std::string& err, const std::string& pattern) {
    std::vector<std::string> values;
    const std::regex line(pattern);
    for (std::sregex_iterator i(err.begin(), err.end(), line), end; i != end; ++i) {
      values.push_back((*i)[1]);
    }
    return values;
  }

  // A backbone that returns NaN for the letter '~', which synthesized traces never contain.
  static std::string BackboneWithANaN() {
    const std::string folder = Path("nan_backbone");
    if (fs::exists(folder)) return folder;
    fs::copy(Path("backbone"), folder, fs::copy_options::recursive);
    std::string weights = ReadText(folder + "/model.safetensors");
    uint64_t header = 0;
    std::memcpy(&header, weights.data(), sizeof(header));
    const auto tensors = nlohmann::json::parse(weights.substr(8, header));
    const auto& embedding = tensors["model.embed_tokens.weight"];
    EXPECT_EQ(embedding["dtype"], "F32");
    const size_t row = embedding["shape"][1].get<size_t>() * sizeof(float);
    const size_t at = 8 + header + embedding["data_offsets"][0].get<size_t>() + '~' * row;
    weights.replace(at, row, std::string(row, '\xff'));
    WriteText(folder + "/model.safetensors", weights);
    return folder;
  }
};

TEST_F(TrainProgram, ALearningRateThatBreaksTheModelEndsWithTheStepAndWhatWasNotFinite) {
  const std::string small = With(Train("broken"), "--batch-tokens", "--batch-tokens 400");
  for (const std::string& flags :
       {With(small, "--lr", "--lr 1e38 --eval-tokens 500"), With(small, "--lr", "--lr 1e38"),
        small + " --head-lr 1e38 --eval-tokens 500"}) {
    const Outcome outcome = Run(flags);
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    EXPECT_THAT(outcome.err,
                ContainsRegex("prm: step [0-9]+: .* is -?(nan|inf); expected a finite"))
        << flags;
    EXPECT_FALSE(fs::exists(Path("broken/last")));
    fs::remove_all(Path("broken"));
  }
}

TEST_F(TrainProgram, ANaNInTheDevScoresNamesTheTrace) {
  std::string dev = ReadText(Path("data/dev.jsonl"));
  dev += R"({"id":"wavy","problem":"p","steps":["a","~"],"labels":["incorrect","incorrect"]})";
  WriteText(Path("wavy.jsonl"), dev + "\n");
  std::string train = With(Train("wavy"), "--model", "--model " + BackboneWithANaN());
  train = With(train, "--dev", "--dev " + Path("wavy.jsonl"));
  const Outcome outcome = Run(train);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, ContainsRegex("prm: step [0-9]+: dev: trace \"wavy\", step [01]: the "
                                         "score is -?nan; expected a finite number"));
  EXPECT_FALSE(fs::exists(Path("wavy/best")));
}

TEST_F(TrainProgram, ALossThatIsNotFiniteLeavesTheLastGoodCheckpoint) {
  std::string data = ReadText(Path("data/train.jsonl"));
  data += R"({"id":"wavy","problem":"p","steps":["a~"],"labels":["incorrect"]})";
  WriteText(Path("wavy_train.jsonl"), data + "\n");
  std::string train = With(Train("good", 1, 256), "--model", "--model " + BackboneWithANaN());
  train = With(train, "--data", "--data " + Path("wavy_train.jsonl")) + " --eval-tokens 1";
  ExpectRefused(train, {": the loss is nan; expected a finite number"});
  ASSERT_TRUE(fs::exists(Path("good/last"))) << "the seed brings the trace in the first step";
  ExpectWhole("good");
  const std::string state = ReadText(Path("good/last/trainer.json"));
  ExpectRefused(train + " --resume", {": the loss is nan; expected a finite number"});
  EXPECT_EQ(ReadText(Path("good/last/trainer.json")), state);
}

TEST_F(TrainProgram, EverySignalThatAsksForAnEndSavesAndResumingIsExact) {
  const std::string whole = Train("whole", 2, 256);
  ASSERT_EQ(Run(whole).status, 0);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const std::string out = "stopped_" + std::to_string(signal);
    RunningProgram program(Train(out, 2, 256), Path(out + ".log"));
    program.WaitFor("step 2 ");
    program.Signal(signal);
    EXPECT_EQ(program.Wait(), 1);
    EXPECT_THAT(program.log(), HasSubstr("prm: stopped by a signal after step "));
    ExpectWhole(out);
  }
  const Outcome resumed = Run(Train("stopped_1", 2, 256) + " --resume");
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  ExpectEqualRuns("whole", "stopped_1");
}

TEST_F(TrainProgram, ASignalEndsAnEvaluationWhichResumingDoesAgain) {
  ASSERT_EQ(Run("data synth --out " + Path("long") + " --train 1 --dev 300 --rerank 0").status, 0);
  const auto train = [](const std::string& out) {
    return With(Train(out, 1, 4096), "--dev", "--dev " + Path("long/dev.jsonl")) +
           " --eval-tokens 1";
  };
  {
    RunningProgram program(train("evaluating"), Path("evaluating.log"));
    program.WaitFor("step 1 ");
    program.Signal(SIGTERM);
    EXPECT_EQ(program.Wait(), 1);
    EXPECT_THAT(program.log(), HasSubstr("stopped by a signal after step 1;"));
    EXPECT_THAT(program.log(), Not(HasSubstr("dev: loss")));
  }
  ExpectWhole("evaluating");
  ASSERT_EQ(Run(train("evaluating") + " --resume").status, 0);
  ASSERT_EQ(Run(train("evaluated")).status, 0);
  ExpectEqualRuns("evaluated", "evaluating");
}

TEST_F(TrainProgram, ASecondSignalEndsTheProgramAtOnceAndNoTemporaryStays) {
  ASSERT_EQ(Run("data synth --out " + Path("many") + " --train 1500 --dev 1 --rerank 0").status, 0);
  const std::string train =
      With(Train("impatient", 1, 100'000'000), "--data", "--data " + Path("many/train.jsonl"));
  RunningProgram program(train, Path("impatient.log"));
  program.WaitFor("training ");
  program.Signal(SIGTERM);
  program.Signal(SIGINT);  // two of the same could be delivered as one
  EXPECT_THAT(program.Wait(), testing::AnyOf(128 + SIGTERM, 128 + SIGINT));
  EXPECT_THAT(Names(Path("impatient")), testing::ElementsAre("metrics.jsonl"));
}

TEST_F(TrainProgram, AReaderOfProgressThatGoesAwayLosesNoTraining) {
  const std::string program(PRM_PROGRAM);
  const std::string piped = "bash -c '" + program + " " + Train("piped", 2, 256) +
                            " 2>&1 | head -3 >" + Path("head.txt") + "; exit ${PIPESTATUS[0]}'";
  EXPECT_EQ(WEXITSTATUS(std::system(piped.c_str())), 1);
  ExpectWhole("piped");
  ASSERT_EQ(Run(Train("piped", 2, 256) + " --resume").status, 0);
  ASSERT_EQ(Run(Train("unpiped", 2, 256)).status, 0);
  ExpectEqualRuns("unpiped", "piped");
}

TEST_F(TrainProgram, AFileSizeLimitIsAnErrorThatLeavesTheFormerCheckpoint) {
  const std::string stopped = "limited";
  TrainUntilStopped(stopped);
  const std::string state = ReadText(Path("limited/last/trainer.json"));
  RunningProgram program(Train(stopped, 4, 256) + " --resume", Path("limited.log"),
                         "ulimit -f 50;");
  EXPECT_EQ(program.Wait(), 1);
  EXPECT_THAT(program.log(), HasSubstr("cannot write: File too large"));
  EXPECT_EQ(ReadText(Path("limited/last/trainer.json")), state);
  ExpectWhole(stopped);
}

TEST_F(TrainProgram, WhatIsSaidOnAClosedStandardErrorGoesIntoNoFile) {
  const std::string closed = std::string(PRM_PROGRAM) + " " + Train("closed") + " 2>&-";
  EXPECT_EQ(WEXITSTATUS(std::system(closed.c_str())), 0);
  EXPECT_EQ(Metrics("closed"), Metrics("run"));
}

TEST_F(TrainProgram, AnOutputThatIsThereIsNotReplaced) {
  fs::create_directories(Path("half/best"));
  WriteText(Path("half/best/model.safetensors"), "weights");
  ExpectRefused(Train("half"), {Path("half/best"), "already exists"});
  EXPECT_EQ(ReadText(Path("half/best/model.safetensors")), "weights");
  fs::create_directories(Path("foreign"));
  WriteText(Path("foreign/metrics.jsonl"), "mine");
  ExpectRefused(Train("foreign"), {Path("foreign/metrics.jsonl"), "already exists"});
  EXPECT_EQ(ReadText(Path("foreign/metrics.jsonl")), "mine");

  TrainUntilStopped("mixed");
  WriteText(Path("mixed/metrics.jsonl"), "mine\n");
  ExpectRefused(Train("mixed", 4, 256) + " --resume",
                {Path("mixed/metrics.jsonl") + ":1: not a line of a training run"});
  EXPECT_EQ(ReadText(Path("mixed/metrics.jsonl")), "mine\n");
}

TEST_F(TrainProgram, NumbersOutOfRangeAreWrongUsageThatNamesFlagValueAndRange) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> refused = {
      {"--epochs", {"0"}},
      {"--tokens", {"-1"}},
      {"--batch-tokens", {"0"}},
      {"--micro-tokens", {"0"}},
      {"--lr", {"-1", "nan"}},
      {"--head-lr", {"1e39"}},
      {"--weight-decay", {"nan"}},
      {"--clip", {"nan"}},
      {"--warmup", {"nan"}},
      {"--lr-floor", {"2"}},
      {"--class-weights", {"1e-300,1,1,1", "1,1,nan,1"}},
      {"--seed", {"-1"}},
      {"--eval-tokens", {"-1"}},
      {"--save-minutes", {"nan"}},
      {"--max-tokens", {"0"}},
      {"--threads", {"100000", "-1"}}};
  for (const auto& [flag, values] : refused) {
    for (const std::string& value : values) {
      const Outcome outcome = Run(With(Train("no_run"), flag, flag + " " + value));
      EXPECT_EQ(outcome.status, 2) << flag << " " << value << outcome.err;
      EXPECT_THAT(outcome.err,
                  ContainsRegex(flag + ": expected a (whole )?number from .* to .*, got"))
          << value;
    }
  }
  EXPECT_FALSE(fs::exists(Path("no_run")));
  const std::string model = " --model " + Path("run/best"), in = " --in " + Path("data/dev.jsonl");
  for (const std::string& verb :
       {"score" + in + model, "model describe" + model, "eval --data x" + model, "serve" + model,
        "rerank" + in + model, "model compare --weights int8" + model}) {
    const Outcome outcome = Run(verb + " --threads 100000");
    EXPECT_EQ(outcome.status, 2) << verb << outcome.err;
    EXPECT_THAT(outcome.err,
                HasSubstr("--threads: expected a whole number from 0 to 1024, got \"100000\""));
  }
  const Outcome cache = Run("eval --data x --cache-bytes -1" + model);
  EXPECT_EQ(cache.status, 2);
  EXPECT_THAT(cache.err, HasSubstr("--cache-bytes: expected bytes, 0 or more, as 4GB, got \"-1\""));
}

TEST_F(TrainProgram, ClassWeightsAreTakenWithCommasOrSpaces) {
  ASSERT_EQ(Run(Train("commas", 1) + " --class-weights 1,2,3,0.5").status, 0);
  ASSERT_EQ(Run(Train("spaces", 1) + " --class-weights 1 2 3 0.5").status, 0);
  ExpectEqualRuns("commas", "spaces");
  const auto prm = nlohmann::json::parse(ReadText(Path("commas/best/prm.json")));
  EXPECT_EQ(prm["provenance"]["training_options"]["class_weights"],
            nlohmann::json({1.0, 2.0, 3.0, 0.5}));
  EXPECT_EQ(Run(Train("few", 1) + " --class-weights 1,2,3").status, 2);
}

TEST_F(TrainProgram, DevDataThatCannotJudgeIsRefused) {
  WriteText(Path("empty.jsonl"), "");
  WriteText(Path("bare.jsonl"), R"({"id":"a","problem":"p","steps":["1"],"soft":[0.5]})");
  for (const char* dev : {"empty.jsonl", "bare.jsonl"}) {
    ExpectRefused(With(Train("no_run"), "--dev", "--dev " + Path(dev)) + " --soft",
                  {Path(dev), "no step of its"});
  }
  EXPECT_FALSE(fs::exists(Path("no_run/last")));
}

TEST_F(TrainProgram, ResumingNamesEachOptionThatIsAnotherNow) {
  TrainUntilStopped("options");
  std::string other = With(Train("options", 4, 256), "--lr", "--lr 0.5");
  other += " --resume --seed 7 --tokens 9000 --soft --too-long skip --eval-tokens 5 --clip 2";
  const Outcome outcome = Run(other);
  EXPECT_EQ(outcome.status, 1);
  for (const char* says :
       {"tokens: 0 then, 9000 now", "lr: 0.001 then, 0.5 now", "seed: 1 then, 7 now",
        "soft: false then, true now", "too_long: error then, skip now",
        "eval_tokens: 0 then, 5 now", "clip: 1.0 then, 2.0 now"}) {
    EXPECT_THAT(outcome.err, HasSubstr(says));
  }
  EXPECT_THAT(outcome.err, Not(HasSubstr("epochs")));
}

TEST_F(TrainProgram, ResumingARunThatIsDoneSaysSoAndChangesNothing) {
  const std::string state = ReadText(Path("run/last/trainer.json"));
  const Outcome outcome = Run(Train("run") + " --save-minutes 0 --resume");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const auto steps = nlohmann::json::parse(state)["optimizer_steps"].get<int>();
  EXPECT_THAT(outcome.err, ContainsRegex("already finished at step " + std::to_string(steps) +
                                         "; best dev step AUROC 0[.][0-9]+, in "));
  EXPECT_EQ(ReadText(Path("run/last/trainer.json")), state);
}

TEST_F(TrainProgram, ProgressAfterResumingIsThatOfTheWholeRunAndNeverLacksTime) {
  const std::string loss = "step [0-9]+ .*loss ([0-9.]+) ", left = " tokens/s  (.*) left\n";
  const Outcome whole = Run(Train("shown", 2, 256));
  TrainUntilStopped("shown_stopped");
  const Outcome resumed = Run(Train("shown_stopped", 4, 256) + " --resume");
  ASSERT_EQ(Run(Train("shown_whole", 4, 256)).status, 0);
  const auto all = Shown(Run(Train("shown_again", 4, 256)).err, loss);
  const auto rest = Shown(resumed.err, loss);
  ASSERT_GT(rest.size(), 10u);
  ASSERT_LT(rest.size(), all.size());
  EXPECT_EQ(rest, std::vector(all.end() - int64_t(rest.size()), all.end()));
  // Its last step exceeds the requested tokens.
  const Outcome beyond = Run(Train("beyond", 4, 2048) + " --tokens 2500");
  for (const Outcome* outcome : {&whole, &beyond}) {
    const auto times = Shown(outcome->err, left);
    ASSERT_GT(times.size(), 1u) << outcome->err;
    EXPECT_EQ(times.back(), "0:00");
    for (const std::string& time : times) EXPECT_THAT(time, Not(HasSubstr("-")));
  }
}

TEST_F(TrainProgram, PrmJsonHasEveryOptionThatChangesTheResult) {
  const auto prm = nlohmann::json::parse(ReadText(Path("run/best/prm.json")));
  const auto& options = prm["provenance"]["training_options"];
  for (const char* name : {"epochs",
                           "tokens",
                           "batch_tokens",
                           "micro_tokens",
                           "lr",
                           "head_lr",
                           "weight_decay",
                           "clip",
                           "warmup",
                           "lr_floor",
                           "class_weights",
                           "seed",
                           "dtype",
                           "examples",
                           "max_tokens",
                           "too_long",
                           "soft",
                           "negative_after_first_error",
                           "separator",
                           "dev_sha256",
                           "eval_tokens",
                           "device",
                           "threads",
                           "kernels"}) {
    EXPECT_TRUE(options.contains(name)) << name;
  }
  // Flags that do not affect the result: paths and settings of the run.
  const Outcome help = Run("train --help");
  const std::vector<std::string> others = {"help", "model",  "data",         "dev",
                                           "out",  "resume", "save_minutes", "no_verify"};
  for (std::string flag : Shown(help.out, "\n  --([a-z-]+)")) {
    std::ranges::replace(flag, '-', '_');
    EXPECT_TRUE(options.contains(flag) || std::ranges::find(others, flag) != others.end()) << flag;
  }
}

TEST_F(TrainProgram, DataThatTeachesOrTellsLittleIsWarnedOf) {
  std::string data;
  for (int i = 0; i < 4; ++i) {
    data += "{\"id\":\"" + std::to_string(i) +
            "\",\"problem\":\"p\",\"steps\":[\"1\"],\"labels\":[\"correct_redundant\"]}\n";
  }
  WriteText(Path("right.jsonl"), data);
  std::string train = With(Train("right"), "--data", "--data " + Path("right.jsonl"));
  const Outcome right = Run(With(train, "--dev", "--dev " + Path("right.jsonl")));
  EXPECT_EQ(right.status, 0) << right.err;
  EXPECT_THAT(right.err,
              AllOf(HasSubstr("warning: data: all 4 labelled steps are correct: "),
                    HasSubstr("warning: dev: all 4 labelled steps are correct: there is no"),
                    HasSubstr("warning: dev: 4 of its 4 traces are in the training data too"),
                    HasSubstr("step AUROC undefined")));
  EXPECT_THAT(Run(Train("unwarned")).err, Not(HasSubstr("warning: d")));
}

TEST_F(TrainProgram, ASeparatorMakesTheModelOneThatVllmReads) {
  fs::copy(Path("backbone"), Path("special"), fs::copy_options::recursive);
  auto tokenizer = nlohmann::json::parse(ReadText(Path("special/tokenizer.json")));
  const std::string name = "<|step|>";
  // A byte that no trace contains becomes a special token.
  for (const auto& [piece, id] : tokenizer["model"]["vocab"].items()) {
    if (id != 0xff) continue;
    tokenizer["model"]["vocab"].erase(piece);
    break;
  }
  tokenizer["model"]["vocab"][name] = 0xff;
  tokenizer["added_tokens"].push_back({{"id", 0xff},
                                       {"content", name},
                                       {"single_word", false},
                                       {"lstrip", false},
                                       {"rstrip", false},
                                       {"normalized", false},
                                       {"special", true}});
  WriteText(Path("special/tokenizer.json"), tokenizer.dump());
  const std::string train = With(Train("special_run"), "--model", "--model " + Path("special"));
  ExpectRefused(train + " --separator no", {"separator \"no\"", "such as <|step|>"});
  const Outcome trained = Run(train + " --separator '<|step|>'");
  ASSERT_EQ(trained.status, 0) << trained.err;
  const auto prm = nlohmann::json::parse(ReadText(Path("special_run/best/prm.json")));
  EXPECT_EQ(prm["format"]["step"].back(), nlohmann::json({0xff}));
  const Outcome exported = Run("model export --to vllm --model " + Path("special_run/best") +
                               " --out " + Path("for_vllm"));
  ASSERT_EQ(exported.status, 0) << exported.err;
  EXPECT_THAT(ReadText(Path("for_vllm/vllm_pooler.json")), HasSubstr("\"step_tag_id\":255"));
  ExpectRefused(train + " --resume", {"separator: <|step|> then, none now"});
  ExpectRefused(With(Train("onwards"), "--model", "--model " + Path("special_run/best")) +
                    " --separator '<|step|>'",
                {"already defines how a step ends"});
  EXPECT_EQ(Run(With(Train("onwards"), "--model", "--model " + Path("special_run/best"))).status,
            0);
}

}  // namespace
}  // namespace prm
