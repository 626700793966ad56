// The JSON objects of a file, however they follow each other: one a line, as the items of one array
// that is the whole file, or spread over several lines each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "data/io/text_io.h"

namespace prm {

struct JsonField;

// Reads in memory of the longest object; plain, gzip, xz and "-" as LineReader does. A byte order
// mark is dropped; lines may end in LF, CR LF or CR. Used by one thread at a time.
class JsonRows {
 public:
  // Throws Error as LineReader does, and Error(kInvalidArgument) for a file in UTF-16 or UTF-32.
  explicit JsonRows(const std::filesystem::path& path);
  ~JsonRows();

  // False at the end, however often it is asked. `*object` is valid until the next call. Throws
  // Error(kInvalidArgument) for what is no JSON object; the next call goes on behind it. Other
  // errors are final.
  bool Next(JsonField* object);

  // The text of the object that Next gave last; valid as long.
  std::string_view text() const { return text_; }

  // "data.jsonl:17", or "data.json:1[16]" inside an array, of what Next gave or refused last.
  const std::string& where() const { return where_; }
  // The path as given, or "standard input".
  const std::string& name() const { return name_; }

 private:
  enum class Layout { kUnknown, kLines, kArray, kSequence };

  bool Fill();
  bool SkipSpace();
  void DetectLayout();
  bool NextLine(std::string_view* text);
  bool NextValue(std::string_view* text);
  bool BeginItem();
  size_t FindValueEnd();
  void Consume(size_t end);
  void CheckSize(size_t size) const;
  bool BreaksLine(char c) const { return c == '\n' || (cr_lines_ && c == '\r'); }

  std::string name_;
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t begin_ = 0;  // of the unread part of buffer_
  bool ended_ = false;
  Layout layout_ = Layout::kUnknown;
  bool cr_lines_ = false;
  int64_t line_ = 1;
  int64_t items_ = 0;
  bool array_closed_ = false;
  std::string where_;
  std::string_view text_;
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace prm
