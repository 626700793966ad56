#include "serve/service/server_log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace prm {

ServerLog::ServerLog(const std::string& level)
    : logger_(std::make_shared<spdlog::logger>("prm",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  const spdlog::level::level_enum parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    throw OptionError("log level " + level +
                      ": expected trace, debug, info, warning, error or off");
  }
  logger_->set_level(parsed);
  logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "ts=%Y-%m-%dT%H:%M:%S.%fZ level=%l %v", spdlog::pattern_time_type::utc));
}

void ServerLog::Call(const CallRecord& record) { logger_->info(FormatCall(record)); }

void ServerLog::Batch(const BatchReport& r) {
  logger_->debug(
      "event=batch traces={} chunks={} tokens={} computed={} compute_us={} expired={} cancelled={} "
      "queue_traces={} queue_tokens={}",
      r.traces, r.chunks, r.tokens, r.tokens_computed, r.compute_us, r.expired, r.cancelled,
      r.queue_traces, r.queue_tokens);
}

void ServerLog::Info(const std::string& line) { logger_->info(line); }
void ServerLog::Warning(const std::string& line) { logger_->warn(line); }
void ServerLog::Error(const std::string& line) { logger_->error(line); }

}  // namespace prm
