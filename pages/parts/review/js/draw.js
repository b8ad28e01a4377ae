// What a row looks like in the lane. Texts are set as text; HTML is only what the server made of texts with everything escaped.
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made[key] = value
    else if (key === "html") made.innerHTML = value
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value)
  }
  made.append(...children.filter(one => one !== null))
  return made
}

const VERDICT_KEYS = "DKT", LOOKS = { D: "drop", K: "keep", T: "take" }

function drawKeys(item, may, act) {
  const button = (key, label, title, run, kind = "") =>
    el("button", { type: "button", class: kind, title, "aria-label": label, "aria-keyshortcuts": key, disabled: !run, onclick: run }, el("span", {}, label), el("kbd", {}, key))
  const icon = (key, label, sign, run) => el("button", { type: "button", class: "icon", title: `${label} (${key})`, "aria-label": label, disabled: !run, onclick: run }, sign)
  return el("div", { class: "keys", role: "toolbar", "aria-label": "Decide" },
    ...Object.entries(item.keys).map(([key, [how, label]]) => button(key, label, how === "approve" ? "What is proposed." : "Not what is proposed.", may ? () => act.decide(key) : null, `verdict ${LOOKS[key]}${how === "approve" ? " main" : ""}`)),
    button("E", item.edit ?? "Edit", "Write another answer", may ? () => act.forward("edit") : null),
    button("S", "Skip", "Leave it for later: it comes again after all others.", act.skip),
    el("span", { class: "gap" }),
    icon("U", "Undo your last decision", "↶", may ? () => act.forward("undo") : null), icon("Y", "Redo what you undid", "↷", may ? () => act.forward("redo") : null),
    icon("P", "The row before", "‹", () => act.forward("previous")), icon("N", "The row after", "›", () => act.forward("next")),
  )
}

function drawRow(item, total, isWhole, turnWhole) {
  const [title, asked, whole] = item.prompt
  return [
    el("div", { class: "facts" },
      el("strong", {}, `Row ${item.row.toLocaleString("en")}`), el("span", { class: "place" }, `${item.place.toLocaleString("en")} of ${total.toLocaleString("en")}`),
      ...item.facts.map(([text, colour]) => el("span", { class: `fact ${colour}` }, text))),
    el("section", { class: `prompt${whole && !isWhole ? " short" : ""}` },
      el("h4", {}, title, whole ? el("button", { type: "button", class: "link", onclick: turnWhole }, isWhole ? "Show less" : "Show all", el("kbd", {}, "F")) : null),
      el("div", { class: "text", dir: "auto", html: isWhole && whole ? whole : asked })),
    el("div", { class: "sides" }, ...item.sides.map(([name, inside], i) =>
      el("section", {}, el("h4", {}, name), el("div", { class: `text ${i ? "candidate" : "original"}`, dir: "auto", html: inside })))),
  ]
}

function drawEvidence(item, marks, turnMarks) {
  return [
    el("h4", {}, "Why"), el("p", {}, item.why),
    ...item.remarks.map(text => el("p", { class: "remark" }, `⚠ ${text}`)),
    item.verdicts.length ? el("ul", {}, ...item.verdicts.map(text => el("li", {}, text))) : null,
    item.replies.length ? el("details", {}, el("summary", {}, "What the judge wrote"), ...item.replies.map(html => el("div", { class: "text", dir: "auto", html }))) : null,
    item.marked ? el("label", {}, el("input", { type: "checkbox", checked: marks, onchange: turnMarks }), "Mark changes")
      : item.sides.length > 1 && !item.keys.D ? el("p", { class: "quiet" }, "Another text altogether: no changes are marked.") : null,
  ].filter(Boolean)
}

const rowsOf = n => `${n.toLocaleString("en")} ${n === 1 ? "decision" : "decisions"}`

// Where the decisions are, and in what way something is wrong with them.
function drawState({ saved, waiting, trouble, isKept, conflicts }, act) {
  const link = (text, run) => el("button", { type: "button", class: "link", onclick: run }, text)
  const counts = el("span", { class: "counts", "data-testid": "review-counts" }, `${saved.toLocaleString("en")} saved · ${waiting.toLocaleString("en")} waiting`)
  const lines = []
  if (trouble?.away) lines.push(el("p", { class: "alarm" }, `${trouble.text} ${rowsOf(waiting)} ${waiting === 1 ? "waits" : "wait"} in this browser and ${waiting === 1 ? "is" : "are"} sent when it is back. `, link("Try now", act.again)))
  else if (trouble) lines.push(el("p", { class: "alarm" }, `Not saved. ${trouble.text} ${rowsOf(waiting)} ${waiting === 1 ? "waits" : "wait"} in this browser. `, link("Try again", act.again), " ", link("Discard this one", act.discard)))
  if (!isKept && waiting) lines.push(el("p", { class: "alarm" }, "This browser keeps nothing: stay on the page until they are saved."))
  if (conflicts.length) lines.push(el("p", { class: "alarm" }, `Decided meanwhile by somebody else: ${conflicts.slice(-5).map(row => `row ${row.toLocaleString("en")}`).join(", ")}. Both answers wait for a curator.`))
  return [counts, ...lines]
}
