#include "data/report/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <string>

#include "data/report/html_style.h"
#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HtmlReport, NoTextBecomesMarkup) {
  const std::string hostile = "<script>\"a\"&'b'</script>";
  const std::string escaped = "&lt;script&gt;&quot;a&quot;&amp;&#39;b&#39;&lt;/script&gt;";
  EXPECT_EQ(EscapeHtml(hostile), escaped);
  HtmlReport report(hostile, hostile);
  report.Section(hostile);
  report.Section("second");
  report.Heading(hostile);
  report.Paragraph(hostile);
  report.Note(hostile, Tone::kBad);
  report.List({hostile});
  report.Tiles({{hostile, hostile, hostile, Tone::kGood}});
  report.Table({hostile, {hostile}, {{hostile}, {{hostile, Tone::kWarning}}}, true});
  report.Table({hostile, {hostile}, {}, false});
  report.Figure(hostile, "<svg></svg>");
  EXPECT_THAT(report.Html(), Not(HasSubstr("<script")));
  EXPECT_THAT(report.Html(), Not(HasSubstr("\"a\"")));
}

TEST(HtmlReport, BytesThatAreNoTextAreShownAsReplaced) {
  EXPECT_EQ(EscapeHtml(std::string_view("a\0b\x01\xFFz\xC3", 7)), "a\uFFFDb\uFFFD\uFFFDz\uFFFD");
  EXPECT_EQ(EscapeHtml("tab\tline\nend \u00e9"), "tab\tline\nend \u00e9");
}

TEST(HtmlReport, LongNamesOfAFirstColumnMayBreak) {
  HtmlReport report("t");
  report.Table({"rules", {"a_title", "b"}, {{"many_long_words", {"x_y", Tone::kWarning}}}, false});
  EXPECT_THAT(report.Html(), HasSubstr(">many_<wbr>long_<wbr>words</th>"));
  EXPECT_THAT(report.Html(), HasSubstr(">a_<wbr>title</th>"));
  EXPECT_THAT(report.Html(), HasSubstr(">x_y</span></td>"));
}

TEST(HtmlReport, NothingIsLoadedFromOutside) {
  HtmlReport report("t");
  report.Paragraph("p");
  const std::string html = report.Html();
  for (const char* outside : {"http", "url(", "@import", "<link", "<script", "src="}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
}

TEST(HtmlReport, NumbersReadAsTheyAre) {
  EXPECT_EQ(FormatFixed(0.74342, 3), "0.743");
  EXPECT_EQ(FormatFixed(-0.0001, 3), "0.000");
  EXPECT_EQ(FormatFixed(-2.5, 1), "-2.5");
  EXPECT_EQ(FormatFixed(std::numeric_limits<double>::max(), 12).substr(0, 4), "1797");
  EXPECT_EQ(FormatFixed(std::nan(""), 3), "undefined");
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatPercent(0.81818), "81.8 %");
  EXPECT_EQ(FormatPercent(HUGE_VAL), "undefined");
}

TEST(HtmlReport, ARowWithAnotherNumberOfCellsIsRefused) {
  HtmlReport report("t");
  EXPECT_THAT(MessageOf([&] {
                report.Table({"rules", {"a", "b"}, {{"1"}}});
              }),
              HasSubstr("\"rules\": expected 2 cells, got 1"));
}

// --- contrast ------------------------------------------------------------------------------------

using Colours = std::map<std::string, std::string>;

Colours ColoursIn(const std::string& css) {
  Colours colours;
  const std::regex variable("--([a-z0-9-]+): #([0-9a-f]{6});");
  for (std::sregex_iterator at(css.begin(), css.end(), variable), end; at != end; ++at) {
    colours[(*at)[1]] = (*at)[2];
  }
  return colours;
}

// Source: WCAG 2.2, "relative luminance".
double Luminance(const std::string& hex) {
  const double weights[] = {0.2126, 0.7152, 0.0722};
  double luminance = 0;
  for (size_t i = 0; i < 3; ++i) {
    const double c = std::stoi(hex.substr(2 * i, 2), nullptr, 16) / 255.0;
    luminance += weights[i] * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return luminance;
}

double Contrast(const std::string& a, const std::string& b) {
  const double x = Luminance(a), y = Luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

TEST(HtmlReport, EveryTextHasTheContrastOfAa) {
  EXPECT_NEAR(Contrast("000000", "ffffff"), 21, 1e-9);
  const std::string css(kHtmlStyle);
  const size_t dark = css.find("@media (prefers-color-scheme: dark)");
  ASSERT_NE(dark, css.npos);
  for (const std::string& part : {css.substr(0, dark), css.substr(dark)}) {
    const Colours colours = ColoursIn(part);
    ASSERT_EQ(colours.size(), 9u + 2 * (6 + 9));
    for (const char* text : {"ink", "muted", "accent", "good", "warning", "bad"}) {
      EXPECT_GE(Contrast(colours.at(text), colours.at("ground")), 4.5) << text;
      EXPECT_GE(Contrast(colours.at(text), colours.at("surface")), 4.5) << text;
    }
    for (const auto& [name, colour] : colours) {
      const auto text = colours.find(name + "-text");
      if (text != colours.end()) {
        EXPECT_GE(Contrast(colour, text->second), 4.5) << name;
      }
      // Marks that carry meaning, against their ground.
      if (name[0] == 's' && name.size() == 2) {
        EXPECT_GE(Contrast(colour, colours.at("surface")), 3) << name;
      }
    }
  }
}

}  // namespace
}  // namespace prm
