// Aggregates the scores of a trace's steps into one number.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace prm {

// How the step scores become one number.
enum class AggregateKind : uint8_t { kMin, kProduct, kLast, kMean };
inline constexpr int kNumAggregates = 4;
inline constexpr std::array<std::string_view, kNumAggregates> kAggregateNames = {"min", "product",
                                                                                 "last", "mean"};
// nullopt if `name` is not one of kAggregateNames.
std::optional<AggregateKind> ParseAggregateKind(std::string_view name);

struct Aggregates {
  double min = 0;
  double product = 0;
  double last = 0;
  double mean = 0;

  double operator[](AggregateKind kind) const;
  friend bool operator==(const Aggregates&, const Aggregates&) = default;
};

// p_correct [S]; computed in double. Throws Error(kInvalidArgument) for no steps. Source: min and
// product, Lightman et al. 2023, "Let's Verify Step by Step", appendix F.
Aggregates Aggregate(std::span<const float> p_correct);

}  // namespace prm
