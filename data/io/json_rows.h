// The JSON objects of a file in any layout: one per line, as the items of one array that is the
// whole file, or spread over several lines each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "data/io/text_io.h"

namespace prm {

struct JsonField;

// Uses memory for the longest object. Reads plain, gzip, xz and "-" like LineReader. A byte order
// mark is dropped; lines may end in LF, CR LF or CR. Used by one thread at a time.
class JsonRows {
 public:
  // Throws Error like LineReader, and Error(kInvalidArgument) for a file in UTF-16 or UTF-32.
  explicit JsonRows(const std::filesystem::path& path);
  ~JsonRows();

  // Returns false at the end, also on repeated calls. `*object` is valid until the next call.
  // Throws Error(kInvalidArgument) for anything but a JSON object; the next call continues after
  // it. Other errors are final.
  bool Next(JsonField* object);

  // The text of the object that Next returned last; valid equally long.
  std::string_view text() const { return text_; }

  // "data.jsonl:17", or "data.json:1[16]" inside an array: the object last returned or refused.
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
  size_t begin_ = 0;  // start of the unread part of buffer_
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
