#include "model/config/rope.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <utility>

#include "data/error.h"
#include "model/config/json_fields.h"

namespace prm {
namespace {

using Kind = RopeScaling::Kind;

constexpr double kMaxTheta = 1e12;
constexpr double kMaxFactor = 1e6;
constexpr int kMaxPositions = 1 << 28;
constexpr std::pair<std::string_view, Kind> kKinds[] = {{"default", Kind::kNone},
                                                        {"linear", Kind::kLinear},
                                                        {"dynamic", Kind::kDynamic},
                                                        {"llama3", Kind::kLlama3},
                                                        {"yarn", Kind::kYarn}};

// theta^(-2i / head_dim)
std::vector<float> Unscaled(double theta, int head_dim) {
  std::vector<float> frequencies;
  for (int i = 0; i < head_dim; i += 2) {
    frequencies.push_back(1.0f / std::pow(float(theta), float(i) / float(head_dim)));
  }
  return frequencies;
}

double DynamicTheta(const ModelConfig& c, int length) {
  const double factor = c.rope_scaling.factor, dim = c.head_dim, max = c.max_position_embeddings;
  const double stretch = factor * std::max(double(length), max) / max - (factor - 1);
  return c.rope_theta * std::pow(stretch, dim / (dim - 2));
}

void ScaleLlama3(const RopeScaling& s, std::vector<float>* frequencies) {
  const double original = s.original_max_positions;
  for (float& f : *frequencies) {
    const double wavelength = 2 * std::numbers::pi / f;
    if (wavelength < original / s.high_freq_factor) continue;
    if (wavelength > original / s.low_freq_factor) {
      f = float(f / s.factor);
      continue;
    }
    const double smooth =
        (original / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
    f = float((1 - smooth) * f / s.factor + smooth * f);
  }
}

// The channel pair that rotates `rotations` times over the original context.
double YarnCorrection(const ModelConfig& c, double rotations) {
  const double original = c.rope_scaling.original_max_positions;
  return c.head_dim * std::log(original / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(c.rope_theta));
}

void ScaleYarn(const ModelConfig& c, std::vector<float>* frequencies) {
  const RopeScaling& s = c.rope_scaling;
  double low = YarnCorrection(c, s.beta_fast), high = YarnCorrection(c, s.beta_slow);
  if (s.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, c.head_dim - 1.0);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies->size(); ++i) {
    const double interpolated = std::clamp((double(i) - low) / (high - low), 0.0, 1.0);
    float& f = (*frequencies)[i];
    f = float(f / s.factor * interpolated + f * (1 - interpolated));
  }
}

// Source: YaRN, section 3.4: the factor on cosine and sine.
double YarnMagnitude(double factor, double scale) {
  return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1.0;
}

void ReadYarn(const JsonFields& rope, RopeScaling* s) {
  s->beta_fast = rope.Number("beta_fast", 1e-6, kMaxFactor, s->beta_fast);
  s->beta_slow = rope.Number("beta_slow", 1e-6, kMaxFactor, s->beta_slow);
  s->truncate = rope.Bool("truncate", true);
  const double mscale = rope.Number("mscale", 0, kMaxFactor, 0);
  const double mscale_all_dim = rope.Number("mscale_all_dim", 0, kMaxFactor, 0);
  const double computed =
      mscale > 0 && mscale_all_dim > 0
          ? YarnMagnitude(s->factor, mscale) / YarnMagnitude(s->factor, mscale_all_dim)
          : YarnMagnitude(s->factor, 1.0);
  s->attention_factor = rope.Number("attention_factor", 1e-6, kMaxFactor, computed);
}

void CheckWholeHead(const JsonFields& fields) {
  if (fields.Number("partial_rotary_factor", 0, 1, 1) == 1) return;
  throw Error(ErrorCode::kUnimplemented,
              StrCat(fields.where(), ": a partial_rotary_factor other than 1 is not supported"));
}

RopeScaling ReadScaling(const JsonFields& rope, std::string_view key, int max_positions) {
  const std::string_view type_key = rope.Has("rope_type") ? "rope_type" : "type";
  const std::string type = rope.Has(type_key) ? rope.String(type_key) : "default";
  const auto found = std::ranges::find(kKinds, type, &std::pair<std::string_view, Kind>::first);
  if (found == std::end(kKinds)) {
    throw Error(ErrorCode::kUnimplemented,
                StrCat(rope.where(), ": ", key, " of type \"", type, "\" is not supported; ",
                       "expected default, linear, dynamic, llama3 or yarn"));
  }
  CheckWholeHead(rope);
  RopeScaling s;
  s.kind = found->second;
  if (s.kind == Kind::kNone) return s;
  const auto original = [&](int otherwise) {
    return int(rope.Int("original_max_position_embeddings", 1, kMaxPositions, otherwise));
  };
  if (s.kind == Kind::kYarn) {
    s.original_max_positions = original(max_positions);
    s.factor = rope.Number("factor", 1, kMaxFactor,
                           std::max(1.0, double(max_positions) / s.original_max_positions));
    ReadYarn(rope, &s);
    return s;
  }
  s.factor = rope.Number("factor", 1, kMaxFactor);
  if (s.kind == Kind::kLlama3) {
    s.original_max_positions = int(rope.Int("original_max_position_embeddings", 1, kMaxPositions));
    s.low_freq_factor = rope.Number("low_freq_factor", 1e-6, kMaxFactor);
    s.high_freq_factor = rope.Number("high_freq_factor", 1e-6, kMaxFactor);
  }
  return s;
}

}  // namespace

std::vector<float> RopeFrequencies(const ModelConfig& config, int length) {
  const RopeScaling& scaling = config.rope_scaling;
  const double theta =
      scaling.kind == Kind::kDynamic ? DynamicTheta(config, length) : config.rope_theta;
  std::vector<float> frequencies = Unscaled(theta, config.head_dim);
  if (scaling.kind == Kind::kLinear) {
    for (float& f : frequencies) f = float(f / scaling.factor);
  }
  if (scaling.kind == Kind::kLlama3) ScaleLlama3(scaling, &frequencies);
  if (scaling.kind == Kind::kYarn) ScaleYarn(config, &frequencies);
  return frequencies;
}

void ReadRope(const JsonFields& fields, ModelConfig* config) {
  CheckWholeHead(fields);
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
    if (!fields.Has(key)) continue;
    const JsonFields rope = fields.Object(key);
    config->rope_scaling = ReadScaling(rope, key, config->max_position_embeddings);
    if (rope.Has("rope_theta")) {
      config->rope_theta = rope.Number("rope_theta", 1.0, kMaxTheta);
      return;
    }
  }
  config->rope_theta = fields.Number("rope_theta", 1.0, kMaxTheta, config->rope_theta);
}

void WriteRope(const ModelConfig& config, nlohmann::ordered_json* out) {
  (*out)["rope_theta"] = config.rope_theta;
  const RopeScaling& s = config.rope_scaling;
  if (s.kind == Kind::kNone) return;
  const auto name = std::ranges::find(kKinds, s.kind, &std::pair<std::string_view, Kind>::second);
  nlohmann::ordered_json rope = {{"rope_type", name->first}, {"factor", s.factor}};
  if (s.kind == Kind::kLlama3) {
    rope["low_freq_factor"] = s.low_freq_factor;
    rope["high_freq_factor"] = s.high_freq_factor;
  }
  if (s.kind == Kind::kYarn) {
    rope["beta_fast"] = s.beta_fast;
    rope["beta_slow"] = s.beta_slow;
    rope["truncate"] = s.truncate;
    rope["attention_factor"] = s.attention_factor;
  }
  if (s.original_max_positions > 0) {
    rope["original_max_position_embeddings"] = s.original_max_positions;
  }
  (*out)["rope_scaling"] = rope;
}

void CheckRope(const ModelConfig& config, std::string_view where) {
  const auto invalid = [&](const std::string& what) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": ", what));
  };
  const RopeScaling& s = config.rope_scaling;
  if (!(config.rope_theta >= 1 && config.rope_theta <= kMaxTheta)) {
    invalid(
        StrCat("rope_theta is ", config.rope_theta, "; expected a value in [1, ", kMaxTheta, "]"));
  }
  const bool uses_log = s.kind == Kind::kYarn || s.kind == Kind::kDynamic;
  if (uses_log && (config.head_dim < 4 || config.rope_theta <= 1)) {
    invalid("this rope scaling needs a head_dim of at least 4 and a rope_theta above 1");
  }
  if (s.kind == Kind::kLlama3 && !(s.high_freq_factor > s.low_freq_factor)) {
    invalid(StrCat("high_freq_factor is ", s.high_freq_factor,
                   "; expected more than low_freq_factor ", s.low_freq_factor));
  }
}

}  // namespace prm
