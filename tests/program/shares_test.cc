// How clients share a server, and scores that are not finite, through the program.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/program/program.h"

namespace prm {
namespace {

using testing::HasSubstr;

// Overwrites the embedding of `token` in a folder's weights with NaN.
void DamageEmbedding(const std::filesystem::path& folder, char token) {
  const std::filesystem::path path = folder / "model.safetensors";
  std::string file = ReadText(path);
  uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof(header));
  const auto tensors = nlohmann::json::parse(file.substr(sizeof(header), header));
  const auto& embedding = tensors.at("model.embed_tokens.weight");
  ASSERT_EQ(embedding.at("dtype"), "F32");
  const size_t width = embedding.at("shape")[1];
  const size_t begin = sizeof(header) + header + size_t(embedding.at("data_offsets")[0]) +
                       size_t(token) * width * sizeof(float);
  const float no_number = std::numeric_limits<float>::quiet_NaN();
  for (size_t i = 0; i < width; ++i) {
    std::memcpy(file.data() + begin + i * sizeof(float), &no_number, sizeof(float));
  }
  WriteText(path, file);
}

class SharesProgram : public PrmProgram {
 protected:
  static std::string Serve(const std::string& model, const std::string& flags = "") {
    return "serve --model " + Path(model) + " --threads 1 --listen 127.0.0.1:0 " + flags;
  }
  static std::string WriteTraces(const std::string& name, const std::string& lines) {
    WriteText(*folder_ / name, lines);
    return Path(name);
  }
};

TEST_F(SharesProgram, TheFlagsAreInTheHelp) {
  const Outcome help = Run("serve --help");
  for (const char* flag : {"--max-buffered-bytes", "--stream-idle-seconds", "--trust-client-id"}) {
    EXPECT_THAT(help.out, HasSubstr(flag));
  }
}

TEST_F(SharesProgram, AServerWithoutRoomForOneMessageDoesNotStart) {
  ExpectRefused(Serve("run/best", "--max-buffered-bytes 1000"),
                {"max_buffered_bytes is 1000; expected at least 33554432"});
}

TEST_F(SharesProgram, AStreamThatAsksForNothingIsEnded) {
  RunningProgram server(Serve("run/best", "--stream-idle-seconds 1"), Path("idle.log"));
  const std::string address = server.WaitFor("event=start listen=");
  const std::string pipe = Path("silent");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  RunningProgram ask("ask --stream --server " + address + " --in " + pipe + " --out /dev/null",
                     Path("ask.log"));
  const int silent = open(pipe.c_str(), O_WRONLY);  // when the other end is open
  // The beginning of a trace that never arrives; longer than the check for compressed files reads.
  const std::string begun = R"({"id":"never")";
  ASSERT_EQ(write(silent, begun.data(), begun.size()), ssize_t(begun.size()));
  server.WaitFor("no session and no request for 1 s");
  close(silent);
  ask.Wait();
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0) << server.log();
}

TEST_F(SharesProgram, TextsFarTooLongAreRefusedWithTheSameWordsServedAndOffline) {
  const std::string in = WriteTraces("long.jsonl", R"({"id":"long","problem":"p","steps":[")" +
                                                       std::string(1 << 20, 'x') + "\"]}\n");
  RunningProgram server(Serve("run/best", "--trust-client-id"), Path("long.log"));
  const std::string address = server.WaitFor("event=start listen=");
  ExpectRefused("score --model " + Path("run/best") + " --in " + in + " --out " + Path("a.jsonl"),
                {"1 of 1 traces could not be scored"});
  ExpectRefused(
      "ask --client-id me --server " + address + " --in " + in + " --out " + Path("b.jsonl"),
      {"1 of 1 traces could not be scored"});
  for (const char* scores : {"a.jsonl", "b.jsonl"}) {
    EXPECT_THAT(ReadText(*folder_ / scores), HasSubstr("at least 1048577 tokens"));
  }
}

TEST_F(SharesProgram, ATraceWhoseScoreIsNoNumberHasAnErrorAndOthersHaveTheirScores) {
  std::filesystem::copy(*folder_ / "backbone", *folder_ / "damaged",
                        std::filesystem::copy_options::recursive);
  DamageEmbedding(*folder_ / "damaged", '~');
  const Outcome train =
      Run("train --model " + Path("damaged") + " --data " + Path("data/train.jsonl") + " --dev " +
          Path("data/dev.jsonl") + " --out " + Path("damaged_run") +
          " --epochs 1 --lr 1e-3 --dtype float32 --threads 1");
  ASSERT_EQ(train.status, 0) << train.err;
  const std::string in = WriteTraces("traces.jsonl",
                                     R"({"id":"good","problem":"1 + 1","steps":["is 2","so 2"]}
{"id":"bad","problem":"1 + 1","steps":["is 2","so ~2"]}
{"id":"fine","problem":"2 + 2","steps":["is 4"]}
)");
  const auto expect_one_error = [&](const std::string& verb) {
    ExpectRefused(verb + " --in " + in + " --out " + Path("scores.jsonl"),
                  {"1 of 3 traces could not be scored"});
    const std::string lines = ReadText(*folder_ / "scores.jsonl");
    // In attention of whole traces a NaN also reaches earlier steps, since 0 * NaN is NaN.
    EXPECT_THAT(lines, HasSubstr("the model's score is not finite"));
    EXPECT_EQ(std::ranges::count(lines, '\n'), 3);
    for (const char* id : {"good", "fine"}) {
      EXPECT_THAT(lines, testing::ContainsRegex("\"" + std::string(id) + "\",\"scores\":\\[0"));
    }
  };
  const std::string score = "score --dtype float32 --model " + Path("damaged_run/best");
  expect_one_error(score);
  expect_one_error(score + " --cache-bytes 0");
  ExpectRefused("eval --dtype float32 --model " + Path("damaged_run/best") + " --data " + in,
                {"\"bad\"", "step 1: the model's score is not finite"});
  RunningProgram server(Serve("damaged_run/best", "--dtype float32"), Path("damaged.log"));
  const std::string ask = "ask --server " + server.WaitFor("event=start listen=");
  expect_one_error(ask);
  expect_one_error(ask + " --stream");
}

}  // namespace
}  // namespace prm
