// The server's log: one line of key=value pairs per event, on standard error.
#pragma once

#include <memory>
#include <string>

#include "serve/batching/batcher.h"
#include "serve/service/call_record.h"

namespace spdlog {
class logger;
}

namespace prm {

// Any thread may call any method.
class ServerLog {
 public:
  // trace | debug | info | warning | error | off. Calls are info, batches debug. Throws OptionError
  // for another level.
  explicit ServerLog(const std::string& level);

  void Call(const CallRecord& record);
  void Batch(const BatchReport& report);
  // `line`: "event=..."
  void Info(const std::string& line);
  void Warning(const std::string& line);
  void Error(const std::string& line);

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace prm
