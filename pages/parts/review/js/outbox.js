// Decisions on their way: kept in this browser until the server has answered, sent in order, as often as it takes.
// A repeated one is harmless (the server knows sender and number), so any tab of this reviewer may send what another left.
const BATCH = 50, SOONEST_MS = 500, LATEST_MS = 8_000, OTHERS_AFTER_MS = 1_500, PATIENCE_MS = 30_000

function createOutbox(kept, changed) {
  const prefix = `tamis-decisions ${kept} `
  const memory = new Map() // where this browser keeps nothing
  let sender = newSender(), number = 0, saved = 0, pause = SOONEST_MS, busy = false, timer
  let trouble = null // { text, away } once the server refused, or is away
  let isKept = true
  const conflicts = []

  function newSender() { return Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, "0")).join("") }
  function write(key, entry) {
    try { localStorage.setItem(key, JSON.stringify(entry)) } catch { isKept = false; memory.set(key, entry) }
  }
  function remove(key) {
    memory.delete(key)
    try { localStorage.removeItem(key) } catch { /* it keeps nothing */ }
  }
  // In the order in which they were made: sender by sender, each by its numbers.
  function waiting() {
    const found = new Map([...memory].map(([key, entry]) => [key, { key, ...entry }]))
    try {
      for (let i = 0; i < localStorage.length; i++) {
        const key = localStorage.key(i)
        if (key?.startsWith(prefix)) found.set(key, { key, ...JSON.parse(localStorage.getItem(key)) })
      }
    } catch { isKept = false }
    const all = [...found.values()], first = {}
    for (const one of all) first[one.body.sender] = Math.min(first[one.body.sender] ?? Infinity, one.at)
    return all.sort((a, b) => first[a.body.sender] - first[b.body.sender] || (a.body.sender < b.body.sender ? -1 : a.body.sender > b.body.sender ? 1 : a.body.number - b.body.number))
  }
  const isDue = entry => entry.body.sender === sender || Date.now() - entry.at > OTHERS_AFTER_MS
  function put(body) {
    number += 1
    write(`${prefix}${sender} ${String(number).padStart(9, "0")}`, { at: Date.now(), body: { ...body, sender, number } })
    changed()
    send()
  }
  async function send() {
    if (busy || (trouble && !trouble.away)) return
    busy = true
    clearTimeout(timer)
    try {
      for (let due = waiting().filter(isDue); due.length; due = waiting().filter(isDue)) await sendSome(due.slice(0, BATCH))
      if (waiting().length) later(OTHERS_AFTER_MS)
    } catch (error) {
      trouble = { away: error.away ?? true, text: error.message }
      if (trouble.away) { later(pause); pause = Math.min(LATEST_MS, pause * 2) }
    }
    busy = false
    changed()
  }
  function later(ms) { clearTimeout(timer); timer = setTimeout(send, ms) }
  function stop(text, away) { throw Object.assign(new Error(text), { away }) }
  async function sendSome(entries) {
    const sent = await fetch(new URL("api/decisions", document.baseURI), {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ decisions: entries.map(one => one.body) }), signal: AbortSignal.timeout(PATIENCE_MS),
      keepalive: entries.length < 20, // one that is under way arrives although the tab is closed; of large bodies no browser keeps that
    }).catch(() => stop("The server does not answer.", true))
    const said = await sent.json().catch(() => null)
    if (sent.status >= 500) stop("The server cannot answer now.", true)
    if (!said) stop("The server does not know this browser any more: open its address again, in another tab.", true)
    if (!said.answers) stop(said.error ?? `The server answered ${sent.status}.`, false)
    pause = SOONEST_MS
    trouble = null
    said.answers.forEach((answer, i) => take(entries[i], answer))
    changed()
  }
  function take(entry, answer) {
    if (answer.status === 200) {
      remove(entry.key)
      saved += 1
      if (answer.conflict) conflicts.push(entry.body.row)
    } else if (answer.status === 409) renumber(entry.body.sender) // a server set back to a backup: these were never made
    else stop(`Row ${entry.body.row.toLocaleString("en")}: ${answer.error}`, false)
  }
  function renumber(of, without = null) {
    const fresh = newSender()
    waiting().filter(one => one.body.sender === of && one.key !== without).forEach((one, i) => {
      write(`${prefix}${fresh} ${String(i + 1).padStart(9, "0")}`, { at: one.at, body: { ...one.body, sender: fresh, number: i + 1 } })
      if (of === sender) number = i + 1
      remove(one.key)
    })
    if (of !== sender) return
    if (!waiting().some(one => one.body.sender === fresh)) number = 0
    sender = fresh
  }
  // Of a decision that the server refuses: it alone goes, those behind it stay.
  function discard() {
    const [refused] = waiting()
    if (refused) { remove(refused.key); renumber(refused.body.sender) }
    again()
    return refused?.body.row
  }
  function again() { trouble = null; pause = SOONEST_MS; changed(); send() }
  const isOurs = event => { if (event.key === null || event.key.startsWith(prefix)) changed() }
  addEventListener("online", again)
  addEventListener("storage", isOurs)
  addEventListener("beforeunload", event => { if (memory.size) event.preventDefault() })
  setTimeout(send)
  return { put, again, discard, waiting: () => waiting().length, rows: () => waiting().map(one => one.body.row), state: () => ({ saved, waiting: waiting().length, trouble, isKept, conflicts }) }
}
