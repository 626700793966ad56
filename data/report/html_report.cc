#include "data/report/html_report.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "data/error.h"
#include "data/report/html_style.h"
#include "data/text/utf8.h"

namespace prm {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void EscapeValid(std::string_view text, std::string* html) {
  for (const char c : text) {
    switch (c) {
      case '&':
        *html += "&amp;";
        break;
      case '<':
        *html += "&lt;";
        break;
      case '>':
        *html += "&gt;";
        break;
      case '"':
        *html += "&quot;";
        break;
      case '\'':
        *html += "&#39;";
        break;
      default: {
        const bool is_control = (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') ||
                                static_cast<unsigned char>(c) == 0x7F;
        if (is_control) {
          *html += kReplacement;
        } else {
          *html += c;
        }
      }
    }
  }
}

std::string_view ToneClass(Tone tone) {
  static constexpr std::array<std::string_view, 5> kClasses = {"", "good", "warning", "bad",
                                                               "muted"};
  return kClasses[size_t(tone)];
}

std::string ClassAttribute(std::string_view first, std::string_view second = "") {
  std::string classes(first);
  if (!first.empty() && !second.empty()) classes += " ";
  classes += second;
  return classes.empty() ? "" : " class=\"" + classes + "\"";
}

// Toned text gets its own span, so that its sign is before it.
std::string Toned(const std::string& text, Tone tone) {
  if (tone == Tone::kPlain) return EscapeHtml(text);
  return "<span" + ClassAttribute(ToneClass(tone)) + ">" + EscapeHtml(text) + "</span>";
}

// Lets long identifiers break after underscores, so that columns can be narrow.
std::string BreakNames(const std::string& html) {
  std::string broken;
  for (const char c : html) {
    broken += c;
    if (c == '_') broken += "<wbr>";
  }
  return broken;
}

std::string SectionId(size_t index) { return "s" + std::to_string(index + 1); }

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string html;
  html.reserve(text.size() + text.size() / 8);
  while (const auto invalid = FindInvalidUtf8(text)) {
    EscapeValid(text.substr(0, *invalid), &html);
    html += kReplacement;
    text.remove_prefix(*invalid + 1);
  }
  EscapeValid(text, &html);
  return html;
}

std::string FormatFixed(double number, int decimals) {
  if (!std::isfinite(number)) return "undefined";
  std::array<char, 400> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number,
                                 std::chars_format::fixed, decimals);
  std::string formatted(text.data(), end.ptr);
  const bool is_zero = formatted.find_first_of("123456789") == formatted.npos;
  if (is_zero && formatted.front() == '-') formatted.erase(0, 1);
  return formatted;
}

std::string FormatCount(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string FormatPercent(double share, int decimals) {
  if (!std::isfinite(share)) return "undefined";
  return FormatFixed(100 * share, decimals) + " %";
}

HtmlReport::HtmlReport(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void HtmlReport::Section(std::string_view heading) {
  body_ += "<h2 id=\"" + SectionId(sections_.size()) + "\">" + EscapeHtml(heading) + "</h2>\n";
  sections_.emplace_back(heading);
}

void HtmlReport::Heading(std::string_view heading) {
  body_ += "<h3>" + EscapeHtml(heading) + "</h3>\n";
}

void HtmlReport::Paragraph(std::string_view text) { body_ += "<p>" + EscapeHtml(text) + "</p>\n"; }

void HtmlReport::Note(std::string_view text, Tone tone) {
  body_ += "<p" + ClassAttribute("note", ToneClass(tone)) + ">" + EscapeHtml(text) + "</p>\n";
}

void HtmlReport::List(const std::vector<std::string>& items) {
  body_ += "<ul>\n";
  for (const std::string& item : items) body_ += "<li>" + EscapeHtml(item) + "</li>\n";
  body_ += "</ul>\n";
}

void HtmlReport::Tiles(const std::vector<HtmlTile>& tiles) {
  body_ += "<dl class=\"tiles\">\n";
  for (const HtmlTile& tile : tiles) {
    body_ += "<div" + ClassAttribute("tile", ToneClass(tile.tone)) + "><dt>" +
             EscapeHtml(tile.label) + "</dt><dd>" + Toned(tile.value, tile.tone) + "</dd>";
    if (!tile.note.empty()) body_ += "<dd class=\"under\">" + EscapeHtml(tile.note) + "</dd>";
    body_ += "</div>\n";
  }
  body_ += "</dl>\n";
}

void HtmlReport::Table(const HtmlTable& table) {
  const auto number_class = [&](size_t column) {
    return table.columns[column].numeric ? ClassAttribute("n") : "";
  };
  if (table.folded) {
    body_ += "<details><summary>" + EscapeHtml(table.caption) + "</summary>\n";
  }
  // For scrolling by keyboard, the frame needs a tabindex and a name.
  body_ += "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" +
           EscapeHtml(table.caption.empty() ? "Table" : table.caption) + "\"><table>\n";
  if (!table.folded && !table.caption.empty()) {
    body_ += "<caption>" + EscapeHtml(table.caption) + "</caption>\n";
  }
  body_ += "<thead><tr>";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    body_ += "<th scope=\"col\"" + number_class(i) + ">" +
             BreakNames(EscapeHtml(table.columns[i].title)) + "</th>";
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const std::vector<HtmlCell>& row : table.rows) {
    if (row.size() != table.columns.size()) {
      throw Error(ErrorCode::kInternal, StrCat("table \"", table.caption, "\": expected ",
                                               table.columns.size(), " cells, got ", row.size()));
    }
    body_ += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      const char* tag = i == 0 ? "th" : "td";
      const std::string cell = Toned(row[i].text, row[i].tone);
      body_ += StrCat("<", tag, i == 0 ? " scope=\"row\"" : "", number_class(i), ">",
                      i == 0 ? BreakNames(cell) : cell, "</", tag, ">");
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
  if (table.folded) body_ += "</details>\n";
}

void HtmlReport::Figures(const std::vector<HtmlFigure>& figures) {
  body_ += "<div class=\"figures\">\n";
  for (const HtmlFigure& figure : figures) {
    body_ += "<figure><figcaption>" + EscapeHtml(figure.caption) +
             "</figcaption>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" +
             EscapeHtml(figure.caption) + "\">" + figure.svg + "</div></figure>\n";
  }
  body_ += "</div>\n";
}

std::string HtmlReport::Html() const {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";
  html += EscapeHtml(title_) + "</title>\n<style>\n";
  html += kHtmlStyle;
  html += "</style>\n</head>\n<body>\n<header><h1>" + EscapeHtml(title_) + "</h1>\n";
  if (!subtitle_.empty()) html += "<p class=\"subtitle\">" + EscapeHtml(subtitle_) + "</p>\n";
  html += "</header>\n";
  if (sections_.size() > 1) {
    html += "<nav aria-label=\"Contents\"><ul>\n";
    for (size_t i = 0; i < sections_.size(); ++i) {
      html += "<li><a href=\"#" + SectionId(i) + "\">" + EscapeHtml(sections_[i]) + "</a></li>\n";
    }
    html += "</ul></nav>\n";
  }
  return html + "<main>\n" + body_ + "</main>\n</body>\n</html>\n";
}

}  // namespace prm
