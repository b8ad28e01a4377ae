// What Streamlit calls: once when the map appears, and again on each change of its data or of the theme.
import { createCard } from "./card.js"
import { giveHands } from "./hands.js"
import { drawLegend, el } from "./legend.js"
import { savePicture } from "./picture.js"
import { createPlayer } from "./player.js"
import { createSieve } from "./sieve.js"
import { routeSource, Stale } from "./source.js"
import { STYLE } from "./style.js"
import { createView } from "./view.js"

const made = new WeakMap()
const EDGE = 12, LEAST_HEIGHT = 420, BAR_GAP = 8 // pixels
const AGAIN_MS = 15_000 // a server that refuses twice within it refuses for good
const TOOLS = [["pan", "Move (V)", "✥"], ["lasso", "Lasso (L). Shift adds, Alt takes away, Ctrl keeps what both have", "◌"], ["box", "Box (B). Shift adds, Alt takes away, Ctrl keeps what both have", "▢"]]

export default function ({ data, parentElement, setTriggerValue }) {
  let own = made.get(parentElement)
  if (own && own.base !== data.base) {
    own.free() // another layout: other tiles
    own = null
  }
  own ??= mount(parentElement, data)
  own.send = setTriggerValue // each call brings new ones; old ones would answer for a page of before
  own.update(data)
  return () => own.free()
}

// Where a browser lets a page keep nothing, a map begins anew each time.
function recalled(name) {
  try { return JSON.parse(sessionStorage.getItem(name) ?? "{}") } catch { return {} }
}
function keep(name, what) {
  try { sessionStorage.setItem(name, JSON.stringify(what)) } catch { /* it lives as long as the tab */ }
}

function mount(parent, data) {
  const root = el("div", { class: "map", tabindex: "0", role: "application", "data-testid": "tamis-map" })
  const legend = el("div", { class: "legend chrome", hidden: true }), tools = el("div", { class: "tools chrome", role: "toolbar", "aria-label": "Map" })
  const live = el("div", { class: "live", "aria-live": "polite" }), notice = el("div", { class: "notice", hidden: true, role: "status" })
  const playbar = el("div", { class: "player chrome", hidden: true, role: "group", "aria-label": "Rounds" }), flags = el("div", { class: "flags" })
  const style = el("style", {}, STYLE), bar = el("section", { class: "sieve", "aria-label": "Sieve", "data-testid": "tamis-sieve", hidden: true })
  parent.append(style, root, bar)
  const source = data.source ?? routeSource(data.base), memory = `tamis-map ${data.base} ${data.name}`
  source.token = data.token
  let tool = "pan", group = data.group, height = data.height, can = data.hands, mask = "", groups = [], caption = [], shown = null
  const own = { base: data.base, send: () => {}, asked: 0, update, free }
  const announce = text => { live.textContent = text }

  const says = {
    frame(state) {
      Object.assign(root.dataset, { painted: state.painted, frames: state.frames, column: state.column, mask: state.mask })
      placeFlags()
    },
    settled(state) {
      root.dataset.settled = `${state.column} ${state.mask}`
      notice.hidden = true
    },
    kind(kind) { root.dataset.kind = kind },
    camera(camera) { remember({ camera: { ...camera } }) },
    moved(camera) {
      // Maps of one group look at one place; the others load when this one rests.
      if (group) for (const other of globalThis.__tamis_map) if (other.view !== view && other.group() === group) other.view.follow(camera)
    },
    failed(error) {
      root.dataset.error = String(error)
      if (error instanceof Stale && Date.now() - own.asked > AGAIN_MS) {
        own.asked = Date.now()
        return own.send("stale", Date.now())
      }
      notice.textContent = root.dataset.painted ? "Some of the map could not be loaded; what is here stays. Reload the page to try again." : "The map could not be loaded. The table below has every row."
      notice.hidden = false
    },
    hover(found) { card.show(found, found ? view.toPixels([found.x, found.y]) : [0, 0]) },
    open(what) { own.send("open", what) },
    region(what) { own.send("region", what) },
    density() { setDensity(!view.state.density) },
    play() { if (!playbar.hidden) player.toggle() },
    step(by) { if (!playbar.hidden) player.step(by) },
  }
  const kept = recalled(memory), remember = part => keep(memory, Object.assign(kept, part))
  const view = createView(root, source, { gl: globalThis.__tamis_gl ?? "auto", say: (what, value) => says[what](value), remembered: kept.camera, first: data.camera })
  view.state.density = Boolean(kept.density)
  root.dataset.kind = view.kind
  const hands = giveHands(root, view, { say: (what, value) => says[what](value), tool: () => tool, choose, can: what => can.includes(what), eager: () => !height })
  const player = createPlayer(playbar, {
    shown(frame) {
      view.show({ ...frame, mask })
      drawLegend(legend, frame.legend, {})
      root.dataset.round = frame.at
      drawFlags(frame)
    },
    blended: palette => view.recolour(palette),
    rested: what => own.send("round", what),
  })
  player.linkTo(act => { for (const one of globalThis.__tamis_map) if (one.view !== view && group && one.group() === group) act({ at: number => one.player.follow(number) }) })
  const card = createCard(root, source, announce, group => player.curve(group))
  root.append(flags, legend, tools, playbar, live, notice)

  // A group of flagged rows, where they lie and how many; a click opens it.
  function drawFlags(frame) {
    groups = frame.groups.map(([cluster, x, y, n]) => [[x, y], el("button", {
      type: "button", class: "chrome flag", title: `${n.toLocaleString()} flagged in this round. Click to review them.`, disabled: !can.includes("flagged"),
      onclick: () => own.send("flagged", { cluster, round: frame.at }),
    }, `⚑ ${n.toLocaleString()}`)])
    flags.replaceChildren(...groups.map(([, button]) => button))
    placeFlags()
  }
  function placeFlags() {
    for (const [at, button] of groups) {
      const [x, y] = view.toPixels(at)
      button.hidden = x < 0 || y < 0 || x > root.clientWidth || y > root.clientHeight
      button.style.transform = `translate(${x}px, ${y}px) translate(-50%, -140%)`
    }
  }

  function choose(name) {
    tool = name
    root.dataset.tool = name
    drawTools()
  }
  // Where no page answers to the legend, it filters here alone.
  function showLegend(column) {
    const here = (kept, changed) => {
      if (!kept) view.set({ local: null })
      showLegend({ ...column, ...changed })
    }
    drawLegend(legend, column, {
      chosen: codes => can.includes("legend") ? own.send("legend", { key: column.key, codes })
        : here(codes.length, { items: column.items.map(item => ({ ...item, on: codes.includes(item.code) })) }),
      brushed: range => can.includes("brush") ? own.send("brush", { key: column.key, range }) : here(range, { range }),
      local: test => view.keepLocally(test, "set"),
    })
  }
  function picture() {
    return savePicture(view, { column: player.frame?.legend ?? shown, caption, name: data.file })
  }
  function share() {
    const { camera, fitted } = view.state
    own.send("share", { camera: [camera.x, camera.y, fitted / camera.scale], at: Date.now() })
  }
  function setDensity(on) {
    remember({ density: on })
    view.set({ density: on })
    drawTools()
  }
  function drawTools() {
    const button = (label, sign, act, pressed = null) => el("button", { type: "button", title: label, "aria-label": label.split(".")[0], "aria-pressed": pressed === null ? null : String(pressed), onclick: act }, sign)
    tools.replaceChildren(
      ...(can.includes("region") ? [...TOOLS.map(([name, label, sign]) => button(label, sign, () => choose(name), tool === name)), el("hr")] : []),
      button("Zoom in (+)", "+", () => { view.zoom(1.6); view.settle() }), button("Zoom out (-)", "−", () => { view.zoom(1 / 1.6); view.settle() }),
      button("Frame what matches (F)", "⛶", () => view.frame()),
      ...(can.length ? [el("hr"), button("Density (D)", "◍", () => setDensity(!view.state.density), view.state.density)] : []),
      ...(caption.length ? [button("Save as a picture (PNG)", "⤓", picture)] : []),
      ...(can.includes("share") ? [button("Share this view", "⇪", share)] : []),
    )
  }
  // Without a height of its own the map ends where the window does.
  function fill() {
    const scrolled = document.querySelector("[data-testid=stMain]")?.scrollTop ?? 0
    const free = innerHeight - root.getBoundingClientRect().top - scrolled - EDGE
    const below = bar.hidden ? 0 : bar.offsetHeight + BAR_GAP
    root.style.height = `${height || Math.max(LEAST_HEIGHT, Math.floor(free - below))}px`
  }
  const sieve = createSieve(bar, view, {
    changed: fill, announce, letGo: where => can.includes("sieve") && own.send("sieve", where), keep: where => own.send("keep", where),
    stale: () => says.failed(new Stale("sieve")),
  })
  addEventListener("resize", fill)
  const watch = new ResizeObserver(() => view.fit())
  let opened = false

  function update(next) {
    source.token = next.token
    card.forget()
    root.setAttribute("aria-label", next.label)
    height = next.height
    can = next.hands
    fill()
    group = next.group
    const look = getComputedStyle(root), read = name => look.getPropertyValue(name).trim()
    const [ink, paper] = [read("--st-text-color") || "#17211f", read("--st-background-color") || "#fff"]
    view.set({
      ink, paper, font: read("--st-font") || "system-ui", ghost: next.ghost, accent: next.accent,
      labels: next.labels, regions: next.regions, mark: next.mark, rings: next.rings, local: view.state.mask === next.mask ? null : view.state.local,
    })
    if (next.mark && String(next.mark) !== String(own.mark)) view.set({ cursor: null })
    own.mark = next.mark
    mask = next.mask
    caption = next.caption ?? []
    shown = next.column
    player.update(next.rounds)
    if (!next.rounds) showLegend(next.column)
    drawTools()
    const palette = Uint8Array.from(atob(next.palette), c => c.charCodeAt(0))
    if (!next.rounds) view.show({ column: next.column.id, mask, palette })
    sieve.update(next.sieve, next.theme)
    announce(next.said)
    if (!opened) {
      opened = true
      watch.observe(root)
      view.open(next.bounds).catch(error => {
        opened = false // the next answer of the page tries again
        says.failed(error)
      })
    }
  }
  const blocked = () => {
    const frame = root.getBoundingClientRect()
    return [legend, tools, playbar].filter(one => !one.hidden).map(one => one.getBoundingClientRect()).map(b => [b.left - frame.left, b.top - frame.top, b.right - frame.left, b.bottom - frame.top]).concat(groups.map(([at]) => view.toPixels(at)).map(([x, y]) => [x - 22, y - 32, x + 22, y - 6]))
  }
  view.state.blocked = blocked
  function free() {
    watch.disconnect()
    removeEventListener("resize", fill)
    hands.free()
    sieve.free()
    player.free()
    view.free()
    style.remove()
    root.remove()
    bar.remove()
    made.delete(parent)
    globalThis.__tamis_map = globalThis.__tamis_map.filter(one => one !== handle)
  }
  // What browser tests hold: the view with its state, and where a row lies.
  const handle = { view, source, player, name: data.name, root, free, picture, pixelsOf, group: () => group }
  async function pixelsOf(row) {
    for (const { tile, places } of view.entries()) {
      const at = (await source.rows(tile.number, tile.number)).indexOf(row), k = tile.side / 65536
      if (at >= 0) return view.toPixels([tile.x + k * (places[2 * at] + 0.5), tile.y + k * (places[2 * at + 1] + 0.5)])
    }
    return null
  }
  globalThis.__tamis_map = [...(globalThis.__tamis_map ?? []), handle]
  made.set(parent, own)
  choose("pan")
  return own
}
