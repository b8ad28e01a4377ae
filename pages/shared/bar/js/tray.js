// The tray of jobs: asks the server now and then, and draws what it says; the page itself is not run for it.
const BUSY_MS = 1_500, IDLE_MS = 6_000, AWAY_MS = 15_000

function createTray(root, go) {
  const label = el("span", { class: "text" }, "Jobs"), ring = el("span", { class: "ring", "aria-hidden": "true" })
  const button = el("button", { type: "button", class: "jobs", "aria-expanded": "false", "aria-haspopup": "dialog" }, ring, label)
  const panel = el("div", { class: "tray", popover: "auto", role: "dialog", "aria-label": "Jobs" })
  root.append(button, panel)
  let data = null, said = null, timer, asking = false, asksAgain = false, isOpen = false, failed = ""

  button.onclick = () => panel.togglePopover()
  panel.addEventListener("beforetoggle", event => {
    isOpen = event.newState === "open"
    button.setAttribute("aria-expanded", String(isOpen))
    if (!isOpen) return
    place()
    draw()
    ask()
  })
  panel.onkeydown = event => { if (event.key !== "Escape") event.stopPropagation() }
  function place() {
    const box = button.getBoundingClientRect()
    panel.style.top = `${box.bottom + 6}px`
    panel.style.right = `${Math.max(8, innerWidth - box.right)}px`
  }

  async function ask(act = null) {
    if (asking && !act) { asksAgain = true; return }
    asking = true
    asksAgain = false
    clearTimeout(timer)
    let next = IDLE_MS
    try {
      const sent = await fetch(new URL("api/page", document.baseURI), {
        method: "POST", headers: { "content-type": "application/json" }, signal: AbortSignal.timeout(20_000),
        body: JSON.stringify({ ...data.tray, asked: { open: isOpen, ...act } }),
      })
      const answer = await sent.json()
      failed = sent.ok ? "" : answer.error ?? String(sent.status)
      if (sent.ok) said = answer.answer
      if (said?.headline) next = BUSY_MS
    } catch {
      failed = "The server does not answer."
      next = AWAY_MS
    }
    asking = false
    if (root.isConnected) { draw(); timer = setTimeout(tick, asksAgain ? 0 : next) }
  }
  // What nobody looks at is not asked for.
  function tick() { if (document.hidden) timer = setTimeout(tick, IDLE_MS); else ask() }
  const onShown = () => { if (!document.hidden && root.isConnected) ask() }
  document.addEventListener("visibilitychange", onShown)

  function draw() {
    if (!said && !failed) return
    const n = (said?.running.length ?? 0) + (said?.waiting.length ?? 0)
    ring.classList.toggle("on", Boolean(said?.running.length))
    label.textContent = n ? said.headline + (n > 1 ? ` · ${n - 1} more` : "") : "Jobs"
    button.setAttribute("aria-label", n ? `Jobs: ${label.textContent}` : "Jobs: none under way")
    button.title = n ? label.textContent : "Nothing runs"
    if (isOpen) drawPanel()
  }
  // Whoever is at one of its links by keyboard stays there.
  function drawPanel() {
    const at = panel.getRootNode().activeElement?.dataset?.key
    panel.replaceChildren(...panelParts())
    if (at) panel.querySelector(`[data-key="${CSS.escape(at)}"]`)?.focus()
  }
  function panelParts() {
    const part = (title, jobs, one) => jobs?.length ? [el("h4", {}, title), ...jobs.map(one)] : []
    const parts = [...part("Running", said?.running, drawUnderWay), ...part("Waiting", said?.waiting, drawUnderWay), ...part("Ended last", said?.ended, drawEnded)]
    return [
      failed ? el("p", { class: "alarm", role: "alert" }, failed) : null,
      ...parts,
      parts.length || failed ? null : el("p", { class: "quiet" }, said?.ended ? "Nothing has run yet." : "Looking …"),
      link(["All jobs"], { page: "job_list", query: data.dataset ? { dataset: data.dataset } : {} }, "all"),
    ].filter(Boolean)
  }
  function link(inside, where, key) {
    return el("a", { href: addressOf(where), "data-key": key, onclick: event => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      panel.hidePopover()
      go(where)
    } }, ...inside)
  }
  const name = job => [el("span", { class: "what" }, job.title), " ", el("span", { class: "of" }, job.dataset)]
  function drawUnderWay(job) {
    const where = { page: "job_list", query: { ...(data.dataset ? { dataset: data.dataset } : {}), job: job.id } }
    return el("div", { class: "job" },
      el("div", { class: "head" }, link(name(job), where, job.id),
        job.first ? el("button", { type: "button", "data-key": `first ${job.id}`, "aria-label": `Run ${job.title} of ${job.dataset} first`, onclick: () => ask({ first: job.id }) }, "Run first") : null,
        job.cancel ? el("button", { type: "button", "data-key": `cancel ${job.id}`, "aria-label": `Cancel ${job.title} of ${job.dataset}`, onclick: () => ask({ cancel: job.id }) }, "Cancel") : null),
      typeof job.fraction === "number" ? el("progress", { max: 1, value: job.fraction, "aria-label": `${job.title} of ${job.dataset}` }) : null,
      el("p", { class: "words" }, job.words))
  }
  function drawEnded(job) {
    return el("div", { class: `job ${job.state}` },
      el("div", { class: "head" }, link(name(job), { page: job.page, query: job.query }, job.id)),
      job.words ? el("p", { class: "words" }, job.words) : null)
  }
  function free() {
    clearTimeout(timer)
    document.removeEventListener("visibilitychange", onShown)
  }
  return { update: next => { const isNew = data?.tray.token !== next.tray.token; data = next; if (isNew || !timer) ask(); else draw() }, free }
}
