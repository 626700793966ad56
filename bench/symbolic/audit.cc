#include "bench/symbolic/audit.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/symbolic/held_out.h"
#include "data/error.h"
#include "data/io/text_io.h"
#include "data/math_text/verdict.h"
#include "data/synth/corruption.h"
#include "data/text/ascii.h"

namespace prm::bench {
namespace {

constexpr double kZ = 1.959963984540054;

double Wilson(const Proportion& p, double sign) {
  if (p.of == 0) return sign < 0 ? 0 : 1;
  const double n = double(p.of);
  const double x = p.value();
  const double z2 = kZ * kZ;
  return (x + z2 / (2 * n) + sign * kZ * std::sqrt(x * (1 - x) / n + z2 / (4 * n * n))) /
         (1 + z2 / n);
}

bool IsSlipOfCalculation(const Trace& trace) {
  if (trace.meta_json.find("calculation_error") == std::string::npos) return false;
  const auto meta = nlohmann::json::parse(trace.meta_json, nullptr, false);
  if (!meta.is_object()) return false;
  const auto& inner = meta.contains("meta") && meta["meta"].is_object() ? meta["meta"] : meta;
  return inner.value("error_type", "") == "calculation_error";
}

// Whether both sides of every relation in the step are equal: its error is not in its arithmetic.
bool ValuesAreEqual(const StepCheck& check) {
  return !check.relations.empty() &&
         std::all_of(check.relations.begin(), check.relations.end(), [](const RelationCheck& r) {
           return !r.left_value.empty() && r.left_value == r.right_value;
         });
}

std::string Percent(const Proportion& p, int decimals) {
  char text[96];
  std::snprintf(text, sizeof(text), "%.*f %% [%.*f, %.*f] (%lld / %lld)", decimals, 100 * p.value(),
                decimals, 100 * p.Low(), decimals, 100 * p.High(), static_cast<long long>(p.hits),
                static_cast<long long>(p.of));
  return text;
}

}  // namespace

double Proportion::Low() const { return hits == 0 ? 0 : Wilson(*this, -1); }
double Proportion::High() const { return hits == of ? 1 : Wilson(*this, 1); }

std::string_view AuditStyle(std::string_view source) {
  for (const std::string_view gsm8k : {"eic_gsm8k", "verify_then_generate", "mr_gsm8k_partial"}) {
    if (source == gsm8k) return "gsm8k";
  }
  for (const std::string_view prm800k : {"prm800k_train2pct", "prmbench_train_p1"}) {
    if (source == prm800k) return "prm800k";
  }
  return "";
}

bool HoldsBothSides(std::string_view step) {
  const size_t equals = step.find('=');
  if (equals == step.npos) return false;
  size_t right = equals + 1;
  while (right < step.size() &&
         (step[right] == ' ' || step[right] == '$' || step[right] == '<' || step[right] == '-')) {
    ++right;
  }
  if (right == step.size() || !(IsDigit(step[right]) || step[right] == '.')) return false;
  bool number = false;
  for (size_t i = 0; i < equals; ++i) {
    const char c = step[i];
    const bool multiplies = (c == 'x' || c == 'X') && i > 0 && i + 1 < equals &&
                            (step[i - 1] == ' ' || IsDigit(step[i - 1])) &&
                            (step[i + 1] == ' ' || IsDigit(step[i + 1]));
    const bool sign = c == '+' || c == '-' || c == '*' || c == '/' || multiplies ||
                      static_cast<unsigned char>(c) == 0xc3;  // the first byte of both signs
    number |= IsDigit(c);
    if (!number || !sign) continue;
    const std::string_view rest = step.substr(i, equals - i);
    if (std::any_of(rest.begin(), rest.end(), IsDigit)) return true;
  }
  return false;
}

void Auditor::Add(const Trace& trace, const std::vector<StepCheck>& checks) {
  const std::string_view half = IsHeldOut(trace.problem) ? " held-out" : " tuning";
  const std::string_view style = AuditStyle(trace.source);
  std::vector<std::string> keys = {trace.source + std::string(half)};
  if (!style.empty()) keys.push_back(std::string(style) + "-style" + std::string(half));
  const bool slip = IsSlipOfCalculation(trace);
  uint64_t seed = seed_;
  for (const char c : trace.id) seed = seed * 1099511628211u + static_cast<unsigned char>(c);
  SynthRandom random(seed);
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    const Step& step = trace.steps[i];
    if (!step.label) continue;
    const bool right = IsCorrect(*step.label);
    const bool hard = checks[i].severity == Severity::kHard;
    const std::string id = StrCat(trace.id, ":", i);
    const bool confirmed = right && hard && confirmed_.contains(id);
    std::optional<bool> closed_found;
    if (right) {
      if (const auto corrupted = CorruptStep(step.text, checks[i], &random)) {
        StepChecker checker(trace.problem, {.describe = false});
        closed_found = checker.Check(corrupted->text).severity == Severity::kHard;
      }
    }
    const bool slip_here = *step.label == StepLabel::kIncorrect && slip &&
                           int(i) == trace.first_error && HoldsBothSides(step.text);
    const bool counts_slip = slip_here && !ValuesAreEqual(checks[i]);
    if (right && hard) audit_.refuted_right.push_back(id + (confirmed ? " confirmed" : ""));
    for (const std::string& key : keys) {
      AuditRow& row = audit_.rows[key];
      if (right) row.right.Add(checks[i]);
      row.right_refuted += right && hard;
      row.confirmed += confirmed;
      if (closed_found) {
        ++row.closed_recall.of;
        row.closed_recall.hits += *closed_found;
      }
      row.true_slips += slip_here && !counts_slip;
      if (counts_slip) {
        ++row.slip_recall.of;
        row.slip_recall.hits += hard;
      }
    }
  }
}

std::string Auditor::ToMarkdown() const {
  std::string table =
      "| steps | right | arith_ok | refuted hard (confirmed slips) | false refutations | soft | "
      "recall, corrupted arithmetic | recall, calculation_error | of them true as written |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const auto& [name, row] : audit_.rows) {
    const Proportion ok{row.right.verdicts[size_t(Verdict::kArithOk)], row.right.steps};
    const Proportion wrong{row.right_refuted - row.confirmed, row.right.steps};
    const Proportion soft{row.right.soft, row.right.steps};
    char ok_text[32];
    std::snprintf(ok_text, sizeof(ok_text), "%.1f %%", 100 * ok.value());
    char soft_text[32];
    std::snprintf(soft_text, sizeof(soft_text), "%.2f %%", 100 * soft.value());
    table += StrCat("| ", name, " | ", row.right.steps, " | ", ok_text, " | ", row.right_refuted,
                    " (", row.confirmed, ") | ", Percent(wrong, 2), " | ", soft_text, " | ",
                    row.closed_recall.of > 0 ? Percent(row.closed_recall, 1) : "-", " | ",
                    row.slip_recall.of > 0 ? Percent(row.slip_recall, 1) : "-", " | ",
                    row.true_slips, " |\n");
  }
  return table;
}

std::set<std::string> ReadConfirmedSlips(const std::filesystem::path& path) {
  std::set<std::string> slips;
  LineReader reader(path);
  for (std::string_view line; reader.Next(&line);) {
    const size_t end = std::min(line.find('#'), line.size());
    std::string_view id = line.substr(0, end);
    while (!id.empty() && (id.back() == ' ' || id.back() == '\t' || id.back() == '\r')) {
      id.remove_suffix(1);
    }
    if (!id.empty()) slips.emplace(id);
  }
  return slips;
}

}  // namespace prm::bench
