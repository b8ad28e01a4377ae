// A few lines of the row under the pointer, asked for when it rests there.
import { el, show } from "./legend.js"

const HELD = 300

// `more` draws what else is known of the group of a row, or nothing.
export function createCard(root, source, announce, more = () => null) {
  const box = el("div", { class: "card", hidden: true }), cards = new Map()
  root.append(box)
  let turn = 0
  function fill(card) {
    const facts = [card.cluster, ...card.scores.map(([name, value]) => `${name} ${show(value)}`)].filter(Boolean).join(" · ")
    box.replaceChildren(
      el("div", { class: "facts" }, `Row ${card.row.toLocaleString()}`, facts ? ` · ${facts}` : ""), ...[more(card.group)].filter(Boolean),
      ...["prompt", "response"].filter(part => part in card).map(part => el("div", { class: part, dir: "auto" }, card[part] || "(empty)")),
    )
  }
  return {
    box,
    async show(found, [x, y]) {
      const mine = ++turn
      if (!found) {
        box.hidden = true
        return
      }
      if (!cards.has(found.place)) {
        cards.set(found.place, source.card(found.place))
        if (cards.size > HELD) cards.delete(cards.keys().next().value)
      }
      let card
      try {
        card = await cards.get(found.place)
      } catch {
        cards.delete(found.place)
        return
      }
      if (mine !== turn) return
      fill(card)
      box.hidden = false
      const frame = root.getBoundingClientRect(), left = x + 16 + box.offsetWidth > frame.width ? x - 16 - box.offsetWidth : x + 16
      box.style.left = `${Math.max(4, left)}px`
      box.style.top = `${Math.max(4, Math.min(y + 12, frame.height - box.offsetHeight - 8))}px`
      if (found.how === "keys") announce(`Row ${card.row}. ${card.cluster}. ${card.prompt ?? ""}`)
    },
    forget() { cards.clear() }, // names and tags change, and a card says them
  }
}
