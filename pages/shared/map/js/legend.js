// What the colours say, and a filter: names to click, or a histogram to brush.
const BARS = 48

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made[key] = value
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value)
  }
  made.append(...children) // texts become text nodes: nothing of a dataset is read as markup
  return made
}

// `chosen` is told which codes are left, none for all; `brushed` the lowest and highest value, or null for all.
export function drawLegend(box, column, { chosen, brushed, local }) {
  box.replaceChildren()
  box.hidden = column.kind === "none"
  if (box.hidden) return
  // A long list stands in the page's own panel too; unfolded it would hide what it explains.
  if (box.dataset.column !== column.key) Object.assign(box.dataset, { column: column.key, folded: column.folded ? "yes" : "no" })
  const folded = box.dataset.folded === "yes"
  const head = el("button", { class: "title", type: "button", "aria-expanded": String(!folded), onclick: () => {
    box.dataset.folded = folded ? "no" : "yes"
    drawLegend(box, column, { chosen, brushed, local })
  } }, column.title, el("span", { class: "fold" }, folded ? "▸" : "▾"))
  box.append(head)
  if (folded) return
  if (column.kind === "scale") scale(box, column)
  else if (column.kind === "groups") groups(box, column, chosen, local)
  else numbers(box, column, brushed, local)
}

function groups(box, column, chosen, local) {
  const on = new Set(column.items.filter(item => item.on).map(item => item.code)), filtered = on.size > 0
  const list = el("ul", { class: "items scrolls" }), most = Math.max(1, ...(column.now ?? []))
  column.items.forEach((item, i) => {
    const pressed = filtered && on.has(item.code)
    const button = el("button", {
      type: "button", class: filtered && !pressed ? "off" : "", "aria-pressed": String(pressed), disabled: item.code < 0,
      title: `${item.label}: ${item.count.toLocaleString()} rows. Click for these alone; with Shift, these too.`,
      onclick: event => {
        const next = event.shiftKey || event.ctrlKey || event.metaKey ? new Set(on) : new Set()
        if (pressed) next.delete(item.code)
        else next.add(item.code)
        if (pressed && !event.shiftKey) next.clear()
        if (next.size) local((x, y, code) => next.has(code))
        chosen([...next])
      },
    }, el("i", { style: `background:${item.colour}` }), el("span", { class: "name" }, item.label), el("span", { class: "count" }, (column.now?.[i] ?? item.count).toLocaleString()))
    if (column.now) button.style.setProperty("--share", `${(100 * column.now[i]) / most}%`)
    list.append(el("li", {}, button))
  })
  box.append(list)
}

function scale(box, column) {
  box.append(
    el("div", { class: "gradient", style: `background:linear-gradient(to right, ${column.colours.join(", ")})` }),
    el("div", { class: "ends" }, ...column.ticks.map(text => el("span", {}, text))),
  )
}

function numbers(box, column, brushed, local) {
  const { histogram, low, high } = column, most = Math.max(1, ...histogram), span = high - low || 1
  const bars = el("div", { class: "bars", role: "img", "aria-label": `Histogram from ${show(low, span)} to ${show(high, span)}` })
  histogram.forEach((count, i) => {
    const colour = column.colours[Math.min(BARS - 1, i)], height = count ? Math.max(4, Math.round((100 * Math.sqrt(count)) / Math.sqrt(most))) : 0
    // Of what the rest of the filter leaves the share that it is of all; all of it faintly behind.
    const left = column.now ? (count ? Math.sqrt(column.now[i] / count) : 0) : 1
    bars.append(el("b", { style: `height:${height}%;background:${column.now ? `linear-gradient(to top, ${colour} ${100 * left}%, color-mix(in srgb, ${colour} 22%, transparent) 0)` : colour}` }))
  })
  const window = el("span", { class: "window" })
  bars.append(window)
  const ends = el("div", { class: "ends" }, el("span", {}, show(low, span)), el("span", { class: "said" }, ""), el("span", {}, show(high, span)))
  const said = ends.children[1]
  const place = (a, b) => {
    window.style.left = `${(100 * (a - low)) / span}%`
    window.style.width = `${(100 * (b - a)) / span}%`
    window.hidden = a <= low && b >= high
    said.textContent = window.hidden ? "" : `${show(a, span)} – ${show(b, span)}`
  }
  place(column.range?.[0] ?? low, column.range?.[1] ?? high)
  const at = event => {
    const frame = bars.getBoundingClientRect()
    return low + span * Math.min(1, Math.max(0, (event.clientX - frame.left) / frame.width))
  }
  let from = null
  bars.onpointerdown = event => {
    bars.setPointerCapture(event.pointerId)
    from = at(event)
  }
  bars.onpointermove = event => {
    if (from !== null) place(Math.min(from, at(event)), Math.max(from, at(event)))
  }
  bars.onpointerup = event => {
    if (from === null) return
    const a = Math.min(from, at(event)), b = Math.max(from, at(event))
    from = null
    if (b - a < span / 200) {
      place(low, high)
      return column.range && brushed(null)
    }
    const edges = column.edges, first = edges.findIndex(edge => edge > a) - 1, last = edges.findLastIndex(edge => edge <= b)
    local((x, y, code) => code >= first && code <= last)
    brushed([a, b])
  }
  box.append(bars, ends)
  if (column.range) box.append(el("button", { type: "button", class: "plain", onclick: () => brushed(null) }, "All values"))
  if (column.n_missing) box.append(el("div", { class: "ends" }, `${column.n_missing.toLocaleString()} without a value`))
}

// A number in three digits; what is far below `span` is nothing.
export const show = (value, span = 0) => Math.abs(value) < span / 1e4 ? "0" : Math.abs(value) >= 1000 || Number.isInteger(value) ? Math.round(value).toLocaleString() : String(Number(value.toPrecision(3)))
