#include "data/report/html_pictures.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"

namespace prm {
namespace {

constexpr int kColours = 6;
constexpr int kHeatSteps = 9;

[[noreturn]] void Refuse(const std::string& title, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("picture \"", title, "\": ", what));
}

void NeedFinite(const std::string& title, double value) {
  if (!std::isfinite(value)) Refuse(title, "expected finite numbers");
}

void NeedSize(const std::string& title, const char* what, size_t expected, size_t got) {
  if (expected != got) Refuse(title, StrCat("expected ", expected, " ", what, ", got ", got));
}

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

size_t CharactersOf(const std::string& text) {
  return size_t(std::count_if(text.begin(), text.end(), StartsCharacter));
}

// At most `most` characters; the last is an ellipsis if text was cut.
std::string Clip(const std::string& text, size_t most) {
  if (CharactersOf(text) <= most) return text;
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end) {
    if (StartsCharacter(text[end]) && ++seen == most) break;
  }
  return text.substr(0, end) + "…";
}

std::string Number(double value) { return FormatFixed(value, 2); }
std::string Share(double share) { return FormatFixed(100 * share, 3) + "%"; }

std::string TitleOf(const std::string& text) { return "<title>" + EscapeHtml(text) + "</title>"; }

// x is "12" or "50%"; `anchor` start, middle or end.
std::string Text(const std::string& x, double y, const std::string& text,
                 const std::string& classes = "", const char* anchor = "start") {
  return StrCat("<text x=\"", x, "\" y=\"", Number(y), "\" text-anchor=\"", anchor, "\"",
                classes.empty() ? "" : " class=\"" + classes + "\"", ">", EscapeHtml(text),
                "</text>\n");
}

std::string Rect(const std::string& x, double y, const std::string& width, double height,
                 const std::string& classes, const std::string& title, int radius = 2) {
  return StrCat("<rect x=\"", x, "\" y=\"", Number(y), "\" width=\"", width, "\" height=\"",
                Number(height), "\" rx=\"", radius, "\" class=\"", classes, "\">", TitleOf(title),
                "</rect>\n");
}

// `width` is "100%" or pixels.
std::string Frame(const std::string& title, const std::string& width, double height,
                  const std::string& content) {
  return StrCat("<svg role=\"img\" aria-label=\"", EscapeHtml(title), "\" width=\"", width,
                "\" height=\"", Number(height), "\">", TitleOf(title), "\n", content, "</svg>\n");
}

// Names with their colours in two columns; adds its height to *y.
std::string Legend(const std::vector<std::string>& names, double* y) {
  std::string svg;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool is_left = i % 2 == 0;
    svg += Rect(is_left ? "0" : "50%", *y, "12", 12, StrCat("s", i % kColours), names[i]);
    svg += StrCat("<svg x=\"", is_left ? "0" : "50%", "\" y=\"", Number(*y),
                  "\" overflow=\"visible\">", Text("18", 10.5, Clip(names[i], 24)), "</svg>\n");
    if (!is_left || i + 1 == names.size()) *y += 20;
  }
  return svg;
}

// Ends stay inside the picture.
const char* AnchorAt(double share) {
  return share < 0.1 ? "start" : share > 0.9 ? "end" : "middle";
}

std::string VerticalLine(double share, double top, double bottom, const char* classes) {
  return StrCat("<line x1=\"", Share(share), "\" x2=\"", Share(share), "\" y1=\"", Number(top),
                "\" y2=\"", Number(bottom), "\" class=\"", classes, "\"/>\n");
}

std::string HorizontalLine(double y) {
  return StrCat("<line x1=\"0\" x2=\"100%\" y1=\"", Number(y), "\" y2=\"", Number(y),
                "\" class=\"grid\"/>\n");
}

// --- bars ----------------------------------------------------------------------------------------

// Sums of the series, one per category.
std::vector<double> CheckedTotals(const BarChart& chart) {
  std::vector<double> totals(chart.categories.size(), 0);
  for (const BarSeries& series : chart.series) {
    NeedSize(chart.title, "values a series", totals.size(), series.values.size());
    for (size_t i = 0; i < totals.size(); ++i) {
      NeedFinite(chart.title, series.values[i]);
      if (series.values[i] < 0) Refuse(chart.title, "expected bars that are not negative");
      totals[i] += series.values[i];
    }
  }
  return totals;
}

std::string Labelled(const BarChart& chart, double value) {
  return FormatFixed(value, chart.decimals) + chart.unit;
}

std::string Bar(const BarChart& chart, size_t category, double full, double y) {
  constexpr double kHeight = 18;
  constexpr double kShareOfText = 0.12;  // a narrower part has no room for its number
  const bool is_stacked = chart.series.size() > 1;
  std::string svg = Rect("0", y, "100%", kHeight, "track", chart.categories[category]);
  double from = 0;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const double value = chart.series[s].values[category];
    if (value == 0) continue;
    const double share = std::min(value / full, 1 - from);
    const std::string colour = StrCat("s", s % kColours);
    svg += Rect(Share(from), y, Share(share), kHeight, colour,
                StrCat(chart.categories[category], is_stacked ? ", " + chart.series[s].name : "",
                       ": ", Labelled(chart, value)),
                is_stacked ? 0 : 2);
    if (is_stacked && share >= kShareOfText) {
      svg += Text(Share(from + share / 2), y + 13, Labelled(chart, value), colour + "t", "middle");
    }
    from += share;
  }
  return svg;
}

// --- heat map
// --------------------------------------------------------------------------------------

// Splits "correct_necessary" into {"correct_", "necessary"}: no line is longer than `most`, except
// that a longer single word is clipped.
std::vector<std::string> Lines(const std::string& text, size_t most) {
  std::vector<std::string> lines = {""};
  std::string word;
  const auto add_word = [&] {
    if (!lines.back().empty() && CharactersOf(lines.back() + word) > most) lines.emplace_back();
    lines.back() += word;
    word.clear();
  };
  for (const char c : text) {
    word += c;
    if (c == ' ' || c == '_' || c == '-' || c == '/') add_word();
  }
  add_word();
  for (std::string& line : lines) line = Clip(line, most);
  constexpr size_t kMostLines = 3;
  if (lines.size() > kMostLines) {
    lines.resize(kMostLines);
    lines.back() = Clip(lines.back() + "……", CharactersOf(lines.back()) + 1);
  }
  return lines;
}

struct HeatScale {
  double low = 0, high = 0;
  int StepOf(double value) const {
    if (high <= low) return 0;
    const double share = std::clamp((value - low) / (high - low), 0.0, 1.0);
    return int(std::lround(share * (kHeatSteps - 1)));
  }
};

HeatScale CheckedScale(const HeatMap& map) {
  NeedSize(map.title, "rows of values", map.rows.size(), map.values.size());
  HeatScale scale{map.low.value_or(0), map.high.value_or(0)};
  for (const auto& row : map.values) {
    NeedSize(map.title, "values a row", map.columns.size(), row.size());
    for (const std::optional<double>& value : row) {
      if (!value) continue;
      NeedFinite(map.title, *value);
      if (!map.low) scale.low = std::min(scale.low, *value);
      if (!map.high) scale.high = std::max(scale.high, *value);
    }
  }
  if (!map.notes.empty()) {
    NeedSize(map.title, "rows of notes", map.rows.size(), map.notes.size());
    for (const auto& row : map.notes) {
      NeedSize(map.title, "notes a row", map.columns.size(), row.size());
    }
  }
  return scale;
}

constexpr double kCharacterWidth = 6.8;  // of the style's 12 px, on average
constexpr double kLineHeight = 14;

std::string HeatCell(const HeatMap& map, const HeatScale& scale, size_t row, size_t column,
                     double x, double y, double width, double height) {
  const std::optional<double>& value = map.values[row][column];
  const std::string text = value ? FormatFixed(*value, map.decimals) : "–";
  std::string title = StrCat(map.rows[row], ", ", map.columns[column], ": ",
                             value ? text : std::string("no value"));
  if (!map.notes.empty() && !map.notes[row][column].empty()) {
    title += " (" + map.notes[row][column] + ")";
  }
  const std::string colour = StrCat("h", value ? scale.StepOf(*value) : 0);
  return Rect(Number(x), y, Number(width - 2), height - 2, colour, title, 3) +
         Text(Number(x + width / 2 - 1), y + height / 2 + 3, text, colour + "t", "middle");
}

// --- intervals
// -------------------------------------------------------------------------------------

struct IntervalScale {
  double low = 0, high = 1;
  bool has_label_lines = false;  // a single line with label and figures would be too long
  double Place(double value) const { return (value - low) / (high - low); }
  bool Holds(double value) const { return value >= low && value <= high; }
};

IntervalScale CheckedScale(const IntervalPlot& plot) {
  IntervalScale scale{plot.low, plot.high};
  for (const IntervalRow& row : plot.rows) {
    if (row.low.has_value() != row.high.has_value()) {
      Refuse(plot.title, "expected both ends of an interval or none");
    }
    for (const std::optional<double>& value : {row.estimate, row.low, row.high}) {
      if (!value) continue;
      NeedFinite(plot.title, *value);
      scale.low = std::min(scale.low, *value);
      scale.high = std::max(scale.high, *value);
    }
  }
  for (const auto& [value, unused] : plot.marks) NeedFinite(plot.title, value);
  if (scale.high <= scale.low) scale.high = scale.low + 1;
  return scale;
}

std::string Figures(const IntervalPlot& plot, const IntervalRow& row) {
  if (!row.estimate) return row.note;
  std::string figures = FormatFixed(*row.estimate, plot.decimals);
  if (row.low) {
    figures += StrCat(" [", FormatFixed(*row.low, plot.decimals), ", ",
                      FormatFixed(*row.high, plot.decimals), "]");
  }
  return figures;
}

constexpr size_t kRoom = 46;  // characters across the narrowest window

bool HasLabelLines(const IntervalPlot& plot) {
  return std::any_of(plot.rows.begin(), plot.rows.end(), [&](const IntervalRow& row) {
    return CharactersOf(row.label) + CharactersOf(Figures(plot, row)) > kRoom - 2;
  });
}

// Label, figures and interval; adds its height to *y.
std::string IntervalRowSvg(const IntervalPlot& plot, const IntervalRow& row,
                           const IntervalScale& scale, double* y) {
  const std::string figures = Figures(plot, row);
  std::string svg = "<g>" + TitleOf(row.label + ": " + figures +
                                    (row.estimate && !row.note.empty() ? " " + row.note : ""));
  svg += Text("0", *y + 14, Clip(row.label, kRoom));
  if (scale.has_label_lines) *y += 16;
  svg += Text("100%", *y + 14, Clip(figures, kRoom), row.estimate ? "" : "dim", "end");
  const double line = *y + 28;
  svg += HorizontalLine(line);
  for (const auto& [value, unused] : plot.marks) {
    if (scale.Holds(value)) svg += VerticalLine(scale.Place(value), line - 8, line + 8, "mark");
  }
  if (row.low) {
    svg += StrCat("<line x1=\"", Share(scale.Place(*row.low)), "\" x2=\"",
                  Share(scale.Place(*row.high)), "\" y1=\"", Number(line), "\" y2=\"", Number(line),
                  "\" class=\"wide\"/>\n");
  }
  if (row.estimate) {
    svg += StrCat("<circle cx=\"", Share(scale.Place(*row.estimate)), "\" cy=\"", Number(line),
                  "\" r=\"5\" class=\"dot\"/>\n");
  }
  *y = line + 14;
  return svg + "</g>\n";
}

}  // namespace

std::string BarChartSvg(const BarChart& chart) {
  const std::vector<double> totals = CheckedTotals(chart);
  double full = chart.full;
  for (const double total : totals) full = std::max(full, total);
  if (full <= 0) full = 1;
  std::string svg;
  double y = 0;
  if (chart.series.size() > 1) {
    std::vector<std::string> names;
    for (const BarSeries& series : chart.series) names.push_back(series.name);
    svg += Legend(names, &y);
    y += 8;
  }
  for (size_t i = 0; i < totals.size(); ++i) {
    svg += Text("0", y + 12, Clip(chart.categories[i], 34));
    svg += Text("100%", y + 12, Labelled(chart, totals[i]), "", "end");
    svg += Bar(chart, i, full, y + 18);
    y += 46;
  }
  return Frame(chart.title, "100%", y, svg);
}

std::string HeatMapSvg(const HeatMap& map) {
  const HeatScale scale = CheckedScale(map);
  constexpr size_t kMostCharacters = 16;
  size_t row_characters = 0, column_characters = 5, column_lines = 1;
  for (const std::string& row : map.rows) {
    for (const std::string& line : Lines(row, kMostCharacters)) {
      row_characters = std::max(row_characters, CharactersOf(line));
    }
  }
  for (const std::string& column : map.columns) {
    const auto lines = Lines(column, 11);
    column_lines = std::max(column_lines, lines.size());
    for (const std::string& line : lines) {
      column_characters = std::max(column_characters, CharactersOf(line));
    }
  }
  for (const auto& row : map.values) {
    for (const std::optional<double>& value : row) {
      if (!value) continue;
      column_characters = std::max(column_characters, FormatFixed(*value, map.decimals).size());
    }
  }
  const double gutter = double(row_characters) * kCharacterWidth + 10;
  const double width = double(column_characters) * kCharacterWidth + 8, height = 46;
  std::string svg;
  double top = 0;
  if (!map.row_title.empty() || !map.column_title.empty()) {
    svg += Text("0", 11, StrCat("↓ ", map.row_title, "   → ", map.column_title), "dim");
    top += 24;
  }
  top += double(column_lines) * kLineHeight + 4;
  for (size_t c = 0; c < map.columns.size(); ++c) {
    const auto lines = Lines(map.columns[c], 11);
    const double x = gutter + (double(c) + 0.5) * width - 1;
    for (size_t i = 0; i < lines.size(); ++i) {
      svg += Text(Number(x), top - 6 - double(lines.size() - 1 - i) * kLineHeight, lines[i], "",
                  "middle");
    }
  }
  for (size_t r = 0; r < map.rows.size(); ++r) {
    const double y = top + double(r) * height;
    const auto lines = Lines(map.rows[r], kMostCharacters);
    for (size_t i = 0; i < lines.size(); ++i) {
      const double middle = (double(i) - double(lines.size() - 1) / 2) * kLineHeight;
      svg += Text(Number(gutter - 8), y + height / 2 + 3 + middle, lines[i], "", "end");
    }
    for (size_t c = 0; c < map.columns.size(); ++c) {
      svg += HeatCell(map, scale, r, c, gutter + double(c) * width, y, width, height);
    }
  }
  return Frame(map.title, Number(gutter + double(map.columns.size()) * width),
               top + double(map.rows.size()) * height, svg);
}

std::string IntervalPlotSvg(const IntervalPlot& plot) {
  IntervalScale scale = CheckedScale(plot);
  scale.has_label_lines = HasLabelLines(plot);
  std::string svg;
  double y = 0;
  for (const auto& [value, label] : plot.marks) {
    if (scale.Holds(value)) {
      svg += Text(Share(scale.Place(value)), 11, label, "dim", AnchorAt(scale.Place(value)));
    }
    y = 20;
  }
  for (const IntervalRow& row : plot.rows) svg += IntervalRowSvg(plot, row, scale, &y);
  y += 4;
  for (int tick = 0; tick <= 4; ++tick) {
    const double share = tick / 4.0;
    svg += VerticalLine(share, y, y + 5, "grid");
    svg += Text(Share(share), y + 18, FormatFixed(scale.low + share * (scale.high - scale.low), 2),
                "dim", AnchorAt(share));
  }
  return Frame(plot.title, "100%", y + 24, svg);
}

}  // namespace prm
