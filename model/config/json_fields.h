// Checked access to the fields of a JSON object. Errors name the file and the field.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// Reads a model's JSON file. Throws Error with the path, also if it is not a regular file or is
// larger than 256 MB.
std::string ReadJsonText(const std::filesystem::path& file);

// Throws Error(kInvalidArgument) with `where` and the byte offset if the text is not JSON, not
// UTF-8, or nested deeper than 200 levels (a limit that protects the stack of recursive readers).
nlohmann::json ParseJson(std::string_view text, std::string_view where);

// Borrows the object. A null field counts as absent. Every reader throws Error(kInvalidArgument)
// "where: field 'x' is ...; expected ..." for a missing field, a value of the wrong type, or a
// value outside [min, max].
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string where);

  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  bool IsNull(std::string_view key) const;                 // present, and null
  const nlohmann::json* Find(std::string_view key) const;  // nullptr if absent or null

  int64_t Int(std::string_view key, int64_t min, int64_t max) const;
  int64_t Int(std::string_view key, int64_t min, int64_t max, int64_t fallback) const;
  double Number(std::string_view key, double min, double max) const;
  double Number(std::string_view key, double min, double max, double fallback) const;
  bool Bool(std::string_view key, bool fallback) const;
  std::string String(std::string_view key) const;
  std::vector<int32_t> Ints(std::string_view key, int32_t min, int32_t max) const;
  const nlohmann::json& Array(std::string_view key) const;
  JsonFields Object(std::string_view key) const;

  // Throws for the first field not in `known`.
  void RefuseOthers(std::initializer_list<std::string_view> known) const;

  [[noreturn]] void Fail(std::string_view key, std::string_view expected) const;
  const std::string& where() const { return where_; }

 private:
  const nlohmann::json& Need(std::string_view key, std::string_view expected) const;

  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace prm
