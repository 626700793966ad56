// One self-contained HTML page for a report: loads nothing from outside and runs no script.
// Readable from 375 px on, in light and dark, with contrast AA. Pictures:
// data/report/html_pictures.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prm {

// Escapes `text` for an element's content or a quoted attribute. Control characters (except tab and
// newline) and bytes that are not UTF-8 become U+FFFD.
std::string EscapeHtml(std::string_view text);

// "0.744", "-3"; never "-0". `decimals` in [0, 12]; a number that is not finite gives "undefined".
std::string FormatFixed(double number, int decimals);
// "1,234,567".
std::string FormatCount(int64_t number);
// "81.8 %" of 0.818.
std::string FormatPercent(double share, int decimals = 1);

// The meaning of a value to its reader; shown by colour and by a sign before the text.
enum class Tone : uint8_t { kPlain, kGood, kWarning, kBad, kMuted };

// A key figure.
struct HtmlTile {
  std::string label;
  std::string value;
  std::string note = {};  // empty: none
  Tone tone = Tone::kPlain;
};

struct HtmlCell {
  HtmlCell(std::string text) : text(std::move(text)) {}  // NOLINT: a text is a cell
  HtmlCell(const char* text) : text(text) {}             // NOLINT
  HtmlCell(std::string text, Tone tone) : text(std::move(text)), tone(tone) {}
  std::string text;
  Tone tone = Tone::kPlain;
};

struct HtmlColumn {
  HtmlColumn(std::string title, bool numeric = false)  // NOLINT
      : title(std::move(title)), numeric(numeric) {}
  HtmlColumn(const char* title) : title(title) {}  // NOLINT
  std::string title;
  bool numeric = false;  // right-aligned, digits of equal width
};

// The first cell of a row is its heading.
struct HtmlTable {
  std::string caption;  // empty: none
  std::vector<HtmlColumn> columns;
  std::vector<std::vector<HtmlCell>> rows = {};
  bool folded = false;  // collapsed until the reader opens it; needs a caption
};

// `svg` comes from data/report/html_pictures.h and is inserted unescaped.
struct HtmlFigure {
  std::string caption;
  std::string svg;
};

// The page, from top to bottom. All texts are escaped here. Used by one thread at a time.
class HtmlReport {
 public:
  // `subtitle` may be empty.
  explicit HtmlReport(std::string title, std::string subtitle = "");

  // Starts a section; its heading is listed in the contents.
  void Section(std::string_view heading);
  void Heading(std::string_view heading);
  void Paragraph(std::string_view text);
  // A highlighted paragraph, such as a warning or a result.
  void Note(std::string_view text, Tone tone);
  void List(const std::vector<std::string>& items);
  void Tiles(const std::vector<HtmlTile>& tiles);
  // Throws Error(kInternal) if a row does not have one cell per column.
  void Table(const HtmlTable& table);
  // Side by side if the window is wide enough.
  void Figures(const std::vector<HtmlFigure>& figures);
  void Figure(std::string caption, std::string svg) {
    Figures({{std::move(caption), std::move(svg)}});
  }

  std::string Html() const;

 private:
  std::string title_;
  std::string subtitle_;
  std::vector<std::string> sections_;
  std::string body_;
};

}  // namespace prm
