#include "data/io/text_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "data/error.h"
#include "data/io/file_error.h"

namespace prm {
namespace {

constexpr size_t kChunkBytes = 1 << 16;

class FileSource : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path)
      : name_(path == "-" ? "standard input" : path.string()),
        fd_(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw FileError("open", name_, errno);
  }
  ~FileSource() override {
    if (fd_ > STDIN_FILENO) close(fd_);
  }

  size_t Read(char* out, size_t size) override {
    while (true) {
      const ssize_t count = read(fd_, out, size);
      if (count >= 0) return size_t(count);
      if (errno != EINTR) throw FileError("read", name_, errno);
    }
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  int fd_;
};

// Returns `head` again before the rest of `input`.
class HeadSource : public ByteSource {
 public:
  HeadSource(std::string head, std::unique_ptr<ByteSource> input)
      : head_(std::move(head)), input_(std::move(input)) {}

  size_t Read(char* out, size_t size) override {
    if (given_ == head_.size()) return input_->Read(out, size);
    const size_t count = head_.copy(out, size, given_);
    given_ += count;
    return count;
  }

 private:
  std::string head_;
  size_t given_ = 0;
  std::unique_ptr<ByteSource> input_;
};

std::filesystem::path NewTemporaryName(const std::filesystem::path& target) {
  static std::atomic<int> counter = 0;
  std::filesystem::path name = target;
  name += StrCat(".tmp-", getpid(), "-", counter++);
  return name;
}

}  // namespace

std::unique_ptr<ByteSource> OpenBytes(const std::filesystem::path& path, std::string* name) {
  auto file = std::make_unique<FileSource>(path);
  *name = file->name();
  std::string head(6, '\0');
  size_t size = 0;
  while (size < head.size()) {
    const size_t count = file->Read(head.data() + size, head.size() - size);
    if (count == 0) break;
    size += count;
  }
  head.resize(size);
  const Compression compression = DetectCompression(head);
  return Decompress(compression, std::make_unique<HeadSource>(head, std::move(file)), *name);
}

std::string ReadFile(const std::filesystem::path& path, uint64_t max_bytes) {
  std::string name;
  const std::unique_ptr<ByteSource> source = OpenBytes(path, &name);
  std::string bytes;
  size_t begin = 0;
  while (ReadMore(source.get(), &bytes, &begin)) {
    if (bytes.size() > max_bytes) {
      throw Error(ErrorCode::kResourceExhausted,
                  StrCat(name, ": more than the ", max_bytes, " bytes that are read at once"));
    }
  }
  return bytes;
}

bool ReadMore(ByteSource* source, std::string* buffer, size_t* begin) {
  buffer->erase(0, std::exchange(*begin, 0));
  const size_t size = buffer->size();
  // The string's own doubling keeps a long line linear; each resize clears the new bytes.
  buffer->resize(size + kChunkBytes);
  const size_t count = source->Read(buffer->data() + size, kChunkBytes);
  buffer->resize(size + count);
  return count > 0;
}

LineReader::LineReader(const std::filesystem::path& path, size_t max_line_bytes)
    : max_line_bytes_(max_line_bytes), source_(OpenBytes(path, &name_)) {}

bool LineReader::Fill() {
  if (ended_) return false;
  ended_ = !ReadMore(source_.get(), &buffer_, &begin_);
  return !ended_;
}

bool LineReader::Next(std::string_view* line) {
  size_t searched = begin_;
  size_t end = buffer_.find('\n', searched);
  while (end == std::string::npos) {
    const size_t unread = buffer_.size() - begin_;
    if (unread > max_line_bytes_) break;
    if (!Fill()) break;
    searched = unread;  // Fill moved the unread part to the front
    end = buffer_.find('\n', searched);
  }
  const bool has_newline = end != std::string::npos;
  if (!has_newline) end = buffer_.size();
  if (!has_newline && end == begin_) return false;
  ++line_number_;
  if (end - begin_ > max_line_bytes_) {
    throw Error(
        ErrorCode::kResourceExhausted,
        StrCat(name_, ":", line_number_, ": a line of more than ", max_line_bytes_, " bytes"));
  }
  *line = std::string_view(buffer_).substr(begin_, end - begin_);
  if (line_number_ == 1 && line->starts_with("\xef\xbb\xbf")) line->remove_prefix(3);
  begin_ = has_newline ? end + 1 : end;
  return true;
}

OutputFile::OutputFile(const std::filesystem::path& path)
    : name_(path == "-" ? "standard output" : path.string()),
      compressor_(NewCompressor(CompressionOfName(name_))) {
  if (path == "-") {
    fd_ = STDOUT_FILENO;
    return;
  }
  std::error_code error;
  target_ = std::filesystem::weakly_canonical(path, error);  // a link stays a link
  if (error) target_ = path;
  struct stat status = {};
  const bool exists = stat(target_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) throw FileError("write", name_, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {
    fd_ = open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) ThrowErrno("write");
    return;
  }
  const std::filesystem::path temporary = NewTemporaryName(target_);
  temporary_.emplace(temporary, [&] {
    fd_ = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) ThrowErrno("create a file in its folder");
  });
  if (exists) fchmod(fd_, status.st_mode & 07777);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0 && fd_ != STDOUT_FILENO) close(fd_);
}

void OutputFile::ThrowErrno(std::string_view doing) const { throw FileError(doing, name_, errno); }

void OutputFile::WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(size_t(count));
    } else if (errno != EINTR) {
      ThrowErrno("write");
    }
  }
}

void OutputFile::Encode(std::string_view bytes, bool finish) {
  compressor_->Add(bytes, finish, &pending_);
  if (pending_.size() >= kChunkBytes || finish) Flush();
}

void OutputFile::Write(std::string_view bytes) { Encode(bytes, false); }

void OutputFile::Flush() {
  WriteAll(pending_);
  pending_.clear();
}

void OutputFile::Commit() {
  Encode({}, true);
  if (fd_ == STDOUT_FILENO) return;
  if (temporary_ && fsync(fd_) != 0) ThrowErrno("write");
  const int fd = fd_;
  fd_ = -1;
  if (close(fd) != 0) ThrowErrno("write");
  if (!temporary_) return;
  temporary_->Commit([this] {
    if (rename(temporary_->path().c_str(), target_.c_str()) != 0) ThrowErrno("replace");
  });
  const std::filesystem::path parent = target_.parent_path();
  const int folder =
      open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
}

void CheckOutputs(const std::vector<std::filesystem::path>& inputs,
                  const std::vector<std::filesystem::path>& outputs) {
  std::error_code ignored;
  const auto same = [&](const std::filesystem::path& a, const std::filesystem::path& b) {
    return std::filesystem::equivalent(a, b, ignored) ||
           std::filesystem::weakly_canonical(std::filesystem::absolute(a), ignored) ==
               std::filesystem::weakly_canonical(std::filesystem::absolute(b), ignored);
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::filesystem::path& out = outputs[i];
    const auto status = std::filesystem::status(out, ignored);
    if (out == "-" && std::count(outputs.begin(), outputs.begin() + ptrdiff_t(i), out) > 0) {
      throw OptionError(
          "two outputs are to be written to standard output; expected a file for one");
    }
    if (out.empty() || out == "-") continue;
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) continue;
    for (const std::filesystem::path& in : inputs) {
      if (in.empty() || in == "-" || !same(in, out)) continue;
      throw OptionError(StrCat(out.string(), ": this file is read; expected another to write to"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (outputs[j].empty() || outputs[j] == "-" || !same(outputs[j], out)) continue;
      throw OptionError(StrCat(out.string(), ": two outputs are to be written to this file"));
    }
  }
}

void CheckReadTwice(const std::filesystem::path& in) {
  std::error_code ignored;
  const auto status = std::filesystem::status(in, ignored);
  if (in != "-" && !std::filesystem::is_fifo(status)) return;
  throw OptionError(StrCat(in == "-" ? "standard input" : in.string() + ", a pipe",
                           ": expected a file that can be read twice"));
}

void WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes) {
  OutputFile file(path);
  file.Write(bytes);
  file.Commit();
}

}  // namespace prm
