// Names without overlap: the most important first, a grid of taken cells; names that stand already keep their place.
// A label is {id, x, y, text, level, until, tier, weight}; level 0 is shown from far away, and a group of clusters, of a lower tier
// and in larger letters, only up to its `until`.
const CELL = 16, MOST = 60
export const SIZES = [17, 15, 13] // of letters, by tier
const STAYS = 1.25 // how much more a name counts that stands already, so that none flickers

// Which labels to draw and where, in pixels.
export function placeLabels(labels, camera, width, height, measure, { level, shown, blocked = [] }) {
  const columns = Math.ceil(width / CELL), rows = Math.ceil(height / CELL), taken = new Uint8Array(columns * rows), placed = []
  const box = (left, top, right, bottom) => [
    Math.max(0, (left / CELL) | 0), Math.max(0, (top / CELL) | 0), Math.min(columns - 1, (right / CELL) | 0), Math.min(rows - 1, (bottom / CELL) | 0),
  ]
  const take = ([c0, r0, c1, r1]) => { for (let r = r0; r <= r1; r++) taken.fill(1, r * columns + c0, r * columns + c1 + 1) }
  const free = ([c0, r0, c1, r1]) => {
    for (let r = r0; r <= r1; r++) for (let c = c0; c <= c1; c++) if (taken[r * columns + c]) return false
    return true
  }
  for (const [left, top, right, bottom] of blocked) take(box(left, top, right, bottom))
  const weight = label => (shown.has(label.id) ? STAYS : 1) * label.weight
  const ordered = labels.filter(l => l.level <= level && level <= l.until).sort((a, b) => a.level - b.level || a.tier - b.tier || weight(b) - weight(a))
  for (const label of ordered) {
    const x = width / 2 + camera.scale * (label.x - camera.x), y = height / 2 - camera.scale * (label.y - camera.y)
    if (x < 0 || y < 0 || x > width || y > height) continue
    const size = SIZES[label.tier], half = (measure(label.text) * size) / SIZES[2] / 2 + 6, high = (size + 7) / 2
    const cx = Math.min(Math.max(x, half), width - half), cy = Math.min(Math.max(y, high), height - high) // pushed inwards instead of cut
    const cells = box(cx - half, cy - high, cx + half, cy + high)
    if (!free(cells)) continue
    take(cells)
    placed.push({ ...label, px: cx, py: cy })
    if (placed.length === MOST) break
  }
  return placed
}

// A level more each time the view is about three times closer.
export const labelLevel = (camera, fitted) => Math.max(0, Math.floor(Math.log2(camera.scale / fitted) / 1.6 + 0.35))
