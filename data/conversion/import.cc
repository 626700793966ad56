#include "data/conversion/import.h"

#include <algorithm>
#include <optional>

#include "data/conversion/id_set.h"
#include "data/conversion/text_blocks.h"
#include "data/error.h"
#include "data/formats/row_fields.h"
#include "data/io/json_lines.h"
#include "data/io/json_rows.h"
#include "data/text/ascii.h"

namespace prm {
namespace {

constexpr size_t kObjectsToDetectBy = 10;
constexpr size_t kRowsToDetectBy = 100;  // including rows that are not objects

[[noreturn]] void RefuseTrace(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, StrCat(where, ": ", what));
}

// Makes any bytes of an id safe for a message.
std::string Quoted(std::string_view id) {
  std::string text = "\"";
  for (const char c : id.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      text += "\\x" + HexOf({&c, 1});
    } else {
      text += c;
    }
  }
  return text + (id.size() > 80 ? "\"..." : "\"");
}

void CheckTrace(std::string_view where, const Trace& trace) {
  if (IsBlank(trace.id)) RefuseTrace(where, "id: expected text, got a blank one");
  if (HasControlCharacter(trace.id)) {
    RefuseTrace(where, StrCat("id: expected no control characters, got ", Quoted(trace.id)));
  }
  if (IsBlank(trace.problem)) RefuseTrace(where, "expected a problem, got blank text");
}

// The content of a reference, so that rows can share one.
std::string ContentOf(const Trace& trace) {
  std::string content = StrCat(trace.id, '\0', trace.problem);
  for (const Step& step : trace.steps) content += StrCat('\0', step.text);
  return content;
}

// The size of a regular file; nullopt otherwise.
std::optional<uintmax_t> SizeOf(const std::filesystem::path& path) {
  std::error_code error;
  if (path == "-" || !std::filesystem::is_regular_file(path, error)) return std::nullopt;
  const uintmax_t size = std::filesystem::file_size(path, error);
  return error ? std::nullopt : std::optional(size);
}

class Importer {
 public:
  Importer(const ImportOptions& options, const std::function<void(const Trace&)>& write)
      : options_(options), write_(write) {
    report_.policy = options.policy;
  }

  ConversionReport Run(const std::filesystem::path& in) {
    CheckFates(options_.policy);
    const std::optional<uintmax_t> size = SizeOf(in);
    if (options_.format != "auto") Use(FormatNamed(options_.format));
    if (format_ && format_->is_text) {
      ReadText(in);
    } else {
      ReadJson(in);
    }
    const std::optional<uintmax_t> size_now = SizeOf(in);
    if (size && size_now && *size != *size_now) {
      report_.notes.push_back(StrCat("the file changed while it was read: ", *size,
                                     " bytes at the start, ", *size_now,
                                     " at the end; later rows may be missing"));
    }
    return std::move(report_);
  }

 private:
  void Use(const Format& format) {
    if (format.read == nullptr) {
      throw OptionError(StrCat("the format ", format.name, " can be written, but not read"));
    }
    format_ = &format;
    report_.format = format.name;
  }

  void ReadText(const std::filesystem::path& in) {
    TextBlocks blocks(in);
    std::string text;
    while (blocks.Next(&text)) {
      const std::string where = blocks.Where();
      ReadRow({where, next_row_, {}, text});
    }
  }

  void ReadJson(const std::filesystem::path& in) {
    JsonRows rows(in);
    if (!format_) Detect(&rows);
    for (JsonField object; NextObject(&rows, &object);) ReadObject(object);
  }

  // Returns false at the end; refuses rows that are not JSON objects on the way.
  bool NextObject(JsonRows* rows, JsonField* object) {
    while (true) {
      try {
        return rows->Next(object);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kInvalidArgument) throw;
        RefuseUnread(rows->where(), error);
      }
    }
  }

  // Detects the format by the first rows, which are then parsed again from their text.
  void Detect(JsonRows* rows) {
    struct Peeked {
      std::string where, text;
      simdjson::dom::parser parser;
      std::optional<Error> error;
    };
    std::vector<std::unique_ptr<Peeked>> peeked;
    std::vector<JsonField> objects;
    while (objects.size() < kObjectsToDetectBy && peeked.size() < kRowsToDetectBy) {
      auto row = std::make_unique<Peeked>();
      JsonField ignored;
      try {
        if (!rows->Next(&ignored)) break;
        row->where = rows->where();
        row->text = rows->text();
        objects.push_back(ParseJsonObject(row->text, row->where, &row->parser));
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kInvalidArgument) throw;
        row->where = rows->where();
        row->error = error;
      }
      peeked.push_back(std::move(row));
    }
    if (objects.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  StrCat(rows->name(), ": cannot detect the format: no row is a JSON object",
                         peeked.empty() ? "" : StrCat("; ", peeked[0]->error->what()),
                         "; name the format, as text for plain text"));
    }
    Use(DetectFormat(objects));
    report_.detected = true;
    size_t next = 0;
    for (const auto& row : peeked) {
      if (row->error) {
        RefuseUnread(row->where, *row->error);
      } else {
        ReadObject(objects[next++]);
      }
    }
  }

  // Refuses a row that did not reach its reader.
  void RefuseUnread(std::string_view where, const Error& error) {
    ++next_row_;
    ++report_.rows_in;
    Refuse(where, error);
  }

  void ReadObject(const JsonField& object) {
    if (format_->unpack == nullptr) {
      ReadRow({object.where, next_row_, {object}, {}});
      return;
    }
    std::vector<std::vector<JsonField>> rows;
    try {
      rows = format_->unpack(object);
      if (rows.empty()) RefuseField(object, "holds no rows");
    } catch (const Error& error) {
      RefuseUnread(object.where, error);
      return;
    }
    for (std::vector<JsonField>& row : rows) {
      ReadRow({object.where, next_row_, std::move(row), {}});
    }
  }

  void ReadRow(const Row& row) {
    ++next_row_;
    ++report_.rows_in;
    RowTraces read;
    try {
      read = format_->read(row, options_.read);
      for (const Trace& trace : read.traces) CheckTrace(row.where, trace);
      for (const Trace& trace : read.references) CheckTrace(row.where, trace);
      TakeIds(row.where, &read);
    } catch (const Error& error) {
      Refuse(row.where, error);
      return;
    }
    for (Trace& trace : read.traces) Write(&trace);
    for (Trace& trace : read.references) Write(&trace);
    ++report_.rows_out;
    if (options_.on_progress) options_.on_progress(report_);
  }

  // Takes all ids of the row, or none. References seen before are removed.
  void TakeIds(std::string_view where, RowTraces* read) {
    const size_t shared = std::erase_if(
        read->references, [this](const Trace& trace) { return ids_.Contains(ContentOf(trace)); });
    if (shared > 0) report_.left_out["references that came before"] += int64_t(shared);
    std::vector<std::string_view> ids;
    for (const Trace& trace : read->traces) ids.push_back(trace.id);
    for (const Trace& trace : read->references) ids.push_back(trace.id);
    const auto refuse = [where](std::string_view id) {
      RefuseTrace(where, StrCat("id: ", Quoted(id), " came before"));
    };
    if (ids.size() == 1) {
      if (!ids_.Insert(ids[0])) refuse(ids[0]);
    } else {
      std::sort(ids.begin(), ids.end());
      const auto twice = std::adjacent_find(ids.begin(), ids.end());
      if (twice != ids.end()) refuse(*twice);
      for (const std::string_view id : ids) {
        if (ids_.Contains(id)) refuse(id);
      }
      for (const std::string_view id : ids) ids_.Insert(id);
    }
    for (const Trace& trace : read->references) ids_.Insert(ContentOf(trace));
  }

  void Write(Trace* trace) {
    ApplyPolicy(options_.policy, trace, &report_.changed);
    write_(*trace);
    ++report_.traces;
    report_.CountLabels(*trace);
  }

  void Refuse(std::string_view where, const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument || options_.strict) throw error;
    const Refusal refusal{std::string(where), error.what()};
    report_.Refuse(refusal);
    if (options_.on_refusal) options_.on_refusal(refusal);
  }

  const ImportOptions& options_;
  const std::function<void(const Trace&)>& write_;
  const Format* format_ = nullptr;
  IdSet ids_;
  int64_t next_row_ = 0;
  ConversionReport report_;
};

}  // namespace

ConversionReport ImportTraces(const std::filesystem::path& in, const ImportOptions& options,
                              const std::function<void(const Trace&)>& write) {
  return Importer(options, write).Run(in);
}

}  // namespace prm
