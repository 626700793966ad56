#include "train/trainer_state.h"

#include <limits>

#include "data/error.h"
#include "data/io/text_io.h"
#include "model/config/json_fields.h"

namespace prm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 3;  // of trainer.json and optimizer.safetensors
constexpr int64_t kMaxCount = int64_t{1} << 53;
constexpr double kMaxNumber = std::numeric_limits<double>::max();

std::optional<double> OptionalNumber(const JsonFields& fields, const char* key) {
  if (fields.IsNull(key)) return std::nullopt;
  return fields.Number(key, -kMaxNumber, kMaxNumber);
}

ordered_json OrNull(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

bool Flag(const JsonFields& fields, const char* key) {
  if (!fields.Has(key)) fields.Fail(key, "true or false");
  return fields.Bool(key, false);
}

ordered_json Options(const JsonFields& fields, const char* key) {
  fields.Object(key);
  return *fields.Find(key);
}

std::string Shown(const ordered_json& options, const std::string& name) {
  const auto found = options.find(name);
  if (found == options.end() || found->is_null()) return "none";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace

std::string WriteTrainerState(const TrainerState& state) {
  const ordered_json out = {{"version", kVersion},
                            {"optimizer_steps", state.optimizer_steps},
                            {"epoch", state.epoch},
                            {"next_step", state.next_step},
                            {"tokens_seen", state.tokens_seen},
                            {"best_metric", OrNull(state.best_metric)},
                            {"loss_average", OrNull(state.loss_average)},
                            {"evaluation_due", state.evaluation_due},
                            {"options", state.options},
                            {"machine", state.machine}};
  return out.dump(1) + "\n";
}

TrainerState ReadTrainerState(const std::filesystem::path& file) {
  const json document = ParseJson(ReadFile(file), file.string());
  const JsonFields fields(document, file.string());
  if (const int64_t version = fields.Int("version", 1, kMaxCount); version != kVersion) {
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat(file.string(), ": field 'version' is ", version, "; this program resumes ",
                       kVersion));
  }
  fields.RefuseOthers({"version", "optimizer_steps", "epoch", "next_step", "tokens_seen",
                       "best_metric", "loss_average", "evaluation_due", "options", "machine"});
  return {.optimizer_steps = fields.Int("optimizer_steps", 0, kMaxCount),
          .epoch = fields.Int("epoch", 0, kMaxCount),
          .next_step = fields.Int("next_step", 0, kMaxCount),
          .tokens_seen = fields.Int("tokens_seen", 0, kMaxCount),
          .best_metric = OptionalNumber(fields, "best_metric"),
          .loss_average = OptionalNumber(fields, "loss_average"),
          .evaluation_due = Flag(fields, "evaluation_due"),
          .options = Options(fields, "options"),
          .machine = Options(fields, "machine")};
}

std::string OptionChanges(const ordered_json& then, const ordered_json& now) {
  ordered_json all = now;
  all.update(then);
  std::string changes;
  for (const auto& [name, value] : all.items()) {
    const std::string before = Shown(then, name), after = Shown(now, name);
    if (before == after) continue;
    changes += StrCat(changes.empty() ? "" : "; ", name, ": ", before, " then, ", after, " now");
  }
  return changes;
}

}  // namespace prm
