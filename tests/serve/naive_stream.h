// The expected answers of a stream, from scoring whole traces; and random requests.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "data/metrics/aggregates.h"
#include "data/metrics/metrics.h"
#include "data/text/ascii.h"
#include "data/text/utf8.h"
#include "serve/service/session_service.h"
#include "tests/serve/fake_scorer.h"

namespace prm {

struct NaiveSession {
  std::string problem;
  double threshold = 0.5;
  std::vector<std::string> steps;
  std::string text;
  bool lost = false;
};

// The expected replies, by request in the order of sending.
class NaiveStream {
 public:
  explicit NaiveStream(const SessionRules& rules) : rules_(rules) {}

  void Do(const StreamRequest& request) {
    session_ = request.session;
    std::visit([&](const auto& operation) { Do(operation); }, request.operation);
    ++number_;
  }
  const std::vector<StreamReply>& expected() const { return expected_; }

 private:
  void Reply(std::variant<Done, Appended, Error> outcome, bool more = false) {
    const auto found = sessions_.find(session_);
    const int steps = found == sessions_.end() ? 0 : int(found->second.steps.size());
    expected_.push_back({number_, session_, steps, more, std::move(outcome)});
  }
  void Refuse(ErrorCode code) { Reply(Error(code, "")); }
  NaiveSession* Find(const std::string& id) {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : &found->second;
  }

  void Do(const SessionOptions& open) {
    if (Find(session_)) return Refuse(ErrorCode::kAlreadyExists);
    sessions_[session_] = {open.problem, open.threshold.value_or(rules_.threshold), {}, "", false};
    Reply(Done());
  }
  void Do(const ForkSession& fork) {
    const NaiveSession* from = Find(fork.from);
    if (Find(session_)) return Refuse(ErrorCode::kAlreadyExists);
    if (!from) return Refuse(ErrorCode::kNotFound);
    const int steps = fork.steps.value_or(int(from->steps.size()));
    if (steps < 0 || steps > int(from->steps.size())) return Refuse(ErrorCode::kOutOfRange);
    NaiveSession copy = *from;
    copy.steps.resize(size_t(steps));
    copy.text.clear();
    copy.lost = false;
    sessions_[session_] = std::move(copy);
    Reply(Done());
  }
  void Do(const RollBackSession& back) {
    NaiveSession* s = Find(session_);
    if (!s) return Refuse(ErrorCode::kNotFound);
    if (back.steps < 0 || back.steps > int(s->steps.size())) return Refuse(ErrorCode::kOutOfRange);
    s->steps.resize(size_t(back.steps));
    s->text.clear();
    s->lost = false;
    Reply(Done());
  }
  void Do(const CloseSession&) {
    if (!Find(session_)) return Refuse(ErrorCode::kNotFound);
    sessions_.erase(session_);
    Reply(Done());
  }
  void Do(const Error&) {}
  void Do(const AppendText& append) {
    NaiveSession* s = Find(session_);
    if (!s) return Refuse(ErrorCode::kNotFound);
    std::vector<std::string> steps;
    std::optional<ErrorCode> refused;
    if (append.index && *append.index != int(s->steps.size())) {
      refused = ErrorCode::kFailedPrecondition;
    } else if (append.whole_step) {
      if (!s->text.empty()) refused = ErrorCode::kFailedPrecondition;
      steps = {append.text};
    } else if (s->lost) {
      refused = ErrorCode::kFailedPrecondition;
    } else {
      steps = StepsOfPiece(s, append);
    }
    if (!refused && steps.empty()) return Reply(Done());
    for (size_t i = 0; i < steps.size() && !refused; ++i) {
      if (IsBad(steps[i]) || int(s->steps.size()) >= rules_.max_steps) {
        refused = ErrorCode::kInvalidArgument;
      } else {
        s->steps.push_back(steps[i]);
        Reply(ScoreOf(*s), i + 1 < steps.size());
      }
    }
    if (!refused) return;
    if (!append.whole_step) s->text.clear();
    s->lost |= !append.whole_step;
    Refuse(*refused);
  }
  static bool IsBad(const std::string& step) {
    return IsBlank(step) || step.find('\x01') != std::string::npos || FindInvalidUtf8(step);
  }
  static std::vector<std::string> StepsOfPiece(NaiveSession* s, const AppendText& append) {
    s->text += append.text;
    std::vector<std::string> steps;
    for (size_t at; (at = s->text.find('\n')) != std::string::npos;) {
      steps.push_back(s->text.substr(0, at));
      s->text = s->text.substr(at + 1);
    }
    if (append.end_of_step) steps.push_back(std::exchange(s->text, ""));
    std::erase_if(steps, [](const std::string& step) { return IsBlank(step); });
    return steps;
  }
  Appended ScoreOf(const NaiveSession& s) const {
    Trace trace;
    trace.problem = s.problem;
    for (const std::string& step : s.steps) trace.steps.push_back({step, {}, {}});
    const TraceTokens tokens = TokenizeTrace(rules_.format, rules_.tokenizer, trace);
    const TraceScores scores = FakeScores(tokens);
    Appended step;
    step.index = int(s.steps.size()) - 1;
    step.score = scores.step(size_t(step.index));
    step.aggregate = Aggregate(scores.p_correct);
    step.first_error = FirstErrorBelow(scores.p_correct, s.threshold);
    step.tokens = int(tokens.ids.size());
    return step;
  }

  const SessionRules& rules_;
  std::map<std::string, NaiveSession> sessions_;
  std::string session_;
  int64_t number_ = 0;
  std::vector<StreamReply> expected_;
};

class RandomRequests {
 public:
  explicit RandomRequests(uint32_t seed) : random_(seed) {}

  StreamRequest Next() {
    StreamRequest request;
    request.session = Name();
    switch (Below(16)) {
      case 0:
      case 1:
      case 2:
        request.operation = SessionOptions{StrCat("problem ", Below(3)), Threshold(), ""};
        break;
      case 3:
      case 4:
        request.operation = ForkSession{Name(), Steps()};
        break;
      case 5:
      case 6:
        request.operation = RollBackSession{Steps().value_or(0)};
        break;
      case 7:
        request.operation = CloseSession();
        break;
      case 8:
      case 9:
      case 10:
        request.operation = AppendText{Text(), false, Below(2) == 0, Index()};
        break;
      default:
        request.operation = AppendText{Text(), true, false, Index()};
    }
    return request;
  }

 private:
  int Below(int bound) { return int(random_() % uint32_t(bound)); }
  std::string Name() { return std::string(1, char('a' + Below(5))); }
  std::optional<int> Steps() { return Below(3) == 0 ? std::nullopt : std::optional(Below(6) - 1); }
  std::optional<int> Index() { return Below(8) > 0 ? std::nullopt : std::optional(Below(4)); }
  std::optional<double> Threshold() {
    return Below(2) == 0 ? std::nullopt : std::optional(Below(11) / 10.0);
  }
  std::string Text() {
    static const std::vector<std::string> kParts = {"one",      "two ", "\n",    "x",
                                                    "\xce\xba", " ",    "y = 3", "\n\n"};
    std::string text;
    for (int part = 1 + Below(4); part > 0; --part) text += kParts[size_t(Below(8))];
    if (Below(12) == 0) text += '\x01';  // poison
    if (Below(20) == 0) text.clear();
    if (Below(20) == 0) text += '\xff';
    return text;
  }
  std::mt19937 random_;
};

}  // namespace prm
