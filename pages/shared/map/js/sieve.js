// The sieve under the map: a hand moves a budget, the server answers which rows are picked, points light up and fade.
import { el } from "./legend.js"
import { askPage, bitsByTile, Stale } from "./source.js"

const PLACES = 1000 // of a slider
const REST_MS = 450 // keys at rest have let go
const number = (value, whole) => whole ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 })
const percent = share => `${share > 0 && share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`

// `changed` is told how high the bar is now, `let_go` where the hand has left it, `keep` that it is to be made.
export function createSieve(bar, view, { changed, letGo, keep, stale, announce }) {
  let data = null, base = "", now = null, wanted = false, flying = false, covered = false, warming = false, answer = null, cluster = null, resting = 0, dead = false
  const parts = {}

  function update(next, theme) {
    const was = JSON.stringify([data?.page.name, data?.keep, data?.clusters?.length])
    data = next
    bar.hidden = !data
    bar.style.colorScheme = theme
    if (!data) {
      view.set({ sieved: null })
      base = ""
      return changed()
    }
    // What the page says is where the hand has let go; anything newer stays.
    const said = JSON.stringify([data.at, data.temperature?.at, data.shares, data.low, data.high, data.unit])
    if (said !== base) now = { at: data.at, temperature: data.temperature?.at ?? null, shares: { ...data.shares } }
    if (said === base && was === JSON.stringify([data.page.name, data.keep, data.clusters.length])) return
    base = said
    cluster ??= Number(Object.keys(data.shares)[0] ?? data.clusters[0]?.[0])
    build()
    ask()
  }

  const span = () => data.high - data.low || 1
  const toPlace = at => Math.round(PLACES * Math.sqrt(Math.min(1, Math.max(0, (at - data.low) / span())))) // small budgets have most of the way
  const fromPlace = place => fitted(data.low + span() * (place / PLACES) ** 2)
  const fitted = at => Math.min(data.high, Math.max(data.low, data.whole ? Math.round(at) : at))
  const degrees = () => data.temperature.high / data.temperature.low
  const shareOf = id => now.shares[id] ?? answer?.share[id] ?? 0

  function slider(label, help, act, step) {
    const input = el("input", { type: "range", min: 0, max: PLACES, step: 1, "aria-label": label, title: help })
    input.oninput = () => { act(Number(input.value)); moved() }
    input.onchange = release
    input.onkeydown = event => {
      const turn = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key]
      event.stopPropagation() // the map's own keys
      if (!turn) return
      event.preventDefault()
      step(turn * (event.shiftKey ? 10 : 1))
      moved()
      rest()
    }
    return input
  }
  function rest() {
    clearTimeout(resting)
    resting = setTimeout(release, REST_MS)
  }
  function row(name, text, input, said, extra = null) {
    return el("div", { class: "line", "data-line": name }, text, input, el("span", { class: "at" }, said, ...(extra ? [extra] : [])))
  }
  const back = (title, act) => el("button", { type: "button", class: "back", title, "aria-label": title, onclick: () => { act(); moved(); release() } }, "↺")

  function build() {
    const lines = [budgetLine()]
    if (data.temperature) lines.push(temperatureLine())
    if (data.clusters.length) lines.push(shareLine())
    parts.table = el("table", { class: "figures" })
    parts.note = el("span", { class: "said", role: "status" })
    parts.keep = data.keep && el("button", { type: "button", class: "main", disabled: true, title: data.keep.help ?? "", onclick: () => keep(sayable()) }, "Keep these rows")
    bar.replaceChildren(el("div", { class: "lines" }, ...lines), el("div", { class: "told" }, parts.table, el("div", { class: "end" }, parts.note, ...(parts.keep ? [parts.keep] : []))))
    draw()
    if (answer) tell() // until the next answer
    changed()
  }
  function budgetLine() {
    const unit = data.unit || "units of the cost"
    parts.budget = slider(`Budget in ${unit}`, "Drag, or the arrow keys: one at a time, ten with Shift", place => { now.at = fromPlace(place) }, by => { now.at = fitted(now.at + by * (data.whole ? 1 : span() / PLACES)) })
    parts.exact = el("input", { type: "number", class: "exact", min: data.low, max: data.high, step: data.whole ? 1 : "any", "aria-label": `Exactly so many ${unit}` })
    parts.exact.onkeydown = event => event.stopPropagation()
    parts.exact.onchange = () => {
      now.at = fitted(Number(parts.exact.value) || data.low)
      moved()
      release()
    }
    parts.of = el("span", { class: "of" })
    return el("div", { class: "line", "data-line": "budget" }, el("span", { class: "what" }, data.unit === "rows" ? "Rows" : data.unit === "tokens" ? "Tokens" : "Cost"), parts.budget, el("span", { class: "at" }, parts.exact, parts.of))
  }
  function temperatureLine() {
    const { low } = data.temperature
    const set = place => { now.temperature = Number((low * degrees() ** (place / PLACES)).toPrecision(3)) }
    parts.temperature = slider("Temperature of quality", "T of the softmax: to the left the best rows alone, to the right hardly by quality", set, by => set(Math.min(PLACES, Math.max(0, Number(parts.temperature.value) + 10 * by))))
    parts.warm = el("span", {})
    parts.cool = back(`Quality counts ${data.temperature.else} again`, () => { now.temperature = data.temperature.at })
    return row("temperature", el("span", { class: "what" }, "Quality"), parts.temperature, parts.warm, parts.cool)
  }
  function shareLine() {
    const options = data.clusters.map(([id, name, size]) => el("option", { value: id, selected: id === cluster, title: `${size.toLocaleString("en")} rows` }, name))
    const choice = el("select", { class: "what", "aria-label": "Cluster whose share is moved", onchange: () => { cluster = Number(choice.value); draw() }, onkeydown: event => event.stopPropagation() }, ...options)
    const set = share => { now.shares = { ...now.shares, [cluster]: Number(Math.min(room(), Math.max(0, share)).toFixed(4)) } }
    const room = () => 1 - Object.entries(now.shares).reduce((sum, [id, share]) => sum + (Number(id) === cluster ? 0 : share), 0)
    parts.share = slider("Share of this cluster", "How much of the budget this cluster gets; the others divide the rest", place => set((place / PLACES) ** 2), by => set(shareOf(cluster) + by / 200))
    parts.portion = el("span", {})
    parts.even = back("This cluster has no share of its own again", () => {
      const { [cluster]: _, ...others } = now.shares
      now.shares = others
    })
    return row("share", choice, parts.share, parts.portion, parts.even)
  }

  function place(input, at) {
    input.value = at
    input.style.setProperty("--fill", `${(100 * input.value) / PLACES}%`)
  }
  function draw() {
    place(parts.budget, toPlace(now.at))
    parts.budget.setAttribute("aria-valuetext", `${number(now.at, data.whole)} ${data.unit}`)
    if (bar.getRootNode().activeElement !== parts.exact) parts.exact.value = data.whole ? Math.round(now.at) : Number(now.at.toPrecision(6))
    parts.of.textContent = `of ${number(data.high, data.whole)}`
    if (data.temperature) {
      const { low } = data.temperature, at = now.temperature
      place(parts.temperature, Math.round((PLACES * Math.log((at ?? 0.5) / low)) / Math.log(degrees())))
      parts.temperature.classList.toggle("off", at === null)
      parts.warm.textContent = at === null ? data.temperature.else : `T = ${at.toPrecision(2)}`
      parts.temperature.setAttribute("aria-valuetext", parts.warm.textContent)
      parts.cool.hidden = at === data.temperature.at
    }
    if (data.clusters.length) {
      const own = cluster in now.shares
      if (bar.getRootNode().activeElement !== parts.share || own) place(parts.share, Math.round(PLACES * Math.sqrt(shareOf(cluster))))
      parts.share.classList.toggle("off", !own)
      parts.portion.textContent = percent(shareOf(cluster))
      parts.share.setAttribute("aria-valuetext", parts.portion.textContent)
      parts.even.hidden = !own
    }
  }
  function tell() {
    const { figures } = answer, head = el("tr", {}, el("th", {}), ...figures.map(one => el("th", { scope: "col", title: one.help }, one.title)))
    const line = (name, key, title) => el("tr", { class: key }, el("th", { scope: "row", title }, name), ...figures.map(one => el("td", {}, one[key])))
    const lines = [line("These picks", "picked", "What would be picked here: exactly the rows that the job picks.")]
    if (figures.some(one => one.random)) lines.push(line("Random pick", "random", "A random pick of as many rows from the same ones."))
    parts.table.replaceChildren(el("thead", {}, head), el("tbody", {}, ...lines))
    if (parts.keep) {
      parts.keep.textContent = answer.keep
      parts.keep.disabled = data.keep.disabled || !answer.n
    }
    changed()
  }

  function moved() {
    draw()
    ask()
  }
  const sayable = () => ({ at: now.at, temperature: now.temperature, shares: now.shares })
  function release() {
    clearTimeout(resting)
    if (dead || !data) return
    base = JSON.stringify([now.at, now.temperature, now.shares, data.low, data.high, data.unit])
    letGo(sayable())
    if (answer) announce(`${answer.n.toLocaleString("en")} rows.`)
  }
  // One question at a time; of all places passed meanwhile only the last is asked about.
  async function ask() {
    wanted = true
    if (flying) return
    flying = true
    try {
      while (wanted && !dead && data) {
        wanted = false
        const { page } = data, asked = performance.now()
        const found = await askPage(page, { ...sayable(), covered })
        if (dead || !data) break
        answer = found
        bar.dataset.ms = Math.round(performance.now() - asked)
        view.set({ sieved: bitsByTile(Uint8Array.from(atob(found.bits), c => c.charCodeAt(0)), view) })
        bar.dataset.picked = found.n
        bar.dataset.at = JSON.stringify(sayable())
        parts.note.textContent = ""
        tell()
        draw()
        if (found.to_cover) cover()
      }
    } catch (error) {
      if (error instanceof Stale) stale()
      if (parts.note) parts.note.textContent = error instanceof Stale ? "" : error.message
    } finally {
      flying = false
    }
  }
  // What coverage is looked up in takes a second or two once; picks do not wait for it.
  async function cover() {
    if (warming) return
    warming = true
    try {
      await askPage(data.page, { ...sayable(), covered: true })
      covered = true
      ask()
    } catch {
      warming = false // the next answer tries again
    }
  }
  return {
    update,
    free() {
      dead = true
      clearTimeout(resting)
    },
  }
}
