"""The style sheet of a report: light and dark by the reader's setting, and for paper."""

from __future__ import annotations

STYLE = """
:root { --ink: #17211F; --soft: #5C6B68; --paper: #FFFFFF; --line: #DFE6E4; --pool: #C9D3D0; --mark: #0F766E; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #E8EEEC; --soft: #9AA8A4; --paper: #101615; --line: #2A3533; --pool: #3A4644; --mark: #2DD4BF; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 32px 24px 80px; }
h1 { font-size: 28px; margin: 0 0 12px; }
h2 { font-size: 20px; margin: 44px 0 8px; border-top: 1px solid var(--line); padding-top: 24px; }
h3 { font-size: 16px; margin: 24px 0 8px; }
p { max-width: 80ch; margin: 6px 0; }
small, .note { color: var(--soft); font-size: 12px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 7px 8px; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child, .rows th, .rows td { text-align: left; }
.rows td { white-space: normal; min-width: 60px; overflow-wrap: anywhere; }
.rows td:not(:first-child) { width: 50%; }
td small, th small { display: block; font-weight: 400; }
td svg { display: block; margin: 2px 0 0 auto; }
.best { color: var(--mark); font-weight: 700; }
.near { font-weight: 700; }
.best small, .near small { font-weight: 400; color: var(--soft); }
i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 7px; }
.legend span { margin-right: 18px; white-space: nowrap; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(265px, 1fr)); gap: 18px; }
figure { margin: 0; }
figcaption { font-weight: 600; font-size: 13.5px; }
svg text { font: 12px system-ui, sans-serif; }
.axis { stroke: var(--line); stroke-width: 1; }
.pool { fill: var(--pool); }
.all, .picks { fill: none; stroke-linecap: round; }
.all { stroke: var(--pool); stroke-width: 2.4; }
.picks { stroke-width: 5; stroke-opacity: 0.85; }
pre { overflow: auto; max-height: 480px; font-size: 12px; background: color-mix(in srgb, var(--line) 40%, transparent); padding: 12px; }
@media print { details { display: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""
