// prm rerank
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "data/command_flags.h"
#include "data/io/progress_line.h"
#include "data/io/text_io.h"
#include "data/metrics/aggregates.h"
#include "data/records/rerank_file.h"
#include "data/records/score_lines.h"
#include "model/commands.h"
#include "model/files/prm_json.h"
#include "model/scoring/offline_scoring.h"
#include "model/step_scorer.h"
#include "serve/client/client.h"
#include "serve/client/client_options.h"
#include "serve/client/rerank_client.h"
#include "serve/client/rerank_view.h"
#include "serve/client/reranker.h"
#include "serve/commands.h"

namespace prm {
namespace {

struct RerankOptions {
  std::string model, server;  // one of them
  std::string in = "-", out;
  bool pretty = false;
  std::string color = "auto";
  ViewOptions view{.width = -1};
  OfflineOptions scoring;
  ScorerOptions scorer;
  ClientOptions client;
};

class LocalEngine : public RerankEngine {
 public:
  explicit LocalEngine(const RerankOptions& options)
      : scorer_(OpenScorer(options.model, options.scorer)),
        offline_(*scorer_, options.scoring,
                 [this](const Trace&, ScoreLine line) { emit(std::move(line)); }) {}
  void Add(const Trace& trace) override { offline_.Add(trace); }
  void Flush() override { offline_.Flush(); }

 private:
  std::unique_ptr<StepScorer> scorer_;
  OfflineScorer offline_;
};

struct LocalRanker : public ProblemRanker {
  LocalRanker(const RerankOptions& options, Ranked ranked)
      : engine(options), reranker(engine, options.view.by, std::move(ranked)) {}
  void Add(RerankProblem problem) override { reranker.Add(std::move(problem)); }
  void Flush() override { reranker.Flush(); }

  LocalEngine engine;
  Reranker reranker;
};

std::unique_ptr<ProblemRanker> MakeRanker(const RerankOptions& options,
                                          ProblemRanker::Ranked ranked) {
  if (!options.model.empty()) return std::make_unique<LocalRanker>(options, std::move(ranked));
  return std::make_unique<RerankClient>(options.client, options.view.by, std::move(ranked));
}

bool WantsColor(const std::string& choice) {
  if (choice != "auto") return choice == "always";
  return isatty(STDOUT_FILENO) && std::getenv("NO_COLOR") == nullptr;
}

// 100 where standard output is no terminal.
int TerminalWidth() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

void RunRerank(RerankOptions options) {
  if (options.model.empty() == options.server.empty()) {
    throw OptionError("rerank: expected one of --model and --server");
  }
  if (options.out.empty() && !options.pretty) options.out = "-";
  if (options.out == "-" && options.pretty) {
    throw OptionError(
        "rerank: --pretty prints to standard output; expected --out FILE or no --out");
  }
  if (options.view.width < 0) options.view.width = TerminalWidth();
  options.view.color = WantsColor(options.color);
  options.client.server = options.server;
  std::vector<std::filesystem::path> read = CheckpointFiles(options.model);
  read.push_back(options.in);
  CheckOutputs(read, {options.out});

  RerankReader reader(options.in);
  std::optional<OutputFile> out;
  if (!options.out.empty()) out.emplace(options.out);
  ChoiceTally tally;
  int64_t problems = 0, refused = 0;
  ProgressLine progress;
  const auto count = [&] { return StrCat(problems, " problems"); };
  const auto ranker =
      MakeRanker(options, [&](const RerankProblem& problem, const RerankResult& result) {
        for (const ScoreLine& line : result.candidates) refused += line.error ? 1 : 0;
        if (out) out->Write(RerankResultToJson(result) + "\n");
        ++problems;
        if (!options.pretty) {
          progress.Update(count);
          return;
        }
        tally.Add(problem, result);
        std::cout << RenderProblem(problem, result, options.view) << "\n" << std::flush;
      });
  for (RerankProblem problem; reader.Next(&problem);) ranker->Add(std::move(problem));
  ranker->Flush();
  if (!options.pretty) progress.Finish(count());
  if (options.pretty) std::cout << tally.Render(options.view) << std::flush;
  if (out) out->Commit();
  if (refused > 0) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(refused, " candidates could not be scored; their lines say why"));
  }
}

}  // namespace

void AddRerankCommand(CLI::App& app) {
  auto o = std::make_shared<RerankOptions>();
  CLI::App* rerank = app.add_subcommand("rerank", "Ranks the candidate solutions of problems.");
  rerank->group("Scoring");
  rerank->add_option("--model", o->model, "Checkpoint folder; or --server");
  rerank->add_option("--server", o->server, "host:port of a running prm serve; or --model");
  AddInput(rerank, o->in, "Rerank file");
  rerank->add_option("--out", o->out,
                     "One line of results per problem; - is standard output, the default without "
                     "--pretty");
  rerank->add_flag("--pretty", o->pretty, "Print ranked candidates and their steps");
  AddWord(rerank, "--color", o->color, {"auto", "always", "never"}, "Colours of --pretty");
  std::vector<std::pair<std::string, AggregateKind>> kinds;
  for (const std::string_view name : kAggregateNames) {
    kinds.emplace_back(name, *ParseAggregateKind(name));
  }
  AddChoice(rerank, "--by", o->view.by, kinds,
            "What a solution's score is of its steps' scores: orders the view and weighs votes");
  AddNumber(rerank, "--best", o->view.best, 0, 1'000'000, "Candidates shown from the top");
  AddNumber(rerank, "--worst", o->view.worst, 0, 1'000'000, "Candidates shown from the bottom");
  const NumberRange<int> columns{0, 1'000'000};
  rerank
      ->add_option("--width", o->view.width,
                   "Columns; 0: do not cut lines; default: the terminal's")
      ->check(columns, columns.Text());
  AddClientFlags(rerank, &o->client);
  AddScoringFlags(rerank, &o->scoring, &o->scorer);
  AddExamples(rerank, {"prm rerank --model model --in rerank.jsonl --pretty",
                       "prm rerank --server 127.0.0.1:50051 --in rerank.jsonl --out ranked.jsonl"});
  rerank->callback([o] { RunRerank(*o); });
}

}  // namespace prm
