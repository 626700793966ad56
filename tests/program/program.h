// Runs the program as a user does, on a tiny random backbone.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "data/io/text_io.h"
#include "data/tokenizers/bpe_spec.h"
#include "data/tokenizers/bpe_tokenizer.h"
#include "tests/model/tiny_files.h"
#include "tests/source_dir.h"
#include "tests/temp_folder.h"

namespace prm {

struct Outcome {
  int status;
  std::string out, err;
};

class PrmProgram : public testing::Test {
 protected:
  // A Llama of 2 layers over bytes, a little synthesized data, and a training run on it. Made once
  // per build of the program and copied by every test, as each is a process of its own.
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    const std::filesystem::path program(PRM_PROGRAM);
    const std::filesystem::path made = program.parent_path() / "program_test_model";
    const std::string stamp =
        std::to_string(std::filesystem::last_write_time(program).time_since_epoch().count());
    const int lock = open((made.string() + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    ASSERT_EQ(flock(lock, LOCK_EX), 0);
    if (!std::filesystem::exists(made / stamp)) {
      MakeModel();
      if (HasFatalFailure()) return;
      std::filesystem::remove_all(made);
      std::filesystem::copy(folder_->path(), made, std::filesystem::copy_options::recursive);
      WriteText((made / stamp).string(), "");
    } else {
      std::filesystem::copy(made, folder_->path(), std::filesystem::copy_options::recursive);
    }
    close(lock);
  }
  static void MakeModel() {
    ModelConfig config = TinyConfig();
    config.hidden_size = 32;
    config.intermediate_size = 48;
    config.head_dim = 8;
    config.vocab_size = 256;
    config.max_position_embeddings = 1024;
    WriteTinyFolder(*folder_ / "backbone", config, TinyTensors(config));
    BpeSpec bytes;
    bytes.where = "test";
    for (int i = 0; i < 256; ++i) bytes.tokens.push_back(std::string(1, char(i)));
    MakeBpeTokenizer(std::move(bytes))->Save(*folder_ / "backbone");
    ASSERT_EQ(Run("data synth --out " + Path("data") + " --train 40 --dev 12 --rerank 2").status,
              0);
    const Outcome train = Run(Train("run") + " --save-minutes 0");
    ASSERT_EQ(train.status, 0) << train.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  // Reads JSON lines.
  static std::vector<nlohmann::json> Lines(const std::string& text) {
    std::vector<nlohmann::json> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  static std::string Path(const std::string& name) { return (*folder_ / name).string(); }

  static std::string Train(const std::string& out, int epochs = 2, int batch_tokens = 2048,
                           const std::string& dtype = "float32") {
    return "train --model " + Path("backbone") + " --data " + Path("data/train.jsonl") + " --dev " +
           Path("data/dev.jsonl") + " --out " + Path(out) + " --epochs " + std::to_string(epochs) +
           " --batch-tokens " + std::to_string(batch_tokens) +
           " --micro-tokens 1024 --lr 1e-3 --threads 1 --dtype " + dtype;
  }

  static Outcome Run(const std::string& arguments) {
    return Shell(std::string(PRM_PROGRAM) + " " + arguments);
  }
  static Outcome Shell(const std::string& command) {
    const std::string err = Path("stderr.txt");
    FILE* pipe = popen((command + " 2>" + err).c_str(), "r");
    Outcome outcome;
    std::array<char, 4096> buffer;
    while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
      outcome.out.append(buffer.data(), n);
    }
    const int status = pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.err = ReadText(err);
    return outcome;
  }

  // Stops Train(out, 4, 256) after its first steps, which leaves OUT/last.
  static void TrainUntilStopped(const std::string& out, const std::string& dtype = "float32") {
    const std::string stop = std::string(PRM_PROGRAM) + " " + Train(out, 4, 256, dtype) +
                             " 2>/dev/null & pid=$!; until [ -s " + Path(out + "/metrics.jsonl") +
                             " ]; do sleep 0.01; done; kill -TERM $pid; wait $pid";
    ASSERT_EQ(WEXITSTATUS(std::system(stop.c_str())), 1);
  }

  static void ExpectRefused(const std::string& arguments, const std::vector<std::string>& says) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    for (const std::string& part : says) {
      EXPECT_NE(outcome.err.find(part), std::string::npos)
          << "\"" << part << "\" in: " << outcome.err;
    }
  }

  static inline TempFolder* folder_ = nullptr;
};

// A `prm` that runs in parallel with the test; `log()` is its standard error. Killed by the
// destructor if it still runs.
class RunningProgram {
 public:
  // Overwrites the file `log`. `shell` comes before the program's name: `ulimit -n 64;`.
  RunningProgram(const std::string& arguments, std::string log, const std::string& shell = "")
      : log_(std::move(log)) {
    WriteText(log_, "");  // no output of an earlier program remains
    const std::string command =
        shell + " exec " + PRM_PROGRAM + " " + arguments + " >" + log_ + " 2>&1";
    pid_ = fork();
    if (pid_ == 0) {
      execl("/bin/bash", "bash", "-c", command.c_str(), nullptr);
      _exit(127);
    }
  }
  ~RunningProgram() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  pid_t pid() const { return pid_; }
  std::string log() const { return ReadText(log_); }
  void Signal(int number) const {
    ASSERT_GT(pid_, 0) << "it has ended: " << log();  // kill(-1) would end every process
    kill(pid_, number);
  }

  // Waits until the log holds `text` and the word after it; false if the program ended before.
  bool Says(const std::string& text) {
    for (;;) {
      const bool ended = Ended();
      const std::string all = log();
      const size_t at = all.find(text);
      if (at != std::string::npos && all.find_first_of(" \n", at + text.size()) != all.npos) {
        return true;
      }
      if (ended) return false;
      usleep(10'000);
    }
  }
  // Waits like Says, and fails if that is false. Returns what follows `text`, up to a space.
  std::string WaitFor(const std::string& text) {
    const bool says = Says(text);
    const std::string all = log();
    if (!says) {
      ADD_FAILURE() << "ended with " << status_ << " before \"" << text << "\": " << all;
      return "";
    }
    const size_t begin = all.find(text) + text.size();
    return all.substr(begin, all.find_first_of(" \n", begin) - begin);
  }

  // The exit code, or 128 + the signal that ended it.
  int Wait() {
    while (!Ended()) usleep(10'000);
    return status_;
  }

 private:
  bool Ended() {
    int status = 0;
    if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return pid_ < 0;
  }

  const std::string log_;
  pid_t pid_ = -1;
  int status_ = -1;
};

// A loopback port that is taken and never answers.
class TakenPort {
 public:
  TakenPort() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_, any, size), 0);
    EXPECT_EQ(listen(socket_, 8), 0);
    EXPECT_EQ(getsockname(socket_, any, &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~TakenPort() { close(socket_); }
  const std::string& address() const { return address_; }

 private:
  int socket_;
  std::string address_;
};

}  // namespace prm
