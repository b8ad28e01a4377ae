// The look of everything on the map that is not a point. Colours are the theme's.
export const STYLE = `
.map { position: relative; box-sizing: border-box; width: 100%; overflow: hidden; touch-action: none;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius, 6px); background: var(--st-background-color);
  font-family: var(--st-font), system-ui, sans-serif; color: var(--st-text-color); cursor: grab; outline: none; user-select: none; }
.map:active { cursor: grabbing; }
.map[data-tool=lasso], .map[data-tool=box] { cursor: crosshair; }
.map:focus-visible { box-shadow: 0 0 0 2px var(--st-primary-color); }
.points, .over { position: absolute; inset: 0; width: 100%; height: 100%; }
.over { pointer-events: none; }
.chrome { position: absolute; cursor: default; background: color-mix(in srgb, var(--st-background-color) 88%, transparent);
  border: 1px solid var(--st-border-color); border-radius: 6px; font-size: 12.5px; line-height: 1.35; }
.tools { top: 8px; right: 8px; display: flex; flex-direction: column; padding: 3px; gap: 1px; }
.tools hr { width: 70%; margin: 3px auto; border: 0; border-top: 1px solid var(--st-border-color); }
.tools button { width: 28px; height: 28px; font-size: 16px; line-height: 1; }
button { font: inherit; color: inherit; background: none; border: 0; border-radius: 4px; padding: 2px 6px; cursor: pointer; }
button:hover { background: var(--st-secondary-background-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -1px; }
button[aria-pressed=true] { background: color-mix(in srgb, var(--st-primary-color) 22%, transparent); }
button[disabled] { cursor: default; background: none; }
.legend { left: 8px; bottom: 8px; width: 216px; max-width: calc(100% - 64px); padding: 4px; }
[hidden] { display: none !important; }
.title { font-weight: 600; width: 100%; display: flex; justify-content: space-between; text-align: left; }
.fold { opacity: .6; }
.items { list-style: none; margin: 0; padding: 0; max-height: min(28vh, 216px); overflow-y: auto; scrollbar-width: thin; }
.items button { display: flex; width: 100%; gap: 7px; align-items: center; text-align: left; }
.items i { flex: none; width: 10px; height: 10px; border-radius: 50%; }
.items .off { opacity: .45; }
.name { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.count { opacity: .65; font-variant-numeric: tabular-nums; }
.bars { position: relative; display: flex; align-items: flex-end; gap: 1px; height: 56px; margin: 2px 6px 0; cursor: ew-resize; touch-action: none; }
.bars b { flex: 1; min-width: 0; }
.window { position: absolute; top: 0; bottom: 0; border: 1.5px solid var(--st-text-color); border-radius: 2px; background: color-mix(in srgb, var(--st-text-color) 8%, transparent); }
.ends { display: flex; justify-content: space-between; gap: 6px; padding: 1px 6px; font-size: 11.5px; opacity: .75; font-variant-numeric: tabular-nums; }
.gradient { height: 10px; margin: 3px 6px; border-radius: 3px; }
.player { left: 236px; right: 52px; bottom: 8px; max-width: 460px; padding: 5px 8px; display: flex; flex-direction: column; gap: 3px; }
.strip { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; }
.strip input { flex: 1; min-width: 80px; accent-color: var(--st-primary-color); }
.play { width: 30px; height: 26px; background: color-mix(in srgb, var(--st-primary-color) 18%, transparent); }
.round { min-width: 92px; font-weight: 600; font-variant-numeric: tabular-nums; }
.modes, .kinds { display: flex; gap: 2px; }
.modes { flex: 1; }
.kinds button { display: flex; gap: 5px; align-items: center; }
.kinds button[aria-pressed=false] { opacity: .5; }
.kinds button[aria-pressed=true] { background: none; }
.kinds i { width: 7px; height: 7px; border-radius: 50%; background: var(--st-text-color); }
.kinds i.of-flags { width: 10px; height: 10px; background: none; border: 2.5px solid #f0c000; box-sizing: border-box; }
.flags { position: absolute; inset: 0; overflow: hidden; pointer-events: none; }
.flag { left: 0; top: 0; pointer-events: auto; cursor: pointer; padding: 1px 6px; border-color: #d0a600; border-width: 1.5px; font-weight: 600; white-space: nowrap; }
.flag[disabled] { cursor: default; background: color-mix(in srgb, var(--st-background-color) 88%, transparent); }
.curve { display: block; width: 200px; height: 44px; }
.weights { margin: 2px 0 4px; }
.facets { font-family: var(--st-font), system-ui, sans-serif; font-size: 12.5px; line-height: 1.35; color: var(--st-text-color); }
.facet { padding: 5px 2px 7px; border-bottom: 1px solid var(--st-border-color); }
.facet .items button { background: linear-gradient(to right, color-mix(in srgb, var(--st-text-color) 10%, transparent) var(--share, 0%), transparent 0); }
.plain { text-decoration: underline; }
.card { position: absolute; z-index: 2; max-width: min(340px, 70%); padding: 7px 10px; pointer-events: none; font-size: 13px; line-height: 1.4;
  background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 6px; box-shadow: 0 4px 14px rgba(0,0,0,.18); overflow-wrap: anywhere; }
.facts { font-size: 12px; opacity: .7; margin-bottom: 3px; }
.prompt { font-weight: 600; display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
.response { opacity: .85; margin-top: 2px; display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
.notice { position: absolute; left: 50%; top: 45%; transform: translate(-50%, -50%); padding: 8px 14px; border-radius: 6px; font-size: 14px;
  background: var(--st-secondary-background-color); border: 1px solid var(--st-border-color); }
.sieve { margin-top: 8px; padding: 8px 12px; box-sizing: border-box; display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: flex-start; font: 13px/1.4 var(--st-font), system-ui, sans-serif; color: var(--st-text-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius, 6px); background: var(--st-background-color); font-variant-numeric: tabular-nums; }
.lines { flex: 1 1 360px; min-width: 0; display: grid; gap: 5px; }
.line { display: grid; grid-template-columns: 92px minmax(80px, 1fr) 142px; gap: 10px; align-items: center; min-height: 26px; }
.what { font-weight: 600; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.at { display: flex; gap: 6px; align-items: center; white-space: nowrap; }
.sieve input, .sieve select { font: inherit; color: inherit; }
.sieve input[type=range] { --fill: 0%; --tint: var(--st-primary-color); appearance: none; width: 100%; height: 24px; margin: 0; cursor: ew-resize; border-radius: 4px;
  background: linear-gradient(to right, var(--tint) var(--fill), color-mix(in srgb, var(--st-text-color) 22%, transparent) 0) center / 100% 5px no-repeat; }
.sieve input[type=range]::-webkit-slider-thumb { appearance: none; width: 16px; height: 16px; border-radius: 50%; background: var(--tint); border: 2px solid var(--st-background-color); }
.sieve input[type=range]::-moz-range-thumb { width: 12px; height: 12px; border-radius: 50%; background: var(--tint); border: 2px solid var(--st-background-color); }
.sieve input.off { --tint: color-mix(in srgb, var(--st-text-color) 55%, var(--st-background-color)); }
.sieve select, .exact { background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 4px; padding: 2px 5px; }
.sieve option { background: var(--st-background-color); }
.exact { width: 76px; box-sizing: border-box; }
.sieve :is(input, select, button):focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.told { flex: 1 1 auto; min-width: min(100%, 390px); }
.figures { border-collapse: collapse; width: 100%; }
.figures th, .figures td { padding: 2px 6px; text-align: right; white-space: nowrap; }
.figures thead th { font-weight: 500; font-size: 12px; }
.figures tbody th { font-weight: 500; text-align: left; padding-left: 0; }
.figures .picked td { font-weight: 650; font-size: 14px; }
.end { display: flex; gap: 10px; align-items: center; justify-content: flex-end; margin-top: 5px; }
.end:has(> .said:empty:only-child) { display: none; }
.sieve button.main { background: var(--st-primary-color); color: #fff; font-weight: 600; border-radius: var(--st-button-radius, 6px); padding: 5px 12px; }
.sieve button.main[disabled] { opacity: .45; }
.live { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
`
