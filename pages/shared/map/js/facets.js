// Columns beside a map, each as bars or as a histogram of what the rest of the filter leaves; each filters the others.
import { drawLegend, el } from "./legend.js"
import { STYLE } from "./style.js"

const made = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const own = made.get(parentElement) ?? mount(parentElement)
  own.boxes.splice(data.columns.length).forEach(box => box.remove())
  data.columns.forEach((column, at) => {
    const box = own.boxes[at] ?? own.add()
    drawLegend(box, column, {
      chosen: codes => setTriggerValue("legend", { key: column.key, codes }),
      brushed: range => setTriggerValue("brush", { key: column.key, range }),
      local() {},
    })
  })
  return () => {
    own.root.remove()
    made.delete(parentElement)
  }
}

function mount(parent) {
  const root = el("div", { class: "facets", "data-testid": "tamis-facets" }), boxes = []
  root.append(el("style", {}, STYLE))
  parent.append(root)
  const own = {
    root, boxes,
    add() {
      const box = el("section", { class: "facet" })
      root.append(box)
      boxes.push(box)
      return box
    },
  }
  made.set(parent, own)
  return own
}
