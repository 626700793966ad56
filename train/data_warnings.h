// Warnings for the user: what training data cannot teach and dev data cannot measure. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/trace.h"
#include "train/examples.h"

namespace prm {

// Warns of steps that are all correct or all wrong. `source` names the examples: "data", "dev".
std::vector<std::string> ClassWarnings(std::span<const Example> examples,
                                       const std::string& source);

// Warns of dev traces (a problem with its steps, whatever their ids) that are also in training.
std::vector<std::string> OverlapWarnings(std::span<const Trace> train, std::span<const Trace> dev);

}  // namespace prm
