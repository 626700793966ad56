// trainer.json: the progress of a run, and the options that determine its next numbers.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace prm {

struct TrainerState {
  int64_t optimizer_steps = 0;
  int64_t epoch = 0;      // epochs done
  int64_t next_step = 0;  // within this epoch, from 0
  int64_t tokens_seen = 0;
  std::optional<double> best_metric;   // the best evaluation so far
  std::optional<double> loss_average;  // as printed by progress
  // The run stopped before an evaluation that is due at this state.
  bool evaluation_due = false;
  // JSON objects, by name. `options` change the result; `machine` changes only its last bits.
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  nlohmann::ordered_json machine = nlohmann::ordered_json::object();
};

std::string WriteTrainerState(const TrainerState& state);
// Throws Error naming file and field if it is missing, of another type, out of range, or unknown.
TrainerState ReadTrainerState(const std::filesystem::path& file);

// "tokens: 8000 then, 9000 now; seed: 1 then, 2 now": the options that differ; "" if none.
std::string OptionChanges(const nlohmann::ordered_json& then, const nlohmann::ordered_json& now);

}  // namespace prm
