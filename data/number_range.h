// Validation of command line numbers.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include "data/error.h"

namespace prm {

// For every verb; more than a machine has, but fewer than a system allows one user.
inline constexpr int kMaxThreads = 1024;

// Validator for CLI11: returns "" for a decimal number in [min, max], else the problem. Refuses
// text that is not a `Number`, NaN, -1 for an unsigned type, and 010, which CLI11 would read as 8.
template <class Number>
struct NumberRange {
  Number min, max;

  std::string Text() const { return StrCat("[", min, " - ", max, "]"); }

  std::string operator()(const std::string& text) const {
    std::string_view digits = text;
    if (digits.starts_with('+')) digits.remove_prefix(1);
    Number value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool octal = std::integral<Number> && digits.size() > 1 && digits.starts_with('0');
    const bool parsed = error == std::errc() && end == digits.data() + digits.size() && !octal;
    if (parsed && value >= min && value <= max) return "";  // false for NaN
    return StrCat("expected a ", std::integral<Number> ? "whole number" : "number", " from ", min,
                  " to ", max, ", got \"", text, "\"");
  }
};

// Adds an option to `app`, a CLI::App, and shows its default in the help.
template <class App, class Number>
auto* AddNumber(App* app, const char* flag, Number& value, std::type_identity_t<Number> min,
                std::type_identity_t<Number> max, const char* help) {
  const NumberRange<Number> range{min, max};
  return app->add_option(flag, value, help)->capture_default_str()->check(range, range.Text());
}

}  // namespace prm
