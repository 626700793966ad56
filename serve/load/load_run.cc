#include "serve/load/load_run.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "serve/client/connection.h"
#include "serve/load/load_sessions.h"
#include "serve/wire/rerank_codec.h"

namespace prm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kConnectPatience{10};
constexpr int64_t kBeforeTheClock = -1;

void CountTrace(const v1::TraceResult& result, LoadCall* call) {
  if (!result.has_scores()) {
    ++call->failed_traces;
    return;
  }
  call->steps += result.scores().scores_size();
  call->tokens += result.scores().tokens();
}

// The requests, built before the clock starts.
struct Requests {
  std::vector<v1::ScoreTracesRequest> traces;
  std::vector<v1::RerankRequest> problems;

  Requests(const LoadWork& work, const std::string& model) {
    for (const Trace& trace : work.traces) {
      ToMessage(trace, traces.emplace_back().add_traces());
      traces.back().set_model(model);
    }
    for (const RerankProblem& problem : work.problems) {
      ToMessage(RerankInput{.problem = problem, .model = model}, &problems.emplace_back());
    }
  }
};

// Sends from one thread; answers arrive on gRPC's threads.
class Generator {
 public:
  Generator(const LoadOptions& options, const LoadWork& work, const Requests& requests)
      : options_(options), requests_(requests) {
    for (int i = 0; i < options.connections; ++i) {
      channels_.push_back(OpenChannel(options.server, /*shared=*/false));
      if (!channels_.back()->WaitForConnected(std::chrono::system_clock::now() +
                                              kConnectPatience)) {
        throw Error(ErrorCode::kUnavailable,
                    StrCat("server ", options.server, ": cannot be reached"));
      }
      stubs_.push_back(v1::ScoringService::NewStub(channels_.back()));
    }
    std::vector<v1::ScoringService::Stub*> stubs;
    for (const auto& stub : stubs_) stubs.push_back(stub.get());
    sessions_ =
        std::make_unique<LoadSessions>(stubs, work.traces, options.sessions,
                                       [this](const LoadCall& call, std::optional<ErrorCode> code) {
                                         LoadCall ended = call;
                                         ended.code = code;
                                         End(ended);
                                       });
    sessions_->AskModel(options.model);
    // A server that stops reading must not block the writer beyond the run.
    sessions_->EndStreamsAfter(std::chrono::duration<double>(
        options.warmup_seconds + options.seconds + 2.0 * options.timeout_seconds));
  }

  LoadReport Run() {
    LoadSchedule schedule(options_.rate, options_.mix, options_.seed);
    const int64_t end_us = warmup_us_ + int64_t(options_.seconds * 1e6);
    if (warmup_us_ > 0 && options_.mix[size_t(LoadKind::kAppend)] > 0) OpenSessions();
    start_ = Clock::now();
    const Clock::time_point end = start_ + std::chrono::microseconds(end_us);
    int64_t unsent = 0;
    for (int64_t sent = 0; options_.max_calls == 0 || sent < options_.max_calls; ++sent) {
      LoadArrival arrival = schedule.Next();
      if (options_.rate > 0) {
        if (arrival.at_us >= end_us) break;
        std::this_thread::sleep_until(start_ + std::chrono::microseconds(arrival.at_us));
      }
      if (!AwaitBelow(options_.max_outstanding, end) || NowUs() >= end_us) {
        unsent = DueSince(arrival.at_us, end_us, sent);
        break;
      }
      if (options_.rate <= 0) arrival.at_us = NowUs();
      Send(arrival);
    }
    AwaitBelow(1);
    LoadReport report = SummarizeLoad(calls_, options_.rate);
    report.unsent = unsent;
    return report;
  }

 private:
  template <class Response>
  struct UnderWay {
    grpc::ClientContext context;
    Response response;
    LoadCall call;
  };

  // Sending all first steps at once would create a backlog that outlasts the warm-up.
  void OpenSessions() {
    sessions_->Stagger();
    for (int i = 0; i < options_.sessions; ++i) {
      AwaitBelow(options_.max_outstanding);
      Send({.at_us = kBeforeTheClock, .kind = LoadKind::kAppend});
    }
    AwaitBelow(1);
  }

  int64_t NowUs() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start_).count();
  }

  // Estimates how many counted calls are due from `from_us` on.
  int64_t DueSince(int64_t from_us, int64_t end_us, int64_t sent) const {
    if (options_.rate <= 0) return 0;
    const int64_t due =
        1 + int64_t(options_.rate * double(end_us - std::max(from_us, warmup_us_)) * 1e-6);
    return options_.max_calls == 0 ? due : std::min(due, options_.max_calls - sent);
  }

  // Waits until fewer than `count` calls are in flight; returns false if not before `end`. Calls
  // end by their deadlines; only steps on streams, which have no deadline, can remain after that.
  bool AwaitBelow(int count, Clock::time_point end = Clock::time_point::max()) {
    std::unique_lock lock(mutex_);
    const auto below = [&] { return outstanding_ < count; };
    const auto patience = Clock::now() + std::chrono::seconds(options_.timeout_seconds);
    if (changed_.wait_until(lock, std::min(patience, end), below)) return true;
    if (end < patience) return false;
    lock.unlock();
    sessions_->Cancel();
    lock.lock();
    changed_.wait(lock, below);
    return true;
  }

  void Send(const LoadArrival& arrival) {
    if (arrival.kind == LoadKind::kAppend) return sessions_->Append(Begin(arrival));
    auto* stub = stubs_[next_stub_++ % stubs_.size()]->async();
    size_t& next = next_[size_t(arrival.kind)];
    if (arrival.kind == LoadKind::kTrace) {
      const auto& request = requests_.traces[next++ % requests_.traces.size()];
      auto* under_way = Begin<v1::ScoreTracesResponse>(arrival, request.traces(0).problem());
      stub->ScoreTraces(&under_way->context, &request, &under_way->response,
                        [this, under_way](const grpc::Status& status) {
                          for (const auto& result : under_way->response.results()) {
                            CountTrace(result, &under_way->call);
                          }
                          End(under_way, status);
                        });
    } else {
      const auto& request = requests_.problems[next++ % requests_.problems.size()];
      auto* under_way = Begin<v1::RerankResponse>(arrival, request.problem());
      stub->Rerank(&under_way->context, &request, &under_way->response,
                   [this, under_way](const grpc::Status& status) {
                     for (const auto& candidate : under_way->response.candidates()) {
                       CountTrace(candidate.result(), &under_way->call);
                     }
                     End(under_way, status);
                   });
    }
  }

  LoadCall Begin(const LoadArrival& arrival) {
    std::lock_guard lock(mutex_);
    ++outstanding_;
    return {.kind = arrival.kind, .intended_us = arrival.at_us, .sent_us = NowUs()};
  }

  // Owned by its call until End.
  template <class Response>
  UnderWay<Response>* Begin(const LoadArrival& arrival, const std::string& problem) {
    auto* under_way = new UnderWay<Response>;
    under_way->call = Begin(arrival);
    under_way->context.set_deadline(std::chrono::system_clock::now() +
                                    std::chrono::seconds(options_.timeout_seconds));
    if (options_.route_by_problem) under_way->context.AddMetadata("problem-id", ProblemId(problem));
    return under_way;
  }

  template <class Response>
  void End(UnderWay<Response>* under_way, const grpc::Status& status) {
    LoadCall call = under_way->call;
    delete under_way;
    if (!status.ok()) call.code = ErrorCode(int(status.error_code()));
    End(call);
  }
  void End(LoadCall call) {
    call.done_us = NowUs();
    std::lock_guard lock(mutex_);
    if (call.intended_us >= warmup_us_) {
      for (int64_t* us : {&call.intended_us, &call.sent_us, &call.done_us}) *us -= warmup_us_;
      calls_.push_back(call);
    }
    --outstanding_;
    changed_.notify_all();
  }

  const LoadOptions& options_;
  const Requests& requests_;
  const int64_t warmup_us_ = int64_t(options_.warmup_seconds * 1e6);
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<v1::ScoringService::Stub>> stubs_;
  Clock::time_point start_{};
  size_t next_stub_ = 0;
  std::array<size_t, kNumLoadKinds> next_{};

  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<LoadCall> calls_;
  int outstanding_ = 0;
  std::condition_variable changed_;

  std::unique_ptr<LoadSessions> sessions_;  // destroyed before the members its threads use
};

}  // namespace

LoadReport RunLoad(const LoadOptions& options, const LoadWork& work) {
  const auto need = [&](LoadKind kind, bool there) {
    if (options.mix[size_t(kind)] <= 0 || there) return;
    throw OptionError(StrCat("load: the mix has calls of kind ", kLoadKindNames[size_t(kind)],
                             ", but there is no work for them"));
  };
  need(LoadKind::kTrace, !work.traces.empty());
  need(LoadKind::kAppend, !work.traces.empty());
  for (const Trace& trace : work.traces) {
    if (options.mix[size_t(LoadKind::kAppend)] <= 0 || !trace.steps.empty()) continue;
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("load: trace ", trace.id, " has no steps to append"));
  }
  need(LoadKind::kRerank, !work.problems.empty());
  const Requests requests(work, options.model);
  return Generator(options, work, requests).Run();
}

}  // namespace prm
