// One map in one element: asks for tiles, draws on demand, and tells what a person did. Knows nothing of Streamlit.
import { densityImage } from "./density.js"
import { createFlat } from "./flat.js"
import { createGl, hardwareGl } from "./gl.js"
import { labelLevel, placeLabels, SIZES } from "./labels.js"
import { drawMarks } from "./marks.js"
import { nearest, neighbour, polygonTest } from "./pick.js"
import { openStore } from "./store.js"
import { fairRank, prefix, wanted } from "./tree.js"

const BUDGET = 1_200_000 // points asked for by one view
const MOST_RATIO = 1.5 // the raster's cost grows with its area
const REACH = 12 // pixels around a pointer
const RING = "#f0c000"
const FLIGHT_MS = 260

export function createView(root, source, { gl = "auto", say, remembered = null, first = null }) {
  let canvas = document.createElement("canvas"), ratio = 1
  const over = document.createElement("canvas")
  canvas.className = "points"
  over.className = "over"
  root.append(canvas, over)
  const store = openStore(source), { held } = store, widths = new Map()
  const state = {
    camera: { x: 0.5, y: 0.5, scale: 1 }, fitted: 1, bounds: [1, 1], column: "", mask: "", local: null, sieved: null, density: false,
    labels: [], regions: [], path: null, mark: null, marks: [], rings: [], cursor: null, shown: new Set(), placed: [], painted: 0, frames: 0, ms: 0,
    ink: "#222", paper: "#fff", accent: [15, 118, 110], ghost: [140, 150, 147, 80], blocked: () => [],
  }
  let pen = over.getContext("2d"), paint = createFlat(canvas), asked = { column: "", mask: "", palette: null, marks: [], all: [], next: "" }, pending = 0, loading = null, again = false, dead = false, given = new Map(), where = "", following = 0

  const size = () => [over.clientWidth || 1, over.clientHeight || 1]
  const ready = number => store.has(number, state.column, state.mask)
  function drawn() {
    const [width, height] = size(), list = wanted(held.tiles, state.camera, width, height, BUDGET)
    const rank = fairRank(list, tile => ready(tile.number))
    return list.filter(tile => ready(tile.number)).map(tile => ({ ...tile, count: prefix(tile, rank) })).filter(tile => tile.count)
  }
  const insideOf = number => state.sieved?.get(number) ?? state.local?.get(number) ?? (state.mask ? store.inside(state.mask).get(number) : null)
  const entries = () => drawn().map(tile => ({ tile, places: held.places.get(tile.number), inside: insideOf(tile.number), count: tile.count }))

  // How many of the drawn points are in view, kept ones alone or all: the first few hundred of a tile stand for the rest of it.
  function inView(list, all) {
    const [width, height] = size(), { camera } = state, hw = width / 2 / camera.scale, hh = height / 2 / camera.scale
    let seen = 0
    for (const { number, x, y, side, count } of list) {
      const places = held.places.get(number), inside = insideOf(number), k = side / 65536, looked = Math.min(count, 256)
      let hits = 0
      for (let i = 0; i < looked; i++) {
        if (!all && inside && !inside[i]) continue
        if (Math.abs(x + k * places[2 * i] - camera.x) < hw && Math.abs(y + k * places[2 * i + 1] - camera.y) < hh) hits++
      }
      seen += (count * hits) / looked
    }
    return Math.max(seen, 16)
  }
  function give(list) {
    for (const { number } of list) {
      const codes = store.codes(state.column).get(number), inside = insideOf(number), was = given.get(number)
      if (was?.[0] === codes && was[1] === inside) continue
      paint.put(number, held.places.get(number), codes, inside)
      given.set(number, [codes, inside])
    }
  }

  // Bigger and more solid as fewer share the view.
  function styleOf(list, seen, sharp) {
    const [width, height] = size(), sizeOf = n => Math.max(1, Math.min(9, Math.sqrt((width * height * 0.16) / n))) * sharp
    const masked = Boolean(state.mask || state.local || state.sieved), points = sizeOf(seen)
    const ghostSize = masked ? Math.min(points, sizeOf(inView(list, true)), 5 * sharp) : points
    return { size: points, ghostSize, alpha: seen > 200_000 ? 0.5 : 0.85, masked, ghost: state.ghost, hidden: state.density }
  }
  function draw() {
    pending = 0
    if (dead || !held.tiles || !state.column) return
    const started = performance.now(), list = drawn(), seen = inView(list, false), [width, height] = size(), { camera } = state
    give(list)
    paint.draw({ ...camera, scale: camera.scale * ratio }, list, styleOf(list, seen, ratio))
    drawOver(width, height, over.width / width)
    const n = list.reduce((sum, tile) => sum + tile.count, 0)
    state.painted = n
    state.frames++
    state.ms = performance.now() - started
    if (n) state.first ??= performance.now() // what a benchmark asks
    say("frame", state)
    const now = `${camera.x} ${camera.y} ${camera.scale}`
    if (now !== where) say("moved", camera)
    where = now
  }

  const toPixels = ([x, y]) => { const [width, height] = size(), { camera } = state; return [width / 2 + camera.scale * (x - camera.x), height / 2 - camera.scale * (y - camera.y)] }
  function line(corners, closed) {
    pen.beginPath()
    for (const corner of corners) pen.lineTo(...toPixels(corner))
    if (closed) pen.closePath()
    pen.stroke()
  }
  function ring(at, radius) {
    const [x, y] = toPixels(at)
    for (const [colour, wide] of [[state.paper, 5], [state.ink, 2.5]]) {
      pen.strokeStyle = colour
      pen.lineWidth = wide
      pen.beginPath()
      pen.arc(x, y, radius, 0, 7)
      pen.stroke()
    }
  }
  function drawOver(width, height, sharp) {
    pen.setTransform(sharp, 0, 0, sharp, 0, 0)
    pen.clearRect(0, 0, width, height)
    if (state.density) {
      pen.imageSmoothingEnabled = true
      pen.drawImage(densityImage(entries(), state.camera, width, height, state.accent), 0, 0, width, height)
    }
    pen.lineJoin = "round"
    pen.strokeStyle = state.ink
    pen.lineWidth = 1.5
    for (const [how, corners] of state.regions) {
      pen.setLineDash(how === "subtract" ? [4, 4] : [])
      line(corners, true)
    }
    pen.setLineDash([])
    if (state.path) line(state.path, false)
    for (const at of state.rings) {
      const [x, y] = toPixels(at)
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue
      pen.strokeStyle = RING
      pen.lineWidth = 2
      pen.beginPath()
      pen.arc(x, y, 5.5, 0, 7)
      pen.stroke()
    }
    for (const { id, kind } of state.marks) drawMarks(pen, entries(), store.marks(id), kind, toPixels, { ink: state.ink, paper: state.paper, width, height, sharp })
    names(width, height)
    if (state.mark) ring(state.mark, 9)
    if (state.cursor) ring(state.cursor, 6)
  }
  function names(width, height) {
    const face = tier => `${tier < 2 ? 700 : 600} ${SIZES[tier]}px ${state.font ?? "system-ui"}, sans-serif`
    pen.font = face(2)
    pen.textAlign = "center"
    pen.textBaseline = "middle"
    const measure = text => widths.get(text) ?? widths.set(text, pen.measureText(text).width).get(text)
    const placed = placeLabels(state.labels, state.camera, width, height, measure, { level: labelLevel(state.camera, state.fitted), shown: state.shown, blocked: state.blocked() })
    state.shown = new Set(placed.map(label => label.id))
    state.placed = placed
    for (const { text, px, py, tier } of placed) {
      pen.font = face(tier)
      pen.strokeStyle = state.paper
      pen.lineWidth = 4
      pen.strokeText(text, px, py)
      pen.fillStyle = state.ink
      pen.fillText(text, px, py)
    }
  }
  const ask = () => { if (!pending && !dead) pending = requestAnimationFrame(draw) }

  // A new column or filter is shown once all of it is here that the view needs; until then the old one stays.
  function adopt() {
    const [width, height] = size(), list = wanted(held.tiles, state.camera, width, height, BUDGET).filter(tile => held.places.has(tile.number))
    if (!list.length || !list.every(tile => store.has(tile.number, asked.column, asked.mask))) return
    if (asked.mask !== state.mask) state.local = null
    state.column = asked.column
    state.mask = asked.mask
    if (asked.palette) paint.palette(asked.palette)
  }
  async function once({ column, mask, marks, all, next }) {
    const first = state.painted > 0
    let made = await store.step(state.camera, ...size(), BUDGET, { column, mask, marks: first ? marks.map(one => one.id) : [] })
    if (!made && first) made = await store.step(state.camera, ...size(), BUDGET, { column, mask, marks: all, next })
    adopt()
    if (state.painted) ask()
    else draw() // before anything else is asked for
    return made
  }
  function load() {
    if (!held.tiles || dead) return Promise.resolve()
    again = true
    loading ??= (async () => {
      try {
        while (again && !dead) {
          again = false
          const tried = asked
          try {
            if (await once(tried)) again = true
          } catch (error) {
            if (tried === asked) throw error
            again = true // something else is asked for by now: that is what counts
          }
        }
        for (const number of store.evict(state.camera, ...size())) {
          paint.drop(number)
          given.delete(number)
        }
        say("settled", state)
      } catch (error) {
        say("failed", error)
      } finally {
        loading = null
      }
    })()
    return loading
  }

  // A real GPU is looked for after the first frame, when nothing else is to do; a canvas that was 2D never gives WebGL.
  function swapForGpu() {
    if (dead || !(gl === "on" || (gl === "auto" && hardwareGl()))) return
    const fresh = canvas.cloneNode()
    const made = createGl(fresh, () => replace(createFlat, canvas.cloneNode()))
    if (made) replace(() => made, fresh)
  }
  function replace(create, fresh) {
    if (dead) return
    const old = paint
    paint = create(fresh)
    canvas.replaceWith(fresh)
    canvas = fresh
    old.free()
    given = new Map()
    if (asked.palette) paint.palette(asked.palette)
    fit()
    say("kind", paint.kind)
  }

  function fit() {
    const [width, height] = size()
    ratio = Math.min(globalThis.devicePixelRatio || 1, MOST_RATIO)
    canvas.width = Math.max(1, Math.round(width * ratio))
    canvas.height = Math.max(1, Math.round(height * ratio))
    over.width = Math.round(width * (globalThis.devicePixelRatio || 1))
    over.height = Math.round(height * (globalThis.devicePixelRatio || 1))
    state.fitted = whole().scale
    ask()
    load()
  }
  function frameOf(left, bottom, right, top) {
    const [width, height] = size(), scale = 0.92 * Math.min(width / Math.max(right - left, 1e-6), height / Math.max(top - bottom, 1e-6))
    return { x: (left + right) / 2, y: (bottom + top) / 2, scale: Math.min(scale, 1e8) }
  }
  const whole = () => frameOf(0, 0, state.bounds[0] || 1e-3, state.bounds[1] || 1e-3)

  function fly(target) {
    const from = { ...state.camera }, began = performance.now()
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches
    const turn = now => {
      const t = still ? 1 : Math.min(1, (now - began) / FLIGHT_MS), e = t * t * (3 - 2 * t)
      const scale = from.scale * Math.pow(target.scale / from.scale, e)
      Object.assign(state.camera, { x: from.x + (target.x - from.x) * e, y: from.y + (target.y - from.y) * e, scale })
      ask()
      if (t < 1 && !dead) requestAnimationFrame(turn)
      else settle()
    }
    requestAnimationFrame(turn)
  }
  function settle() {
    say("camera", state.camera)
    load()
  }
  const limited = scale => Math.min(Math.max(scale, state.fitted / 4), 1e8)

  const view = {
    state, entries, load, fit, ask, settle,
    get kind() { return paint.kind },
    get tiles() { return held.tiles },
    async open(bounds) {
      state.bounds = bounds
      await store.open()
      state.fitted = whole().scale
      state.camera = remembered?.scale > 0 ? { ...remembered } : first ? { x: first[0], y: first[1], scale: state.fitted / first[2] } : whole()
      fit()
      await load()
      setTimeout(swapForGpu, 300)
    },
    // `marks` are drawn over the points; `all` of a play and its `next` column are fetched when nothing else is to do.
    show({ column, mask, palette, marks = [], all = [], next = "" }) {
      asked = { column, mask, palette, marks, all, next }
      state.marks = marks
      if (column === state.column && mask === state.mask) paint.palette(palette) // nothing has to come first
      ask()
      return load()
    },
    recolour(palette) {
      asked.palette = palette
      if (asked.column === state.column && asked.mask === state.mask) paint.palette(palette)
      ask()
    },
    set(changes) {
      Object.assign(state, changes)
      ask()
    },
    // What is kept, at once and over what is held; the server's exact answer follows as a mask.
    keepLocally(test, how) {
      const local = new Map()
      for (const { tile, places, inside } of entries()) {
        const k = tile.side / 65536, codes = store.codes(state.column).get(tile.number), now = new Uint8Array(tile.n)
        for (let i = 0; i < tile.n; i++) {
          const was = inside ? inside[i] : how === "intersect" || how === "subtract" ? 1 : 0
          const hit = test(tile.x + k * (places[2 * i] + 0.5), tile.y + k * (places[2 * i + 1] + 0.5), codes[i]) ? 1 : 0
          now[i] = how === "add" ? was | hit : how === "subtract" ? was & (1 - hit) : how === "intersect" ? was & hit : hit
        }
        local.set(tile.number, now)
      }
      state.local = local
      ask()
    },
    keepPolygon(corners, how) { view.keepLocally(polygonTest(corners), how) },
    at(px, py) {
      const [width, height] = size(), { camera } = state
      return [camera.x + (px - width / 2) / camera.scale, camera.y - (py - height / 2) / camera.scale]
    },
    toPixels,
    nearest: (x, y) => nearest(entries(), x, y, REACH / state.camera.scale),
    neighbour: (x, y, dx, dy) => neighbour(entries(), x, y, dx, dy, 2 / state.camera.scale),
    zoom(by, [x, y] = [state.camera.x, state.camera.y]) {
      const { camera } = state, scale = limited(camera.scale * by), real = scale / camera.scale
      Object.assign(camera, { scale, x: x - (x - camera.x) / real, y: y - (y - camera.y) / real })
      ask()
    },
    pan(dx, dy) {
      state.camera.x -= dx / state.camera.scale
      state.camera.y += dy / state.camera.scale
      ask()
    },
    // As another map of the same group moves, whose window may have another size.
    follow(camera) {
      Object.assign(state.camera, camera)
      where = `${camera.x} ${camera.y} ${camera.scale}`
      ask()
      clearTimeout(following)
      following = setTimeout(load, 200)
    },
    fly, whole,
    // The smallest frame around what the filter keeps, or the whole map.
    frame() {
      let left = Infinity, right = -Infinity, bottom = Infinity, top = -Infinity
      for (const { tile, places, inside, count } of entries()) {
        if (!inside) continue
        const k = tile.side / 65536
        for (let i = 0; i < count; i++) if (inside[i]) {
          const x = tile.x + k * places[2 * i], y = tile.y + k * places[2 * i + 1]
          left = Math.min(left, x); right = Math.max(right, x); bottom = Math.min(bottom, y); top = Math.max(top, y)
        }
      }
      if (left > right) return fly(whole())
      const target = frameOf(left, bottom, right, top)
      fly({ ...target, scale: Math.min(target.scale, 60 * state.fitted) })
    },
    // What is drawn now, anew and at another sharpness: the points and what lies over them.
    picture(sharp) {
      const [width, height] = size(), layers = [0, 1].map(() => Object.assign(document.createElement("canvas"), { width: width * sharp, height: height * sharp }))
      const flat = createFlat(layers[0]), list = drawn(), own = [pen, state.blocked, state.cursor]
      flat.palette(asked.palette)
      for (const { number } of list) flat.put(number, held.places.get(number), store.codes(state.column).get(number), insideOf(number))
      flat.draw({ ...state.camera, scale: state.camera.scale * sharp }, list, styleOf(list, inView(list, false), sharp))
      pen = layers[1].getContext("2d")
      Object.assign(state, { blocked: () => [], cursor: null })
      drawOver(width, height, sharp)
      pen = own[0]
      Object.assign(state, { blocked: own[1], cursor: own[2] })
      return { width, height, points: layers[0], over: layers[1] }
    },
    free() {
      dead = true
      cancelAnimationFrame(pending)
      paint.free()
      canvas.remove()
      over.remove()
    },
  }
  return view
}
