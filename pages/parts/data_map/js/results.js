// A ranked list of rows: each a button with its rank, what it is ranked by and a snippet. Texts only ever become text nodes;
// the marks around hits are the one element made here.
const el = (name, className, ...children) => {
  const made = document.createElement(name)
  if (className) made.className = className
  made.append(...children)
  return made
}

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ol")
  list.start = data.first
  list.replaceChildren(...data.results.map(({ row, rank, said, colour, column, parts, open }) => {
    const head = el("span", "head", el("b", "", `${rank}`), el("span", "row", `Row ${row.toLocaleString("en")}`))
    if (colour) {
      const dot = el("i", "dot")
      dot.style.background = colour
      head.prepend(dot)
    }
    if (column) head.append(el("span", "said", column))
    if (said) head.append(el("span", "said number", said))
    const words = el("span", "words", ...parts.map(([text, hit]) => (hit ? el("mark", "", text) : text)))
    words.dir = "auto"
    const button = el("button", "", head, words)
    button.type = "button"
    button.setAttribute("aria-current", String(open))
    button.onclick = () => setTriggerValue("open", row)
    return el("li", "", button)
  }))
  // Arrow keys walk the list; Tab leaves it behind after one step, as for any list.
  list.onkeydown = event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (!step) return
    const all = [...list.querySelectorAll("button")], at = all.indexOf(list.getRootNode().activeElement)
    all[Math.min(all.length - 1, Math.max(0, at + step))]?.focus()
    event.preventDefault()
  }
}
