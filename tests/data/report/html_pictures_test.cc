#include "data/report/html_pictures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/error_of.h"

namespace prm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHostile = "<b>&\"x\"";

TEST(HtmlPictures, BarsAreAsLongAsTheirShareOfTheLongest) {
  const std::string svg = BarChartSvg({"t", {"a", "b"}, {{"n", {2, 8}}}});
  EXPECT_THAT(svg, HasSubstr("width=\"25.000%\""));
  EXPECT_THAT(svg, HasSubstr("width=\"100.000%\""));
  EXPECT_THAT(svg, HasSubstr("<title>b: 8</title>"));
  EXPECT_THAT(BarChartSvg({"t", {"a"}, {{"n", {2}}}, 8}), HasSubstr("width=\"25.000%\""));
}

TEST(HtmlPictures, StackedBarsFollowEachOther) {
  const std::string svg = BarChartSvg({"t", {"a"}, {{"one", {1}}, {"two", {3}}}});
  EXPECT_THAT(svg, HasSubstr("x=\"0.000%\" y=\"46.00\" width=\"25.000%\""));
  EXPECT_THAT(svg, HasSubstr("x=\"25.000%\" y=\"46.00\" width=\"75.000%\""));
  EXPECT_THAT(svg, HasSubstr("<title>a, two: 3</title>"));
}

TEST(HtmlPictures, CellsAreDarkerWithTheirValue) {
  const HeatMap map{"t", "gold", "given", {"r"}, {"a", "b", "c"}, {{{0.0}, {4.0}, {std::nullopt}}}};
  const std::string svg = HeatMapSvg(map);
  EXPECT_THAT(svg, HasSubstr("class=\"h0\"><title>r, a: 0</title>"));
  EXPECT_THAT(svg, HasSubstr("class=\"h8\"><title>r, b: 4</title>"));
  EXPECT_THAT(svg, HasSubstr("r, c: no value"));
}

TEST(HtmlPictures, IntervalsWidenTheScaleRatherThanLeaveIt) {
  const IntervalPlot plot{
      "t", {{"a", 0.5, 0.25, 0.75, ""}, {"b", {}, {}, {}, "undefined: why"}}, 0, 1, {{0.8, "bar"}}};
  EXPECT_THAT(IntervalPlotSvg(plot), HasSubstr("x1=\"25.000%\" x2=\"75.000%\""));
  EXPECT_THAT(IntervalPlotSvg(plot), HasSubstr("cx=\"50.000%\""));
  EXPECT_THAT(IntervalPlotSvg(plot), HasSubstr("undefined: why"));
  EXPECT_THAT(IntervalPlotSvg({"t", {{"a", -1.0, {}, {}, ""}}}), HasSubstr("cx=\"0.000%\""));
}

TEST(HtmlPictures, NoTextBecomesMarkup) {
  const std::string all = BarChartSvg({kHostile, {kHostile}, {{kHostile, {1}}, {kHostile, {1}}}}) +
                          HeatMapSvg({kHostile,
                                      kHostile,
                                      kHostile,
                                      {kHostile},
                                      {kHostile},
                                      {{{1.0}}},
                                      0,
                                      {},
                                      {},
                                      {{kHostile}}}) +
                          IntervalPlotSvg({kHostile, {{kHostile, 0.5, {}, {}, kHostile}}});
  EXPECT_THAT(all, Not(HasSubstr("<b>")));
  EXPECT_THAT(all, Not(HasSubstr("\"x\"")));
  EXPECT_THAT(all, HasSubstr("&lt;b&gt;&amp;"));
}

TEST(HtmlPictures, EmptyPicturesAreStillPictures) {
  for (const std::string& svg : {BarChartSvg({"t", {}, {}}), HeatMapSvg({"t", "", "", {}, {}, {}}),
                                 IntervalPlotSvg({"t", {}})}) {
    EXPECT_THAT(svg, HasSubstr("role=\"img\" aria-label=\"t\""));
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("undefined")));
  }
}

TEST(HtmlPictures, WhatCannotBeDrawnIsRefusedByName) {
  const double nan = std::nan("");
  const auto message = [](auto draw) { return MessageOf(draw, ErrorCode::kInvalidArgument); };
  EXPECT_THAT(message([&] {
                BarChartSvg({"bars", {"a"}, {{"n", {nan}}}});
              }),
              HasSubstr("\"bars\""));
  EXPECT_THAT(message([&] { BarChartSvg({"bars", {"a"}, {{"n", {-1}}}}); }), HasSubstr("negative"));
  EXPECT_THAT(message([&] {
                BarChartSvg({"bars", {"a"}, {{"n", {}}}});
              }),
              HasSubstr("expected 1 values a series, got 0"));
  EXPECT_THAT(message([&] {
                HeatMapSvg({"map", "", "", {"r"}, {"c"}, {{}}});
              }),
              HasSubstr("expected 1 values a row, got 0"));
  EXPECT_THAT(message([&] {
                IntervalPlotSvg({"plot", {{"a", 0.5, 0.1, {}, ""}}});
              }),
              HasSubstr("both ends"));
}

}  // namespace
}  // namespace prm
