// prm data annotators
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include "data/agreement/annotators.h"
#include "data/command_flags.h"
#include "data/commands.h"
#include "data/error.h"

namespace prm {

void AddAnnotatorsCommand(CLI::App& data) {
  struct Flags {
    std::string file, domain, at;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* annotators = data.add_subcommand(
      "annotators", "Validates a file of annotators and lists who has which credential.");
  AddInput(annotators, flags->file, "Annotators as JSON lines")->required();
  annotators->add_option("--domain", flags->domain, "List this domain only");
  annotators->add_option("--at", flags->at,
                         "Time as 2026-03-01 or 2026-03-01T12:00:00Z; default: now");
  AddExamples(annotators, {"prm data annotators annotators.jsonl --domain medicine"});
  annotators->callback([flags] {
    UtcTime at = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (!flags->at.empty()) {
      const std::optional<UtcTime> parsed = ParseUtcTime(flags->at);
      if (!parsed) throw OptionError("--at: expected a time as 2026-03-01, got " + flags->at);
      at = *parsed;
    }
    const AnnotatorsFile file = ReadAnnotators(flags->file);
    std::cout << ListAnnotators(file.annotators, at, flags->domain);
    for (const std::string& refused : file.refused) std::cerr << refused << "\n";
    if (!file.refused.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(flags->file, ": ", file.refused.size(), " of ",
                         file.refused.size() + file.annotators.size(), " records refused"));
    }
  });
}

}  // namespace prm
