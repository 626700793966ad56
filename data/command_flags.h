// Flags that mean one thing in every verb, and the values they may have.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/error.h"

namespace prm {

// What a verb exits with if it ran to its end but refused some rows.
inline constexpr int kExitRefused = 3;

// More than a machine has, but fewer than a system allows one user.
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
    if (parsed && value >= min && value <= max) return "";  // not for NaN
    return StrCat("expected a ", std::integral<Number> ? "whole number" : "number", " from ", min,
                  " to ", max, ", got \"", text, "\"");
  }
};

// Adds a number with its default in the help.
template <class Number>
CLI::Option* AddNumber(CLI::App* verb, const char* flag, Number& value,
                       std::type_identity_t<Number> min, std::type_identity_t<Number> max,
                       const std::string& help) {
  const NumberRange<Number> range{min, max};
  return verb->add_option(flag, value, help)->capture_default_str()->check(range, range.Text());
}

// Adds one of a few words; the help lists them as "error | skip | cut". `value` must live as long
// as `verb`. Its value now is the default, if a word stands for it.
template <class Value, class Meaning>
CLI::Option* AddChoice(CLI::App* verb, const std::string& flag, Value& value,
                       std::vector<std::pair<std::string, Meaning>> choices,
                       const std::string& help) {
  std::string words, preset;
  for (const auto& [word, meaning] : choices) {
    words += StrCat(words.empty() ? "" : " | ", word);
    if (value == meaning) preset = word;
  }
  const auto choose = [&value, choices = std::move(choices), words, flag](const std::string& text) {
    for (const auto& [word, meaning] : choices) {
      if (word != text) continue;
      value = meaning;
      return;
    }
    throw CLI::ValidationError(flag, StrCat("expected ", words, ", got \"", text, "\""));
  };
  CLI::Option* option = verb->add_option_function<std::string>(flag, choose, help);
  return option->type_name(words)->default_str(preset);
}

// The same for words that a library reads itself.
inline CLI::Option* AddWord(CLI::App* verb, const std::string& flag, std::string& value,
                            const std::vector<std::string>& words, const std::string& help) {
  std::vector<std::pair<std::string, std::string>> choices;
  for (const std::string& word : words) choices.emplace_back(word, word);
  return AddChoice(verb, flag, value, std::move(choices), help);
}

// --in FILE, or FILE alone: what a verb reads.
template <class Path>
CLI::Option* AddInput(CLI::App* verb, Path& path, const std::string& what) {
  return verb->add_option("--in,in", path, what + "; - is standard input")
      ->type_name("FILE")
      ->capture_default_str();
}

// --out FILE of verbs that write lines.
template <class Path>
CLI::Option* AddOutput(CLI::App* verb, Path& path, const std::string& what) {
  return verb->add_option("--out", path, what + "; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
}

// --json FILE: all that the verb reports, as JSON.
inline CLI::Option* AddJson(CLI::App* verb, std::string& path) {
  return verb
      ->add_option("--json", path,
                   "The report as JSON; - is standard output, where it replaces the text")
      ->type_name("FILE");
}

inline CLI::Option* AddThreads(CLI::App* verb, int& threads) {
  return AddNumber(verb, "--threads", threads, 0, kMaxThreads, "On CPUs; 0: all cores");
}

// The commands that the help of `verb` ends with.
inline void AddExamples(CLI::App* verb, const std::vector<std::string>& commands) {
  std::string text = "Examples:";
  for (const std::string& command : commands) text += "\n  " + command;
  verb->footer(text);
}

// Gives a group of verbs a help of its own; the parser would repeat the program's.
inline void GroupVerbs(CLI::App* group, const std::vector<std::string>& examples) {
  AddExamples(group, examples);
  for (CLI::App* verb : group->get_subcommands([](const CLI::App*) { return true; })) {
    verb->group("Verbs");
  }
}

}  // namespace prm
