// What Streamlit calls: once when the map appears, and again on each change of its data or of the theme.
import { createCard } from "./card.js"
import { giveHands } from "./hands.js"
import { drawLegend, el } from "./legend.js"
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

function mount(parent, data) {
  const root = el("div", { class: "map", tabindex: "0", role: "application", "data-testid": "tamis-map" })
  const legend = el("div", { class: "legend chrome", hidden: true }), tools = el("div", { class: "tools chrome", role: "toolbar", "aria-label": "Map" })
  const live = el("div", { class: "live", "aria-live": "polite" }), notice = el("div", { class: "notice", hidden: true, role: "status" })
  const style = el("style", {}, STYLE), bar = el("section", { class: "sieve", "aria-label": "Sieve", "data-testid": "tamis-sieve", hidden: true })
  parent.append(style, root, bar)
  const source = routeSource(data.base), memory = `tamis-map ${data.base} ${data.name}`
  source.token = data.token
  let tool = "pan", group = data.group, height = data.height, can = data.hands
  const own = { base: data.base, send: () => {}, asked: 0, update, free }
  const announce = text => { live.textContent = text }

  const says = {
    frame(state) {
      Object.assign(root.dataset, { painted: state.painted, frames: state.frames, column: state.column, mask: state.mask })
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
  }
  const kept = JSON.parse(sessionStorage.getItem(memory) ?? "{}")
  const remember = part => sessionStorage.setItem(memory, JSON.stringify(Object.assign(kept, part)))
  const view = createView(root, source, { gl: globalThis.__tamis_gl ?? "auto", say: (what, value) => says[what](value), remembered: kept.camera })
  view.state.density = Boolean(kept.density)
  root.dataset.kind = view.kind
  const hands = giveHands(root, view, { say: (what, value) => says[what](value), tool: () => tool, choose, can: what => can.includes(what), eager: () => !height })
  const card = createCard(root, source, announce)
  root.append(legend, tools, live, notice)

  function choose(name) {
    tool = name
    root.dataset.tool = name
    drawTools()
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
    drawLegend(legend, next.column, {
      chosen: codes => own.send("legend", { key: next.column.key, codes }),
      brushed: range => own.send("brush", { key: next.column.key, range }),
      local: test => view.keepLocally(test, "set"),
    })
    drawTools()
    const palette = Uint8Array.from(atob(next.palette), c => c.charCodeAt(0))
    view.show({ column: next.column.id, mask: next.mask, palette })
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
    return [legend, tools].filter(one => !one.hidden).map(one => one.getBoundingClientRect()).map(b => [b.left - frame.left, b.top - frame.top, b.right - frame.left, b.bottom - frame.top])
  }
  view.state.blocked = blocked
  function free() {
    watch.disconnect()
    removeEventListener("resize", fill)
    hands.free()
    sieve.free()
    view.free()
    style.remove()
    root.remove()
    bar.remove()
    made.delete(parent)
    globalThis.__tamis_map = globalThis.__tamis_map.filter(one => one !== handle)
  }
  // What browser tests hold: the view with its state, and where a row lies.
  const handle = { view, source, name: data.name, root, free, pixelsOf, group: () => group }
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
