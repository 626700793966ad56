#include "data/io/json_rows.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "data/error.h"
#include "data/io/json_lines.h"

namespace prm {
namespace {

constexpr std::string_view kSpace = " \t\n\r";

void RefuseWideText(std::string_view head, const std::string& name) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view mark : {"\xff\xfe"sv, "\xfe\xff"sv, "\0\0\xfe\xff"sv}) {
    if (head.starts_with(mark)) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(name, ": expected UTF-8, got a file that starts with the byte order mark ",
                         "of UTF-16 or UTF-32"));
    }
  }
}

}  // namespace

struct JsonRows::Parser {
  simdjson::dom::parser dom;
};

JsonRows::JsonRows(const std::filesystem::path& path)
    : source_(OpenBytes(path, &name_)), parser_(std::make_unique<Parser>()) {
  while (buffer_.size() < 4 && Fill()) {
  }
  RefuseWideText(buffer_, name_);
  if (buffer_.starts_with("\xef\xbb\xbf")) begin_ = 3;
}

JsonRows::~JsonRows() = default;

bool JsonRows::Fill() {
  if (ended_) return false;
  ended_ = !ReadMore(source_.get(), &buffer_, &begin_);
  return !ended_;
}

void JsonRows::Consume(size_t end) {
  line_ +=
      std::count_if(buffer_.begin() + std::ptrdiff_t(begin_), buffer_.begin() + std::ptrdiff_t(end),
                    [this](char c) { return BreaksLine(c); });
  begin_ = end;
}

void JsonRows::CheckSize(size_t size) const {
  if (size <= kMaxLineBytes) return;
  throw Error(ErrorCode::kResourceExhausted,
              StrCat(name_, ":", line_, ": a row of more than ", kMaxLineBytes, " bytes"));
}

// Returns false at the end of the file.
bool JsonRows::SkipSpace() {
  while (true) {
    const size_t end = buffer_.find_first_not_of(kSpace, begin_);
    Consume(std::min(end, buffer_.size()));
    if (end != std::string::npos) return true;
    if (!Fill()) return false;
  }
}

// One object per line, unless the first line ends inside an object, as pretty-printed JSON does.
void JsonRows::DetectLayout() {
  layout_ = Layout::kLines;
  if (!SkipSpace()) return;
  if (buffer_[begin_] == '[') {
    layout_ = Layout::kArray;
    Consume(begin_ + 1);
    return;
  }
  size_t searched = begin_;
  size_t end = 0;
  while ((end = buffer_.find_first_of("\r\n", searched)) == std::string::npos ||
         (buffer_[end] == '\r' && end + 1 == buffer_.size())) {
    searched = std::min(end, buffer_.size()) - begin_;
    CheckSize(buffer_.size() - begin_);
    if (!Fill()) break;  // moves the unread part to the front
  }
  end = std::min(end, buffer_.size());
  // A carriage return that ends a line by itself; JSON allows none inside a string.
  cr_lines_ = end + 1 < buffer_.size() && buffer_[end] == '\r' && buffer_[end + 1] != '\n';
  const size_t last = buffer_.find_last_not_of(" \t", end == begin_ ? begin_ : end - 1);
  const bool broken = last != std::string::npos && last >= begin_ &&
                      std::string_view("{[,").find(buffer_[last]) != std::string_view::npos;
  if (broken || cr_lines_) layout_ = Layout::kSequence;
}

bool JsonRows::NextLine(std::string_view* text) {
  size_t searched = begin_;
  size_t end = 0;
  while ((end = buffer_.find('\n', searched)) == std::string::npos) {
    const size_t unread = buffer_.size() - begin_;
    CheckSize(unread);
    if (!Fill()) break;
    searched = unread;
  }
  const bool has_newline = end != std::string::npos;
  if (!has_newline) end = buffer_.size();
  if (!has_newline && end == begin_) return false;
  *text = std::string_view(buffer_).substr(begin_, end - begin_);
  where_ = name_ + ":" + std::to_string(line_);
  begin_ = has_newline ? end + 1 : end;
  ++line_;
  return true;
}

// Skips the text between two items. Returns false at the end of the array.
bool JsonRows::BeginItem() {
  const auto refuse = [this](std::string_view expected, std::string_view got) {
    begin_ = buffer_.size();
    ended_ = true;
    throw Error(ErrorCode::kDataLoss, StrCat(name_, ":", line_, ": expected ", expected,
                                             " of the array that the file is, got ", got));
  };
  if (array_closed_) return false;
  if (!SkipSpace()) refuse("another item or the end", "the end of the file");
  if (items_ > 0 && buffer_[begin_] == ',') {
    Consume(begin_ + 1);
    if (!SkipSpace()) refuse("another item", "the end of the file");
  } else if (items_ > 0 && buffer_[begin_] != ']') {
    refuse("a comma before the next item", std::string(1, buffer_[begin_]));
  }
  if (buffer_[begin_] != ']') return true;
  Consume(begin_ + 1);
  array_closed_ = true;
  if (SkipSpace()) refuse("nothing after the end", std::string(1, buffer_[begin_]));
  return false;
}

// The end of the value that starts at begin_: where its brackets are closed or, without brackets,
// where space or a comma follows. Filling the buffer changes only begin_.
size_t JsonRows::FindValueEnd() {
  int64_t depth = 0;
  bool in_string = false;
  for (size_t length = 0;; ++length) {
    if (begin_ + length >= buffer_.size()) {
      CheckSize(length);
      if (!Fill()) return buffer_.size();
    }
    const char c = buffer_[begin_ + length];
    if (in_string) {
      if (c == '"') in_string = false;
      if (c == '\\') ++length;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth <= 1) return begin_ + length + (depth == 1 || length == 0 ? 1 : 0);
      --depth;
    } else if (depth == 0 && (c == ',' || kSpace.find(c) != std::string_view::npos)) {
      return begin_ + std::max<size_t>(length, 1);
    }
  }
}

bool JsonRows::NextValue(std::string_view* text) {
  if (layout_ == Layout::kArray ? !BeginItem() : !SkipSpace()) return false;
  where_ = name_ + ":" + std::to_string(line_);
  if (layout_ == Layout::kArray) where_ += "[" + std::to_string(items_) + "]";
  ++items_;
  const size_t end = FindValueEnd();
  const size_t length = end - begin_;
  Consume(end);
  *text = std::string_view(buffer_).substr(end - length, length);
  return true;
}

bool JsonRows::Next(JsonField* object) {
  if (layout_ == Layout::kUnknown) DetectLayout();
  std::string_view text;
  while (layout_ == Layout::kLines ? NextLine(&text) : NextValue(&text)) {
    if (text.find_first_not_of(kSpace) == std::string_view::npos) continue;
    text_ = text;
    *object = ParseJsonObject(text, where_, &parser_->dom);
    return true;
  }
  return false;
}

}  // namespace prm
