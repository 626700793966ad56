#include "data/io/compression.h"

#include <lzma.h>
#include <zlib.h>

#include <array>

#include "data/error.h"

namespace prm {
namespace {

constexpr size_t kChunkBytes = 1 << 16;
// xz -9 needs 65 MiB.
constexpr uint64_t kXzMemoryLimitBytes = uint64_t{128} << 20;

[[noreturn]] void ThrowCorrupt(const std::string& name, std::string_view format,
                               std::string_view what) {
  throw Error(ErrorCode::kDataLoss, StrCat(name, ": ", what, " ", format, " data"));
}

class GzipSource : public ByteSource {
 public:
  GzipSource(std::unique_ptr<ByteSource> input, std::string name)
      : input_(std::move(input)), name_(std::move(name)) {
    if (inflateInit2(&stream_, MAX_WBITS + 16) != Z_OK) {
      throw Error(ErrorCode::kResourceExhausted, StrCat(name_, ": no memory to decompress"));
    }
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  size_t Read(char* out, size_t size) override {
    size = std::min<size_t>(size, 1u << 30);
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = uInt(size);
    while (stream_.avail_out == size && !done_) Step();
    return size - stream_.avail_out;
  }

 private:
  bool Fill() {
    if (stream_.avail_in == 0) {
      stream_.avail_in = uInt(input_->Read(buffer_.data(), buffer_.size()));
      stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
    }
    return stream_.avail_in > 0;
  }

  void Step() {
    if (!Fill()) {
      if (!between_members_) ThrowCorrupt(name_, "gzip", "truncated");
      done_ = true;
      return;
    }
    between_members_ = false;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      between_members_ = true;
      inflateReset(&stream_);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      ThrowCorrupt(name_, "gzip", "corrupt");
    }
  }

  std::unique_ptr<ByteSource> input_;
  std::string name_;
  z_stream stream_ = {};
  bool between_members_ = false;
  bool done_ = false;
  std::array<char, kChunkBytes> buffer_;
};

class XzSource : public ByteSource {
 public:
  XzSource(std::unique_ptr<ByteSource> input, std::string name)
      : input_(std::move(input)), name_(std::move(name)) {
    if (lzma_stream_decoder(&stream_, kXzMemoryLimitBytes, LZMA_CONCATENATED) != LZMA_OK) {
      throw Error(ErrorCode::kResourceExhausted, StrCat(name_, ": no memory to decompress"));
    }
  }
  ~XzSource() override { lzma_end(&stream_); }

  size_t Read(char* out, size_t size) override {
    stream_.next_out = reinterpret_cast<uint8_t*>(out);
    stream_.avail_out = size;
    while (stream_.avail_out == size && !done_) Step();
    return size - stream_.avail_out;
  }

 private:
  void Step() {
    if (stream_.avail_in == 0 && !input_ended_) {
      stream_.avail_in = input_->Read(buffer_.data(), buffer_.size());
      stream_.next_in = reinterpret_cast<uint8_t*>(buffer_.data());
      input_ended_ = stream_.avail_in == 0;
    }
    const lzma_ret result = lzma_code(&stream_, input_ended_ ? LZMA_FINISH : LZMA_RUN);
    if (result == LZMA_STREAM_END) {
      done_ = true;
    } else if (result == LZMA_MEMLIMIT_ERROR) {
      throw Error(ErrorCode::kDataLoss, StrCat(name_, ": xz data needs more than ",
                                               kXzMemoryLimitBytes, " bytes of memory"));
    } else if (result == LZMA_BUF_ERROR) {
      ThrowCorrupt(name_, "xz", "truncated");
    } else if (result != LZMA_OK) {
      ThrowCorrupt(name_, "xz", "corrupt");
    }
  }

  std::unique_ptr<ByteSource> input_;
  std::string name_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool input_ended_ = false;
  bool done_ = false;
  std::array<char, kChunkBytes> buffer_;
};

class PlainCompressor : public Compressor {
 public:
  void Add(std::string_view bytes, bool, std::string* out) override { out->append(bytes); }
};

class GzipCompressor : public Compressor {
 public:
  GzipCompressor() {
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw Error(ErrorCode::kResourceExhausted, "no memory to compress gzip");
    }
  }
  ~GzipCompressor() override { deflateEnd(&stream_); }

  void Add(std::string_view bytes, bool finish, std::string* out) override {
    while (bytes.size() > kPieceBytes) {
      Code(bytes.substr(0, kPieceBytes), false, out);
      bytes.remove_prefix(kPieceBytes);
    }
    Code(bytes, finish, out);
  }

 private:
  static constexpr size_t kPieceBytes = 1 << 30;  // avail_in is 32 bits wide

  void Code(std::string_view bytes, bool finish, std::string* out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = uInt(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = uInt(buffer_.size());
      if (deflate(&stream_, finish ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR) {
        throw Error(ErrorCode::kInternal, "gzip compressor in a wrong state");
      }
      out->append(buffer_.data(), buffer_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_ = {};
  std::array<char, kChunkBytes> buffer_;
};

class XzCompressor : public Compressor {
 public:
  XzCompressor() {
    if (lzma_easy_encoder(&stream_, LZMA_PRESET_DEFAULT, LZMA_CHECK_CRC64) != LZMA_OK) {
      throw Error(ErrorCode::kResourceExhausted, "no memory to compress xz");
    }
  }
  ~XzCompressor() override { lzma_end(&stream_); }

  void Add(std::string_view bytes, bool finish, std::string* out) override {
    stream_.next_in = reinterpret_cast<const uint8_t*>(bytes.data());
    stream_.avail_in = bytes.size();
    lzma_ret result = LZMA_OK;
    while (stream_.avail_in > 0 || (finish && result != LZMA_STREAM_END)) {
      stream_.next_out = reinterpret_cast<uint8_t*>(buffer_.data());
      stream_.avail_out = buffer_.size();
      result = lzma_code(&stream_, finish ? LZMA_FINISH : LZMA_RUN);
      if (result != LZMA_OK && result != LZMA_STREAM_END) {
        throw Error(ErrorCode::kInternal, StrCat("xz compressor failed with code ", int(result)));
      }
      out->append(buffer_.data(), buffer_.size() - stream_.avail_out);
    }
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  std::array<char, kChunkBytes> buffer_;
};

}  // namespace

Compression DetectCompression(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (head.starts_with(std::string_view("\xfd"
                                        "7zXZ\0",
                                        6))) {
    return Compression::kXz;
  }
  return Compression::kNone;
}

Compression CompressionOfName(std::string_view name) {
  if (name.ends_with(".gz")) return Compression::kGzip;
  if (name.ends_with(".xz")) return Compression::kXz;
  return Compression::kNone;
}

std::unique_ptr<ByteSource> Decompress(Compression compression, std::unique_ptr<ByteSource> input,
                                       const std::string& name) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipSource>(std::move(input), name);
    case Compression::kXz:
      return std::make_unique<XzSource>(std::move(input), name);
    case Compression::kNone:
      break;
  }
  return input;
}

std::unique_ptr<Compressor> NewCompressor(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipCompressor>();
    case Compression::kXz:
      return std::make_unique<XzCompressor>();
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainCompressor>();
}

}  // namespace prm
