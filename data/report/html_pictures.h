// Pictures for reports: pure functions from numbers to inline SVG. Colours are classes that the
// page of data/report/html_report.h defines for light and dark; widths follow the window. All texts
// are escaped; every picture and every mark in it has a title for screen readers. All throw
// Error(kInvalidArgument) naming the picture for numbers that are not finite and for lists of
// different lengths.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/report/html_report.h"

namespace prm {

// One value per category, none negative.
struct BarSeries {
  std::string name;
  std::vector<double> values;  // [categories]
};

// Horizontal bars, one per category from top to bottom. Several series are stacked, in the report's
// colour order: blue, teal, red, amber, purple, grey, then again.
struct BarChart {
  std::string title;
  std::vector<std::string> categories;
  std::vector<BarSeries> series;
  double full = 0;  // value of a full-width bar; 0: the longest bar
  int decimals = 0;
  std::string unit = {};  // after each value: " %"
};
std::string BarChartSvg(const BarChart& chart);

// A matrix of values; larger is darker.
struct HeatMap {
  std::string title;
  std::string row_title, column_title;  // what rows and columns are; may be empty
  std::vector<std::string> rows, columns;
  std::vector<std::vector<std::optional<double>>> values;  // [rows][columns]; nullopt: empty cell
  int decimals = 0;
  std::optional<double> low = {},
                        high = {};  // of the scale; nullopt: 0 or below, and the largest value
  // [rows][columns] further text for a cell's title, such as "118 units"; empty: none.
  std::vector<std::vector<std::string>> notes = {};
};
std::string HeatMapSvg(const HeatMap& map);

struct IntervalRow {
  std::string label;
  std::optional<double> estimate;   // nullopt: undefined, `note` is shown instead
  std::optional<double> low, high;  // both or none
  std::string note;
};

// Estimates with their intervals on one scale, which widens to include values outside.
struct IntervalPlot {
  std::string title;
  std::vector<IntervalRow> rows;
  double low = 0, high = 1;
  // Vertical lines, such as the bar to reach: value and label.
  std::vector<std::pair<double, std::string>> marks = {};
  int decimals = 3;
};
std::string IntervalPlotSvg(const IntervalPlot& plot);

}  // namespace prm
