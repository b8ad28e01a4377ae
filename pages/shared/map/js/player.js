// Rounds on a map: a slider, a play button, and what the colours say. A round is a palette and bits, never a position; while
// it plays nothing is asked of the page.
import { el } from "./legend.js"

const PACE_MS = 1400, BLEND_MS = 420, TOLD_MS = 500
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches

// `shown` is told the frame, the palette and the legend to draw now, `blended` a palette on the way to another, `rested` what
// somebody chose, once it rests.
export function createPlayer(box, { shown, blended, rested }) {
  let rounds = null, at = 0, mode = "", playing = 0, blending = 0, telling = 0, told = "", given = "", before = null
  const on = { picks: true, flags: true }
  const play = el("button", { type: "button", class: "play", onclick: () => toggle() })
  const slider = el("input", { type: "range", min: "0", step: "1", "aria-label": "Round", oninput: () => { stop(); go(Number(slider.value)) } })
  const name = el("span", { class: "round" }), modes = el("span", { class: "modes", role: "group", "aria-label": "Colour by" }), marks = el("span", { class: "kinds" })
  box.append(el("div", { class: "strip" }, play, slider, name), el("div", { class: "strip" }, modes, marks))

  const frame = () => rounds.frames[at]
  const paletteOf = (number, key) => Uint8Array.from(atob(rounds.frames[number].palettes[key]), c => c.charCodeAt(0))

  function go(number, { told = true } = {}) {
    at = Math.min(Math.max(number, 0), rounds.frames.length - 1)
    draw()
    colour()
    if (told) tell()
    others(other => other.at(at))
  }
  // From the colours of now to those of the round, in a few steps where one column carries both.
  function colour() {
    const target = paletteOf(at, mode), from = before
    cancelAnimationFrame(blending)
    before = target
    const blends = from && !calm() && rounds.frames.every(one => one.columns[mode] === frame().columns[mode])
    send(blends ? from : target)
    if (!blends) return
    const began = performance.now()
    const step = now => {
      const t = Math.min(1, Math.max(0, (now - began) / BLEND_MS))
      blended(t < 1 ? target.map((v, i) => Math.round(from[i] + (v - from[i]) * t)) : target)
      if (t < 1) blending = requestAnimationFrame(step)
    }
    blending = requestAnimationFrame(step)
  }
  function send(palette) {
    const { columns, picks, flags, groups } = frame(), next = rounds.frames[(at + 1) % rounds.frames.length]
    shown({
      column: columns[mode], next: next.columns[mode], palette, legend: rounds.modes.find(one => one.key === mode).legend,
      marks: [on.picks && picks ? { id: picks, kind: "pick" } : null, on.flags && flags ? { id: flags, kind: "flag" } : null].filter(Boolean),
      groups: on.flags ? groups : [], at, all: rounds.frames.flatMap(one => [one.picks, one.flags]).filter(Boolean),
    })
  }
  function tell() {
    clearTimeout(telling)
    if (!playing) telling = setTimeout(() => {
      told = `${at} ${mode}`
      rested({ at, mode })
    }, TOLD_MS)
  }
  function draw() {
    const { n_picks, n_flags } = frame()
    play.textContent = playing ? "❚❚" : "▶"
    play.setAttribute("aria-label", playing ? "Pause" : "Play the rounds")
    play.title = playing ? "Pause (Space)" : "Play the rounds (Space)"
    slider.max = rounds.frames.length - 1
    slider.value = at
    slider.setAttribute("aria-valuetext", frame().name)
    name.textContent = at ? `${frame().name} of ${rounds.frames.length - 1}` : frame().name
    modes.replaceChildren(...rounds.modes.map(one => el("button", { type: "button", "aria-pressed": String(one.key === mode), onclick: () => { mode = one.key; draw(); colour(); tell() } }, one.title)))
    const kind = (key, n, word) => el("button", { type: "button", "aria-pressed": String(on[key]), title: `${word} in this round; click to show or hide them`, disabled: !at, onclick: () => { on[key] = !on[key]; draw(); send(before) } }, el("i", { class: `of-${key}` }), `${n.toLocaleString()} ${word}`)
    marks.replaceChildren(kind("picks", n_picks, "picked"), kind("flags", n_flags, "flagged"))
  }
  function toggle() {
    if (playing) return stop(), draw(), tell()
    const last = rounds.frames.length - 1
    if (calm()) return go(at >= last ? 0 : at + 1) // one round a press, for who wants nothing to move by itself
    playing = setInterval(() => {
      if (at < last) go(at + 1, { told: false })
      if (at >= last) stop(), draw(), tell()
    }, PACE_MS)
    go(at >= last ? 0 : at + 1, { told: false })
  }
  function stop() {
    clearInterval(playing)
    playing = 0
  }
  let others = () => {}
  return {
    toggle,
    step(by) { stop(); go(at + by) },
    // What the page says; what somebody has moved on from meanwhile is not taken back.
    update(next) {
      box.hidden = !next
      if (!next) return stop()
      const asked = `${next.at} ${next.mode}`, fresh = rounds?.key !== next.key
      rounds = next
      if (fresh || (asked !== given && asked !== told && !playing)) {
        at = next.at
        mode = next.mode
      }
      given = asked
      before = paletteOf(at, mode)
      draw()
      send(before)
    },
    follow(number) { if (rounds && number !== at) { stop(); at = Math.min(number, rounds.frames.length - 1); draw(); colour() } },
    linkTo(each) { others = act => rounds.linked && each(act) },
    get at() { return at },
    get frame() { return rounds && { ...frame(), legend: rounds.modes.find(one => one.key === mode).legend } },
    // The weight of a cluster over the rounds, as a small drawing.
    curve(group) {
      const weights = rounds?.curves[group]
      return weights ? curveOf(weights, at) : null
    },
    free() { stop(); clearTimeout(telling); cancelAnimationFrame(blending) },
  }
}

const WIDE = 200, HIGH = 44, PAD = 5, SHARP = 2

function curveOf(weights, at) {
  const known = weights.filter(v => v !== null), most = Math.max(...known, 1e-12), last = Math.max(1, weights.length - 1)
  const point = (v, n) => [PAD + ((WIDE - 2 * PAD) * n) / last, HIGH - PAD - ((HIGH - 2 * PAD) * v) / most]
  const canvas = el("canvas", { class: "curve", width: WIDE * SHARP, height: HIGH * SHARP }), pen = canvas.getContext("2d")
  const percent = v => (v === null || v === undefined ? "–" : `${(100 * v).toPrecision(3)} %`)
  // Colours are those of where it comes to stand, so it is drawn once it stands there.
  queueMicrotask(() => {
    const look = getComputedStyle(canvas), line = look.getPropertyValue("--st-primary-color").trim() || look.color
    pen.scale(SHARP, SHARP)
    pen.strokeStyle = line
    pen.lineWidth = 2
    pen.beginPath()
    weights.forEach((v, n) => v === null || pen.lineTo(...point(v, n)))
    pen.stroke()
    pen.globalAlpha = 0.3
    pen.fillStyle = pen.strokeStyle = look.color
    pen.lineWidth = 1
    pen.strokeRect(PAD, HIGH - PAD, WIDE - 2 * PAD, 0)
    pen.globalAlpha = 1
    if (weights[at] === null || weights[at] === undefined) return
    pen.beginPath()
    pen.arc(...point(weights[at], at), 3.5, 0, 7)
    pen.fill()
  })
  return el("div", { class: "weights" }, canvas, el("div", { class: "facts" }, `Weight ${percent(weights[0])} at first, ${percent(weights[at])} now`))
}
