// Text file input and output: plain, gzip, xz, "-" for the standard streams; outputs are written
// completely or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/io/compression.h"
#include "data/io/temporary.h"

namespace prm {

// The longest line, row or block of text that is read; it bounds the memory used at once, whatever
// a file holds. A trace of a million steps has some 40 MB.
inline constexpr size_t kMaxLineBytes = size_t{64} << 20;

// Returns the whole of `path`, decompressed (gzip and xz are detected by their leading bytes); "-"
// reads standard input. Throws Error naming the file: kNotFound, kPermissionDenied, kDataLoss for a
// corrupt or truncated stream, kResourceExhausted for more than `max_bytes` decompressed. The
// default suits vocabularies and settings; the largest of these have 35 MB.
std::string ReadFile(const std::filesystem::path& path, uint64_t max_bytes = uint64_t{128} << 20);

// Opens `path` as a stream of decompressed bytes; same inputs and errors as ReadFile. Sets `*name`
// to the path as given, or "standard input".
std::unique_ptr<ByteSource> OpenBytes(const std::filesystem::path& path, std::string* name);

// Moves the unread bytes of `*buffer` (from `*begin`) to its front, then appends more input.
// Returns false at end of input.
bool ReadMore(ByteSource* source, std::string* buffer, size_t* begin);

// Reads a file line by line, using memory for the longest line; same inputs and errors as ReadFile.
// Drops a byte order mark at the start of the file. Used by one thread at a time.
class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path, size_t max_line_bytes = kMaxLineBytes);

  // Returns false at the end. `*line` has no newline and is valid until the next call; a last line
  // without newline counts. Throws Error(kResourceExhausted) for a line of more than
  // max_line_bytes.
  bool Next(std::string_view* line);

  // Number of the line that Next returned last, from 1; 0 before the first.
  int64_t line_number() const { return line_number_; }
  // The path as given, or "standard input".
  const std::string& name() const { return name_; }

 private:
  bool Fill();

  std::string name_;
  size_t max_line_bytes_;
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t begin_ = 0;  // start of the unread part of buffer_
  bool ended_ = false;
  int64_t line_number_ = 0;
};

// A file that appears completely or not at all. Bytes go to a temporary file beside the target,
// which Commit syncs and renames over it; without Commit the target is untouched and the temporary
// file is removed (Temporary). A name ending in .gz or .xz is compressed. "-" is standard output. A
// target that is not a regular file (a device, a pipe) is written in place. Every failure throws
// Error naming the path and the system's reason. Used by one thread at a time.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void Write(std::string_view bytes);
  // Passes the bytes so far to the system, for a reader that follows standard output.
  void Flush();
  // Call once, last.
  void Commit();

 private:
  void WriteAll(std::string_view bytes);
  void Encode(std::string_view bytes, bool finish);
  [[noreturn]] void ThrowErrno(std::string_view doing) const;

  std::string name_;
  std::filesystem::path target_;
  std::optional<Temporary> temporary_;  // nullopt: written in place
  int fd_ = -1;
  std::unique_ptr<Compressor> compressor_;
  std::string pending_;
};

// Throws OptionError for standard input and for a pipe, which can be read only once.
void CheckReadTwice(const std::filesystem::path& in);

// Checks the files of a verb: throws OptionError if a regular output file is also an input, or
// named for two outputs, under any name or link. "" and "-" are not files.
void CheckOutputs(const std::vector<std::filesystem::path>& inputs,
                  const std::vector<std::filesystem::path>& outputs);

// OutputFile with one Write.
void WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace prm
