// What training data cannot teach and dev data cannot tell: sentences for the user. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/trace.h"
#include "train/examples.h"

namespace prm {

// Of steps that are all correct, or all wrong. `flag`: where the examples come from, "--data".
std::vector<std::string> ClassWarnings(std::span<const Example> examples, const std::string& flag);

// Of dev traces (a problem with its steps, whatever their ids) that are among those of training.
std::vector<std::string> OverlapWarnings(std::span<const Trace> train, std::span<const Trace> dev);

}  // namespace prm
