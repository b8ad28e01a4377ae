// The row that is decided, and those behind it. A key is answered here; the server hears of it in the background, and the
// page follows when the keys rest. `globalThis` keeps what outlives the element: decisions on their way, and the place.
const FEW = 10, MANY = 120, REST_MS = 700, RETRY_MS = 1_000, HOLD_MS = 45_000, SAID_MS = 4_000
const FORWARD = { E: "edit", U: "undo", Y: "redo", P: "previous", N: "next" }, OF_ROW = ["edit", "previous", "next"]
const kept = (globalThis.__tamis_lanes ??= new Map())

function openLane(data) {
  const id = `${data.kept} ${data.about.proposals}`
  if (!kept.has(id)) {
    const lane = { item: null, ahead: [], moves: Date.now(), isAhead: false, dirty: false, done: new Set(), skipped: new Set(data.skipped), ignored: 0, isEnd: false, pending: "", pressed: -Infinity, tooFastAt: -Infinity, shownAt: performance.now(), page: data.page.name, taken: [], redraw: () => {} }
    let before = null
    lane.outbox = createOutbox(data.kept, () => {
      const { saved } = lane.outbox?.state() ?? {}
      if (before !== null && saved !== before) lane.dirty = true
      before = saved ?? 0
      lane.redraw()
    })
    kept.set(id, lane)
  }
  return kept.get(id)
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lane")
  root.__lane ??= mountLane(root, data)
  root.__lane.update(data, setTriggerValue)
  return () => { root.__lane?.free(); root.__lane = null }
}

function mountLane(root, first) {
  const lane = openLane(first)
  let data = first, send = () => {}, whole = null, marks = true, rest, refilling = false, wantsMore = false, delay = RETRY_MS
  const hide = document.head.appendChild(el("style", {}, ".st-key-review_native{display:none !important}"))
  const parts = { keys: el("div"), read: el("div", { class: "read" }), side: el("aside", { "aria-label": "Evidence" }), foot: el("div", { class: "foot" }), state: el("div", { class: "state", role: "status" }), said: el("p", { class: "said", "aria-live": "polite" }) }
  root.replaceChildren(parts.keys, parts.foot, el("div", { class: "desk" }, parts.read, parts.side))
  parts.foot.append(parts.state, parts.said)
  root.dataset.testid = "review-lane"
  const isFast = () => { try { return localStorage.getItem("tamis-review-fast") === "yes" } catch { return false } }
  const act = { decide, skip: () => pass(), forward, again: () => lane.outbox.again(), discard: () => { const row = lane.outbox.discard(); if (row !== undefined) lane.done.delete(row) } }

  function say(text, ...more) { parts.said.replaceChildren(text, ...more) }
  function draw() {
    const { item } = lane
    root.classList.toggle("unmarked", !marks)
    root.classList.toggle("two", item?.sides.length > 1)
    root.dataset.row = item ? item.row : ""
    if (!item) {
      parts.keys.replaceChildren()
      parts.read.replaceChildren(el("p", { class: "quiet" }, lane.isEnd ? "That was the last row. The page is coming along." : "The next rows are on their way."))
      parts.side.replaceChildren()
    } else {
      parts.keys.replaceChildren(drawKeys(item, data.may && !isHeldUp(), act))
      parts.read.replaceChildren(...drawRow(item, data.total, whole === item.row, turnWhole))
      parts.side.replaceChildren(...drawEvidence(item, marks, () => { marks = !marks; draw() }))
      parts.read.scrollTop = 0
    }
    drawFoot()
    for (const one of document.querySelectorAll(".st-key-review_more")) one.style.opacity = lane.isAhead ? 0.35 : ""
  }
  function drawFoot() {
    const fast = el("label", { class: "fast", title: `Otherwise a key decides once a row has been on screen for ${data.look_ms / 1000} s.` },
      el("input", { type: "checkbox", checked: isFast(), onchange: event => { try { localStorage.setItem("tamis-review-fast", event.target.checked ? "yes" : "") } catch { /* it keeps nothing */ } lane.ignored = 0; say(""); refill(true) } }), "Every press counts")
    parts.state.replaceChildren(...drawState(lane.outbox.state(), act), fast)
  }
  function turnWhole() { whole = whole === lane.item?.row ? null : lane.item?.row; draw() }
  // What the page draws beside the lane must be there before a key may decide: images, two answers.
  const isHeldUp = () => Boolean(lane.item?.waits) && lane.isAhead

  function show(item) {
    if (item?.row !== lane.item?.row) { lane.shownAt = performance.now(); whole = null }
    lane.item = item
    if (item) {
      const address = new URL(location.href)
      address.searchParams.set("row", item.row)
      if (address.href !== location.href) history.replaceState(history.state, "", address)
    }
    draw()
  }
  function move() {
    lane.last = lane.item.row
    lane.moves += 1
    lane.isAhead = true
    let next = lane.ahead.shift()
    while (next && lane.done.has(next.row)) next = lane.ahead.shift()
    show(next ?? null)
    refill()
    if (next?.waits) follow()
    else restThenFollow()
  }
  function decide(key) {
    const { item } = lane, choice = item?.keys[key]
    if (!choice || !data.may || isHeldUp()) return
    lane.done.add(item.row)
    lane.skipped.delete(item.row)
    lane.outbox.put({ ...data.about, row: item.row, do: choice[0], seen_event: item.seen })
    move()
  }
  function pass() {
    if (!lane.item) return
    lane.skipped.add(lane.item.row)
    move()
  }

  // The page follows: its counts, and what it draws of the row. Not while keys come, nor before the decisions are there.
  function restThenFollow() {
    clearTimeout(rest)
    rest = setTimeout(() => { if ((lane.isAhead || lane.dirty) && isSettled()) follow() }, REST_MS)
  }
  const isSettled = () => !lane.outbox.waiting() || lane.outbox.state().trouble
  function follow() {
    if (!lane.item && !lane.isEnd) return
    lane.dirty = false
    send("sync", { row: lane.item?.row ?? null, skipped: [...lane.skipped], echo: lane.moves, at: Date.now() })
  }
  // What only the page can do is pressed there, once it stands at the same row and everything is saved.
  function forward(name) {
    if ((name === "undo" || name === "redo") && lane.outbox.waiting()) {
      lane.pending = name
      return say(`${name === "undo" ? "Undo" : "Redo"} waits until the decisions before it are saved.`)
    }
    lane.pending = ""
    if (name === "undo" || name === "redo") lane.isAhead = false
    else if (lane.isAhead) {
      lane.pending = name
      return follow()
    }
    clearTimeout(rest) // the page moves now by itself
    lane.dirty = false
    pressOnPage(name)
  }
  // Not while it is being drawn: until its end the button may still mean the row before. What is about a row is named by it.
  function pressOnPage(name, tries = 200) {
    const app = document.querySelector("[data-testid=stApp]"), of = OF_ROW.includes(name) ? `_${lane.item?.row}` : ""
    const button = document.querySelector(`.st-key-review_${name}${of}:not([data-retained]) button`)
    if ((app?.dataset.testScriptState === "running" || !button) && tries) return setTimeout(pressOnPage, 50, name, tries - 1)
    button?.click()
  }
  function redraw() {
    drawFoot()
    if (lane.pending && !lane.outbox.waiting()) forward(lane.pending)
    else if (lane.dirty) restThenFollow()
  }

  // The rows behind this one, as the server has them now and holds them for this tab; of those known only the order.
  async function refill(always = false) {
    const enough = isFast() ? MANY : FEW
    if (!always && (lane.isEnd || lane.ahead.length > enough * 0.7)) return
    if (refilling) { wantsMore ||= always; return }
    refilling = true
    wantsMore = false
    try {
      const sent = await fetch(new URL("api/page", document.baseURI), {
        method: "POST", headers: { "content-type": "application/json" }, signal: AbortSignal.timeout(20_000),
        body: JSON.stringify({ ...data.page, asked: { after: lane.item?.row ?? lane.last ?? null, skipped: [...new Set([...lane.skipped, ...lane.done])], known: lane.ahead.map(one => one.row), count: enough } }),
      })
      if (!sent.ok) throw new Error(String(sent.status))
      take((await sent.json()).answer)
      delay = RETRY_MS
    } catch {
      setTimeout(() => { refilling = false; if (root.isConnected) refill(true) }, delay)
      delay = Math.min(10_000, delay * 2)
      return
    }
    refilling = false
    refill(wantsMore)
  }
  function take({ order, rows }) {
    const known = new Map([...lane.ahead, ...rows].map(one => [one.row, one])), unsaved = new Set(lane.outbox.rows())
    lane.ahead = order.filter(row => row !== lane.item?.row && !lane.done.has(row) && !unsaved.has(row) && known.has(row)).map(row => known.get(row))
    lane.isEnd = !lane.ahead.length
    if (lane.item) return
    if (lane.ahead.length) show(lane.ahead.shift())
    else { draw(); restThenFollow() }
  }

  function onKey(event) {
    const at = event.composedPath()[0], key = event.key.toUpperCase()
    // A text that the page does not draw any more is nobody's to type in, though Streamlit keeps it and its focus for a while.
    const isTyping = at && !(at.getRootNode().host ?? at).closest?.("[data-retained]") && (at.isContentEditable || ["TEXTAREA", "SELECT"].includes(at.tagName) || (at.tagName === "INPUT" && at.type !== "checkbox"))
    if (isTyping || isAway() || event.ctrlKey || event.metaKey || event.altKey || !/^[A-Z]$/.test(key)) return
    const isDecision = VERDICT_KEYS.includes(key) || key === "S"
    if (!isDecision && !(key in FORWARD) && key !== "F") return
    event.stopImmediatePropagation() // Streamlit's own shortcuts press the buttons of the page
    event.preventDefault()
    if (event.repeat) return
    if (!isDecision) return key === "F" ? turnWhole() : forward(FORWARD[key])
    const last = Math.max(lane.pressed, lane.shownAt)
    lane.pressed = Math.max(event.timeStamp, lane.pressed)
    if (!data.may && key !== "S") return say("Your account may look, but not decide.")
    if (!lane.item) return tooFast("its row was not there yet")
    if (!isFast() && event.timeStamp - last < data.look_ms) return tooFast(`a row must be seen for ${data.look_ms / 1000} s`)
    if (event.timeStamp - lane.tooFastAt > SAID_MS) { lane.ignored = 0; say("") }
    if (key === "S") pass()
    else decide(key)
    measure(event)
  }
  // Streamlit keeps an element for a while that its page does not draw any more, as while an answer is edited.
  function isAway() {
    const host = root.getRootNode().host ?? root
    return lane.redraw !== redraw || !root.isConnected || Boolean(host.closest("[data-retained]"))
  }
  function tooFast(why) {
    lane.ignored += 1
    lane.tooFastAt = performance.now()
    say(`Too fast: ${lane.ignored === 1 ? "a press" : `${lane.ignored} presses`} decided nothing, because ${why}.`)
  }
  // From the key to the frame that shows the next row, for whoever measures.
  function measure(event) {
    requestAnimationFrame(() => setTimeout(() => { lane.taken.push(performance.now() - event.timeStamp); if (lane.taken.length > 5_000) lane.taken.shift() }))
  }
  function fit() {
    const scrolled = document.querySelector("[data-testid=stMain]")?.scrollTop ?? 0
    const below = document.querySelector(".st-key-review_more")?.getBoundingClientRect().height ?? 40
    const desk = root.querySelector(".desk")
    desk.style.height = `${Math.max(260, innerHeight - desk.getBoundingClientRect().top - scrolled - below - 68)}px`
  }
  const watch = new ResizeObserver(fit)
  watch.observe(parts.foot)
  addEventListener("resize", fit)
  addEventListener("keydown", onKey, true)
  const holding = setInterval(() => { if (!document.hidden) refill(true) }, HOLD_MS) // what is held is held for two minutes

  function update(next, setTriggerValue) {
    const isOther = lane.page !== next.page.name
    data = next
    send = setTriggerValue
    lane.redraw = redraw // of two that Streamlit draws for a while, the one that it drew last has the keys
    lane.page = next.page.name
    if (isOther) lane.ahead = []
    const isArrived = isOther || !lane.isAhead || next.echo === lane.moves
    const isElsewhere = next.item.row !== lane.item?.row
    if (isArrived) arrive(next.item)
    else restThenFollow()
    fit()
    refill(isArrived && isElsewhere)
    if (lane.pending && !lane.isAhead) forward(lane.pending)
  }
  function arrive(item) {
    lane.isAhead = lane.isEnd = false
    if (!lane.outbox.waiting()) lane.done.clear()
    else if (!item.decided) lane.done.delete(item.row)
    lane.ahead = lane.ahead.filter(one => one.row !== item.row)
    show(item)
  }
  function free() {
    clearTimeout(rest)
    clearInterval(holding)
    watch.disconnect()
    removeEventListener("resize", fit)
    removeEventListener("keydown", onKey, true)
    hide.remove()
    if (lane.redraw === redraw) lane.redraw = () => {}
  }
  return { update, free }
}
