#include "data/io/file_error.h"

#include <cerrno>
#include <system_error>

namespace prm {
namespace {

ErrorCode CodeOf(int errno_value) {
  switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
      return ErrorCode::kResourceExhausted;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorCode::kAlreadyExists;
    case EISDIR:
    case EINVAL:
    case ENAMETOOLONG:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kUnavailable;
  }
}

}  // namespace

Error FileError(std::string_view action, const std::filesystem::path& path, int errno_value) {
  return Error(CodeOf(errno_value), StrCat(path.string(), ": cannot ", action, ": ",
                                           std::generic_category().message(errno_value)));
}

}  // namespace prm
