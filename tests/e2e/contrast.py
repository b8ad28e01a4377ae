"""What can be read: the contrast of every text on a page with what lies behind it, measured in the browser (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.e2e.walk_map import wait_until_idle

LEAST = 4.5
# Colours as they are computed, with the transparency of everything around; a text is put on the backgrounds of what holds it.
# Left out: what may not be pressed now, what no eye sees, and text on pictures, whose colour no style tells.
_MEASURE = """least => {
  const scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  scratch.canvas.width = scratch.canvas.height = 1
  const seen = new Map()
  const rgba = colour => {
    if (!seen.has(colour)) {
      scratch.clearRect(0, 0, 1, 1)
      scratch.fillStyle = colour
      scratch.fillRect(0, 0, 1, 1)
      const [r, g, b, a] = scratch.getImageData(0, 0, 1, 1).data
      seen.set(colour, [r, g, b, a / 255])
    }
    return seen.get(colour)
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((part, i) => part * a + under[i] * (1 - a))
  const light = colour => {
    const [r, g, b] = colour.map(part => { const c = part / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (one, other) => { const [a, b] = [light(one), light(other)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05) }
  const parent = node => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null
  const chain = node => { const found = []; for (let at = node; at; at = parent(at)) found.push(at); return found }

  // A text beside the element that holds it, as above a thumb, has that one's background not behind it; what is scrolled away is
  // beside what scrolls, and yet in it.
  const isBehind = (one, box) => {
    const own = one.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2
    return x >= own.left && x <= own.right && y >= own.top && y <= own.bottom
  }

  function ratio(element, box, pseudo) {
    const around = chain(element), style = getComputedStyle(element, pseudo)
    if (around.some(one => one.matches("[disabled], [aria-disabled=true], [inert], [data-retained], [data-stale=true]"))) return null
    const styles = around.map(one => getComputedStyle(one))
    if (styles.some(one => one.display === "none" || one.backgroundImage !== "none" || Number(one.opacity) === 0) || styles[0].visibility !== "visible") return null
    let ground = [255, 255, 255]
    const scrolls = styles.findIndex(one => /auto|scroll|hidden/.test(one.overflowY))
    for (let i = around.length - 1; i >= 0; i--) if ((scrolls >= 0 && i >= scrolls) || isBehind(around[i], box)) ground = over(rgba(styles[i].backgroundColor), ground)
    const own = rgba(element.closest("svg") ? style.fill : style.webkitTextFillColor || style.color)
    if (!own[3]) return null
    const opacity = styles.reduce((product, one) => product * Number(one.opacity), Number(pseudo ? style.opacity : 1))
    return contrast(over([own[0], own[1], own[2], own[3] * opacity], ground), ground)
  }
  const isSeen = box => box.width > 1 && box.height > 1
  const low = new Map()
  function look(element, words, box, pseudo) {
    if (!isSeen(box)) return
    const found = ratio(element, box, pseudo)
    if (found === null || found >= least - 0.005) return
    const where = [...chain(element)].map(one => one.dataset?.testid).find(Boolean) ?? element.tagName
    low.set(`${where}: ${words.trim().slice(0, 40)}`, Math.round(found * 100) / 100)
  }
  function walk(root) {
    const nodes = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT)
    for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) {
        const holder = node.parentElement
        if (!holder || !node.data.trim() || ["STYLE", "SCRIPT", "TITLE", "NOSCRIPT", "OPTION"].includes(holder.tagName)) continue
        const range = document.createRange()
        range.selectNodeContents(node)
        look(holder, node.data, range.getBoundingClientRect())
        continue
      }
      if (node.shadowRoot) walk(node.shadowRoot)
      if (!/^(INPUT|TEXTAREA)$/.test(node.tagName) || /^(checkbox|radio|file|range)$/.test(node.type)) continue
      if (node.value) look(node, node.value, node.getBoundingClientRect())
      else if (node.placeholder) look(node, node.placeholder, node.getBoundingClientRect(), "::placeholder")
    }
  }
  walk(document.body)
  return Object.fromEntries(low)
}"""


def hard_to_read(page: Page) -> dict[str, float]:
    """Texts whose contrast is below ``LEAST``, in light and in dark, each with its ratio; the page is left dark."""
    found: dict[str, float] = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wait_until_idle(page)
        found |= {f"{scheme}: {what}": ratio for what, ratio in page.evaluate(_MEASURE, LEAST).items()}
    return found
