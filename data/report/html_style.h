// The style sheet of every report page. Text and background pairs have a contrast of at least 4.5,
// in light and dark (measured in tests/data/report/html_report_test.cc): every text colour on
// --ground and --surface, --sN-text on --sN (series), --hN-text on --hN (heat map steps).
#pragma once

#include <string_view>

namespace prm {

inline constexpr std::string_view kHtmlStyle = R"css(:root {
  color-scheme: light dark;
  --ground: #f7f8f9; --surface: #ffffff; --ink: #1b1f24; --muted: #57606a; --line: #d8dde3;
  --accent: #1f5fae; --good: #1a6b3c; --warning: #8a5300; --bad: #b42318;
  --s0: #1f5fae; --s0-text: #ffffff; --s1: #0f766e; --s1-text: #ffffff;
  --s2: #b42318; --s2-text: #ffffff; --s3: #8f5600; --s3-text: #ffffff;
  --s4: #6d3fb5; --s4-text: #ffffff; --s5: #57606a; --s5-text: #ffffff;
  --h0: #f2f6fb; --h0-text: #1b1f24; --h1: #dce8f5; --h1-text: #1b1f24;
  --h2: #c2d8ef; --h2-text: #1b1f24; --h3: #a3c4e6; --h3-text: #1b1f24;
  --h4: #82aedb; --h4-text: #1b1f24; --h5: #669bd1; --h5-text: #1b1f24;
  --h6: #2f6cb5; --h6-text: #ffffff; --h7: #1f559a; --h7-text: #ffffff;
  --h8: #143f77; --h8-text: #ffffff;
}
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171a; --surface: #1c2024; --ink: #e6e8ea; --muted: #a3adb8; --line: #363d45;
  --accent: #7fb3f0; --good: #6fcf97; --warning: #f0b860; --bad: #ff9b8f;
  --s0: #7fb3f0; --s0-text: #14171a; --s1: #5ec8bb; --s1-text: #14171a;
  --s2: #ff9b8f; --s2-text: #14171a; --s3: #f0b860; --s3-text: #14171a;
  --s4: #c4a5f5; --s4-text: #14171a; --s5: #a3adb8; --s5-text: #14171a;
  --h0: #20272f; --h0-text: #e6e8ea; --h1: #22364b; --h1-text: #e6e8ea;
  --h2: #264562; --h2-text: #e6e8ea; --h3: #2a5579; --h3-text: #e6e8ea;
  --h4: #2f628d; --h4-text: #e6e8ea; --h5: #6fa8dc; --h5-text: #14171a;
  --h6: #8bbbe6; --h6-text: #14171a; --h7: #a9cef0; --h7-text: #14171a;
  --h8: #c9e1f8; --h8-text: #14171a;
} }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 70rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial,
  sans-serif; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; letter-spacing: -0.01em; }
h1 { font-size: 1.8rem; margin: 0; }
h2 { font-size: 1.3rem; margin: 3rem 0 0.8rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 0.5rem; }
p, ul { max-width: 44rem; margin: 0.6rem 0; }
.subtitle { color: var(--muted); margin: 0.3rem 0 0; }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.2rem; list-style: none; padding: 0;
  max-width: none; }
nav a { display: inline-block; padding: 0.3rem 0; text-underline-offset: 0.2em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.good { color: var(--good); } .warning { color: var(--warning); }
.bad { color: var(--bad); } .muted { color: var(--muted); }
span.good::before { content: "\2713\00a0"; } span.warning::before { content: "!\00a0"; }
span.bad::before { content: "\2717\00a0"; }
.note { border-left: 4px solid currentColor; background: var(--surface);
  padding: 0.6rem 0.9rem; border-radius: 0 6px 6px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr));
  gap: 0.75rem; margin: 1rem 0; }
.tile { background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
  padding: 0.75rem 0.9rem; color: var(--ink); }
.tile dt { color: var(--muted); font-size: 0.8rem; line-height: 1.3; }
.tile dd { margin: 0.25rem 0 0; font-size: 1.5rem; line-height: 1.2; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.tile .under { color: var(--muted); font-size: 0.8rem; font-weight: 400; line-height: 1.35; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 0.875rem; min-width: 60%; }
caption { text-align: left; font-weight: 600; padding: 0 0 0.4rem; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.9rem 0.4rem 0;
  border-bottom: 1px solid var(--line); font-weight: 400; overflow-wrap: normal; }
th[scope="row"] { min-width: 9rem; } td { max-width: 30rem; overflow-wrap: break-word; }
thead th { color: var(--muted); font-size: 0.8rem; vertical-align: bottom; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: 0.8rem 0; } summary { cursor: pointer; padding: 0.3rem 0; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1rem; margin: 1rem 0; align-items: start; }
figure { margin: 0; background: var(--surface); border: 1px solid var(--line);
  border-radius: 8px; padding: 0.9rem 1rem; min-width: 0; }
figcaption { font-weight: 600; font-size: 0.9rem; margin-bottom: 0.6rem; }
svg { font-size: 12px; font-variant-numeric: tabular-nums; }
svg[role="img"] { display: block; overflow: visible; }
svg text { fill: var(--ink); } svg .dim { fill: var(--muted); } svg .grid { stroke: var(--line); }
svg .track { fill: var(--line); } svg .mark { stroke: var(--muted); stroke-dasharray: 4 3; }
svg .wide { stroke: var(--accent); stroke-width: 4; stroke-linecap: round; opacity: 0.45; }
svg .dot { fill: var(--accent); }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); }
.s3 { fill: var(--s3); } .s4 { fill: var(--s4); } .s5 { fill: var(--s5); }
svg .s0t { fill: var(--s0-text); } svg .s1t { fill: var(--s1-text); }
svg .s2t { fill: var(--s2-text); } svg .s3t { fill: var(--s3-text); }
svg .s4t { fill: var(--s4-text); } svg .s5t { fill: var(--s5-text); }
.s0l { stroke: var(--s0); } .s1l { stroke: var(--s1); } .s2l { stroke: var(--s2); }
.s3l { stroke: var(--s3); } .s4l { stroke: var(--s4); } .s5l { stroke: var(--s5); }
.h0 { fill: var(--h0); } .h1 { fill: var(--h1); } .h2 { fill: var(--h2); }
.h3 { fill: var(--h3); } .h4 { fill: var(--h4); } .h5 { fill: var(--h5); }
.h6 { fill: var(--h6); } .h7 { fill: var(--h7); } .h8 { fill: var(--h8); }
svg .h0t { fill: var(--h0-text); } svg .h1t { fill: var(--h1-text); }
svg .h2t { fill: var(--h2-text); } svg .h3t { fill: var(--h3-text); }
svg .h4t { fill: var(--h4-text); } svg .h5t { fill: var(--h5-text); }
svg .h6t { fill: var(--h6-text); } svg .h7t { fill: var(--h7-text); }
svg .h8t { fill: var(--h8-text); }
@media print { body { max-width: none; padding: 0; } figure, .tile { break-inside: avoid; } }
)css";

}  // namespace prm
