// trainer.json: where a run stands, and the options that decide which numbers come next.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace prm {

struct TrainerState {
  int64_t optimizer_steps = 0;
  int64_t epoch = 0;      // epochs done
  int64_t next_step = 0;  // of this epoch, from 0
  int64_t tokens_seen = 0;
  std::optional<double> best_metric;   // of the best evaluation so far
  std::optional<double> loss_average;  // as progress shows it
  // The run stopped before it had evaluated what this state says.
  bool evaluation_due = false;
  // By name; an object. Those that change the result, and the machine's, which change its last
  // bits.
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  nlohmann::ordered_json machine = nlohmann::ordered_json::object();
};

std::string WriteTrainerState(const TrainerState& state);
// Throws Error naming file and field: missing, of another type, out of range, or not known.
TrainerState ReadTrainerState(const std::filesystem::path& file);

// "tokens: 8000 then, 9000 now; seed: 1 then, 2 now": the options that differ; "" if none.
std::string OptionChanges(const nlohmann::ordered_json& then, const nlohmann::ordered_json& now);

}  // namespace prm
