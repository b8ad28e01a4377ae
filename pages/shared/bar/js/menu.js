// The command menu: everything it lists is here already, so a key is answered at once; Enter asks for one address.
const MOST_SHOWN = 40, FEW = 6

// How well what is typed fits: every word of it must be found. Words and their beginnings count most, then letters in their
// order; `at` says which letters of the label were found.
function fit(typed, { text, begins, also }) {
  const at = new Set()
  let score = 0
  for (const word of typed) {
    const begin = begins.find(place => text.startsWith(word, place)), place = begin ?? text.indexOf(word)
    if (place >= 0) {
      score += (begin === undefined ? 60 : 100) - Math.min(40, place)
      for (let i = 0; i < word.length; i++) at.add(place + i)
    } else if (also.includes(word)) score += 30
    else {
      const letters = inOrder(word, text)
      if (!letters) return null
      score += 20 - Math.min(19, letters.at(-1) - letters[0] - letters.length)
      letters.forEach(i => at.add(i))
    }
  }
  return { score: score - text.length / 100, at }
}

function inOrder(word, text) {
  for (let from = text.indexOf(word[0]); from >= 0; from = text.indexOf(word[0], from + 1)) {
    const found = [from]
    for (const letter of word.slice(1)) {
      const next = text.indexOf(letter, found.at(-1) + 1)
      if (next < 0) return null
      found.push(next)
    }
    if (found.at(-1) - from < 3 * word.length) return found
  }
  return null
}

// Everything that can be gone to, once for all that is typed.
function prepare(data) {
  const here = data.dataset ? { dataset: data.dataset } : {}
  const all = [
    ...data.pages.map(([page, label, also]) => ({ kind: "Page", label, also, page, query: here })),
    ...data.commands.map(([label, also, page, query, why]) => ({ kind: "Do", label, also, page, query: { ...here, ...query }, why })),
    ...data.datasets.map(([id, label]) => ({ kind: id === data.dataset ? "Open" : "Dataset", label, also: id, page: data.here || "overview", query: { dataset: id } })),
  ]
  return all.map(one => {
    const text = one.label.toLowerCase()
    return { ...one, text, also: one.also.toLowerCase(), begins: [...text.matchAll(/[\p{L}\p{N}]+/gu)].map(found => found.index) }
  })
}

// What fits, best first.
function entriesFor(typed, data, all) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  if (!words.length) return ["Page", "Dataset", "Do"].flatMap(kind => all.filter(one => one.kind === kind).slice(0, kind === "Dataset" ? FEW : undefined))
  const found = []
  for (const one of all) {
    const fitting = fit(words, one)
    if (fitting) found.push({ ...one, ...fitting })
  }
  return [...rowsFor(typed, data), ...found.sort((a, b) => b.score - a.score)].slice(0, MOST_SHOWN)
}

function rowsFor(typed, data) {
  const said = /^\s*(?:r(?:ow)?)?\s*#?\s*(\d[\d.,\s]*)$/i.exec(typed)
  if (!said || !data.rows) return []
  const row = Number(said[1].replace(/[^\d]/g, "")), label = `Row ${row.toLocaleString("en")}`
  const why = row < data.rows ? "" : `This dataset has ${data.rows.toLocaleString("en")} rows: 0 to ${(data.rows - 1).toLocaleString("en")}.`
  const query = { dataset: data.dataset, row: String(row) }
  const stay = Object.fromEntries(new URL(location.href).searchParams)
  return [
    ...(data.here === "review" ? [{ kind: "In this review", label, page: "review", query: { ...stay, ...query }, why }] : []),
    { kind: "On the map", label, page: "data_map", query, why },
  ]
}

function createMenu(root, go) {
  const field = el("input", { type: "text", role: "combobox", "aria-label": "Go to a page, a dataset, a row, or do something", "aria-controls": "entries", "aria-expanded": "true", autocomplete: "off", spellcheck: "false", placeholder: "Page, dataset, row 1234, or what you want to do" })
  const list = el("div", { role: "listbox", id: "entries", "aria-label": "What fits" }), foot = el("p", { class: "foot", "aria-live": "polite" })
  const dialog = el("dialog", { class: "menu", "aria-label": "Command menu" }, field, list, foot)
  root.append(dialog)
  let data = null, all = [], entries = [], chosen = 0

  function draw() {
    list.replaceChildren(...entries.map((one, i) =>
      el("div", { role: "option", id: `entry-${i}`, class: one.why ? "no" : null, "aria-selected": String(i === chosen), "aria-disabled": one.why ? "true" : null, onclick: event => take(i, event), onpointermove: () => choose(i) },
        el("span", { class: "label" }, ...marked(one)), el("span", { class: "kind" }, one.kind))))
    if (!entries.length) list.replaceChildren(el("p", { class: "none" }, "Nothing is called like that."))
    settle()
  }
  function marked({ label, at }) {
    if (!at?.size) return [label]
    let place = 0
    return [...label].map(letter => {
      const is = at.has(place)
      place += letter.length
      return is ? el("b", {}, letter) : letter
    })
  }
  function choose(i) {
    if (i === chosen) return
    chosen = i
    list.querySelectorAll("[role=option]").forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)))
    settle()
  }
  function settle() {
    field.setAttribute("aria-activedescendant", entries.length ? `entry-${chosen}` : "")
    list.children[chosen]?.scrollIntoView?.({ block: "nearest" })
    foot.textContent = entries[chosen]?.why || "↑ ↓ to choose · Enter to go · Ctrl Enter in another tab · Esc to close"
  }
  function find() {
    entries = entriesFor(field.value, data, all)
    chosen = 0
    list.scrollTop = 0
    draw()
  }
  function take(i, event) {
    const entry = entries[i]
    if (!entry || entry.why) return
    if (event.ctrlKey || event.metaKey) return open(addressOf(entry), "_blank", "noopener")
    dialog.close()
    go(entry)
  }
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }
  dialog.onkeydown = event => {
    event.stopPropagation() // the page's own keys mean the page
    if (event.isComposing) return
    if (event.key in moves && entries.length) {
      event.preventDefault()
      const step = moves[event.key]
      choose(Math.abs(step) === 1 ? (chosen + step + entries.length) % entries.length : Math.max(0, Math.min(entries.length - 1, chosen + step)))
    } else if (event.key === "Enter") { event.preventDefault(); take(chosen, event) }
    else if (event.key === "Escape") { event.preventDefault(); dialog.close() }
  }
  dialog.onkeyup = event => event.stopPropagation()
  dialog.onclick = event => { if (event.target === dialog) dialog.close() } // beside it
  field.oninput = find

  function show() {
    field.value = ""
    if (!dialog.open) dialog.showModal()
    find()
    field.focus()
  }
  return { show, close: () => dialog.close(), isOpen: () => dialog.open, update: next => { data = next; all = prepare(next); if (dialog.open) find() } }
}
