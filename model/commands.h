// The verbs of model/, and the flags that scoring verbs share.
#pragma once

#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace prm {
struct OfflineOptions;
struct ScorerOptions;
class StepScorer;
enum class TooLong;

void AddModelCommands(CLI::App& app);
void AddImportCommands(CLI::App& model);  // import, formats, compare

// Flags of single options, for verbs that do not score.
void AddDevice(CLI::App* app, std::string& device);
void AddDevices(CLI::App* app, std::string& devices);  // a list, separated by commas
void AddDtype(CLI::App* app, std::string& dtype);
void AddTooLong(CLI::App* app, TooLong& too_long);

// --no-verify, of every verb that loads a checkpoint.
void AddVerifyFlag(CLI::App* app, bool* verify);
// --batch-tokens --max-tokens --too-long, and --device --dtype --threads --self-test.
void AddScoringFlags(CLI::App* app, OfflineOptions* scoring, ScorerOptions* scorer);
void AddScorerFlags(CLI::App* app, ScorerOptions* scorer);

// LoadStepScorer for a verb: prints on standard error which --dtype and --products auto took, and
// why.
std::unique_ptr<StepScorer> OpenScorer(const std::string& folder, const ScorerOptions& options);
}  // namespace prm
