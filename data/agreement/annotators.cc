#include "data/agreement/annotators.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/text_io.h"
#include "data/text/ascii.h"
#include "data/trace.h"

namespace prm {
namespace {

// --- reading ------------------------------------------------------------------------------------

// A text that is safe in a list and in a log.
std::string ReadName(const JsonField& field) {
  const std::string text = ReadString(field);
  if (IsBlank(text)) RefuseValue(field, "a text that is not blank");
  if (HasControlCharacter(text)) RefuseValue(field, "a text without control characters");
  return text;
}

template <class T, class ReadItem>
std::vector<T> ReadList(const JsonField& field, ReadItem read) {
  std::vector<T> items;
  size_t index = 0;
  for (const JsonElement element : ReadArray(field)) {
    const JsonField item = field.Item(index++, element);
    items.push_back(read(item));
    if constexpr (requires { items.back() == items.back(); }) {
      if (std::count(items.begin(), items.end(), items.back()) > 1) {
        RefuseValue(item, "each item once");
      }
    }
  }
  return items;
}

AnnotatorRole ReadRole(const JsonField& field) {
  const std::string name = ReadString(field);
  const auto found = std::find(std::begin(kRoleNames), std::end(kRoleNames), name);
  if (found == std::end(kRoleNames)) {
    RefuseValue(field, "one of annotator, author, reviewer, adjudicator");
  }
  return AnnotatorRole(found - std::begin(kRoleNames));
}

UtcTime ReadTime(const JsonField& field) {
  const std::optional<UtcTime> time = ParseUtcTime(ReadString(field));
  if (!time) RefuseValue(field, "a date as 2026-03-01 or 2026-03-01T12:00:00Z");
  return *time;
}

// A mistyped field would silently remove a rule, so unknown fields are refused.
void RefuseOthers(const std::vector<JsonField>& others) {
  if (!others.empty()) RefuseField(others.front(), "not a field of this record");
}

Credential ReadCredential(const JsonField& field) {
  static constexpr std::array<std::string_view, 5> kNames = {"domain", "issuer", "evidence",
                                                             "issued", "expires"};
  if (!field.value.is_object()) RefuseValue(field, "a credential");
  std::vector<JsonField> others;
  const std::vector<JsonMember> members = ReadMembers(field, kNames, &others);
  RefuseOthers(others);
  Credential credential;
  credential.domain = ReadName(Required(members[0], kNames[0], field));
  credential.issuer = ReadName(Required(members[1], kNames[1], field));
  credential.evidence = ReadName(Required(members[2], kNames[2], field));
  credential.issued = ReadTime(Required(members[3], kNames[3], field));
  if (!members[4].present) RefuseField(field, "expires: expected a date, or null for none");
  if (members[4].has_value()) {
    credential.expires = ReadTime(members[4].field);
    if (*credential.expires <= credential.issued) {
      RefuseValue(members[4].field, "a time after " + FormatUtcTime(credential.issued));
    }
  }
  return credential;
}

// --- deciding -----------------------------------------------------------------------------------

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return !item.empty() && std::find(list.begin(), list.end(), item) != list.end();
}

bool IsValid(const Credential& credential, UtcTime at) {
  return credential.issued <= at && (!credential.expires || at < *credential.expires);
}

// Empty if a credential is valid at that time; else the reason, which names the one valid last.
std::string WhyNoCredential(const AnnotatorRecord& annotator, const std::string& domain,
                            UtcTime at) {
  const Credential* last_expired = nullptr;
  const Credential* next = nullptr;
  for (const Credential& credential : annotator.credentials) {
    if (credential.domain != domain) continue;
    if (IsValid(credential, at)) return "";
    if (credential.issued > at) {
      if (next == nullptr || credential.issued < next->issued) next = &credential;
    } else if (last_expired == nullptr || *credential.expires > *last_expired->expires) {
      last_expired = &credential;
    }
  }
  if (last_expired != nullptr) {
    return StrCat("credential for ", domain, " expired on ", FormatUtcTime(*last_expired->expires));
  }
  if (next != nullptr) {
    return StrCat("credential for ", domain, " is valid from ", FormatUtcTime(next->issued));
  }
  return "no credential for " + domain;
}

std::string ConflictOf(const AnnotatorRecord& annotator, const LabelTask& task) {
  if (task.author == annotator.id) return "wrote this trace";
  if (Contains(task.labelled_by, annotator.id)) return "labelled this trace";
  if (Contains(annotator.conflicts, task.author)) return "conflict of interest with its author";
  if (Contains(annotator.conflicts, task.source)) return "conflict of interest with its source";
  if (task.role != AnnotatorRole::kAnnotator) {
    for (const std::string& other : task.labelled_by) {
      if (Contains(annotator.conflicts, other)) {
        return "conflict of interest with who labelled it";
      }
    }
  }
  return "";
}

std::string RolesOf(const AnnotatorRecord& annotator) {
  std::string roles;
  for (const AnnotatorRole role : annotator.roles) {
    roles += (roles.empty() ? "" : ",") + std::string(kRoleNames[size_t(role)]);
  }
  return roles.empty() ? "-" : roles;
}

std::string CredentialState(const AnnotatorRecord& annotator, const std::string& domain,
                            UtcTime at) {
  std::string why = WhyNoCredential(annotator, domain, at);
  if (!why.empty()) return why;
  std::optional<UtcTime> until;
  for (const Credential& credential : annotator.credentials) {
    if (credential.domain != domain || !IsValid(credential, at)) continue;
    if (!credential.expires) return "valid";
    until = std::max(until.value_or(*credential.expires), *credential.expires);
  }
  return "valid until " + FormatUtcTime(*until);
}

}  // namespace

std::optional<UtcTime> ParseUtcTime(std::string_view text) {
  using std::chrono::day, std::chrono::month, std::chrono::year;
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != 10 && text.size() != kShape.size()) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !is_digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto number = [&](size_t at, size_t digits) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + digits, value);
    return value;
  };
  const std::chrono::year_month_day date{year(number(0, 4)), month(unsigned(number(5, 2))),
                                         day(unsigned(number(8, 2)))};
  if (!date.ok()) return std::nullopt;
  UtcTime time = std::chrono::sys_days(date);
  if (text.size() == 10) return time;
  const int hours = number(11, 2), minutes = number(14, 2), seconds = number(17, 2);
  if (hours > 23 || minutes > 59 || seconds > 59) return std::nullopt;
  return time + std::chrono::hours(hours) + std::chrono::minutes(minutes) +
         std::chrono::seconds(seconds);
}

std::string FormatUtcTime(UtcTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  const auto padded = [](long value, size_t digits) {
    std::string text = std::to_string(value);
    return std::string(digits > text.size() ? digits - text.size() : 0, '0') + text;
  };
  std::string text = padded(int(date.year()), 4) + "-" + padded(unsigned(date.month()), 2) + "-" +
                     padded(unsigned(date.day()), 2);
  if (time == days) return text;
  return text + "T" + padded(clock.hours().count(), 2) + ":" + padded(clock.minutes().count(), 2) +
         ":" + padded(clock.seconds().count(), 2) + "Z";
}

AnnotatorRecord ParseAnnotator(std::string_view json, std::string_view where) {
  static constexpr std::array<std::string_view, 6> kNames = {"id",      "active",      "roles",
                                                             "domains", "credentials", "conflicts"};
  simdjson::dom::parser parser;
  const JsonField object = ParseJsonObject(json, where, &parser);
  std::vector<JsonField> others;
  const std::vector<JsonMember> members = ReadMembers(object, kNames, &others);
  RefuseOthers(others);
  AnnotatorRecord record;
  record.id = ReadName(Required(members[0], kNames[0], object));
  if (members[1].has_value()) record.active = ReadBool(members[1].field);
  record.roles = ReadList<AnnotatorRole>(Required(members[2], kNames[2], object), ReadRole);
  record.domains = ReadList<std::string>(Required(members[3], kNames[3], object), ReadName);
  const JsonField& credentials = Required(members[4], kNames[4], object);
  record.credentials = ReadList<Credential>(credentials, ReadCredential);
  for (size_t i = 0; i < record.credentials.size(); ++i) {
    if (Contains(record.domains, record.credentials[i].domain)) continue;
    RefuseField(credentials, StrCat("[", i, "].domain: \"", record.credentials[i].domain,
                                    "\" is not among the domains"));
  }
  if (members[5].has_value()) {
    record.conflicts = ReadList<std::string>(members[5].field, ReadName);
  }
  return record;
}

AnnotatorsFile ReadAnnotators(const std::filesystem::path& path) {
  AnnotatorsFile file;
  std::set<std::string> ids;
  LineReader lines(path);
  std::string_view line;
  while (lines.Next(&line)) {
    if (IsBlank(line)) continue;
    const std::string where = StrCat(lines.name(), ":", lines.line_number());
    try {
      AnnotatorRecord record = ParseAnnotator(line, where);
      if (ids.insert(record.id).second) {
        file.annotators.push_back(std::move(record));
      } else {
        file.refused.push_back(where + ": id: \"" + record.id + "\" comes twice");
      }
    } catch (const Error& error) {
      file.refused.push_back(error.what());
    }
  }
  return file;
}

LabelPermit MayLabel(const AnnotatorRecord& annotator, const LabelTask& task, UtcTime at) {
  const auto refused = [](std::string reason) { return LabelPermit{false, std::move(reason)}; };
  if (!annotator.active) return refused("not active");
  if (std::find(annotator.roles.begin(), annotator.roles.end(), task.role) ==
      annotator.roles.end()) {
    return refused("not in the role of " + std::string(kRoleNames[size_t(task.role)]));
  }
  if (!Contains(annotator.domains, task.domain)) {
    return refused("does not work in the domain \"" + task.domain + "\"");
  }
  if (std::string why = WhyNoCredential(annotator, task.domain, at); !why.empty()) {
    return refused(std::move(why));
  }
  if (std::string why = ConflictOf(annotator, task); !why.empty()) return refused(std::move(why));
  return {true, ""};
}

std::string ListAnnotators(const std::vector<AnnotatorRecord>& annotators, UtcTime at,
                           const std::string& domain) {
  std::vector<std::array<std::string, 5>> rows = {
      {"annotator", "active", "roles", "domain", "credential"}};
  for (const AnnotatorRecord& annotator : annotators) {
    for (const std::string& of : annotator.domains) {
      if (!domain.empty() && of != domain) continue;
      rows.push_back({annotator.id, annotator.active ? "yes" : "no", RolesOf(annotator), of,
                      CredentialState(annotator, of, at)});
    }
  }
  std::array<size_t, 5> widths = {};
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string list;
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      list += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    list += row.back() + "\n";
  }
  return list;
}

}  // namespace prm
