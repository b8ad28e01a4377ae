// Rows that stand out over all points: those that a round picked, and those that it flagged.
const LOOKS = { pick: { radius: 2.6, ring: false }, flag: { radius: 5.5, ring: true } }
const FLAG = "#f0c000"
const drawn = new Map() // small pictures, drawn once a colour and sharpness

function picture(kind, ink, paper, sharp) {
  const key = `${kind} ${ink} ${paper} ${sharp}`
  if (drawn.has(key)) return drawn.get(key)
  const { radius, ring } = LOOKS[kind], half = radius + 2, canvas = document.createElement("canvas")
  canvas.width = canvas.height = Math.ceil(2 * half * sharp)
  const pen = canvas.getContext("2d")
  pen.scale(sharp, sharp)
  const circle = (r, act) => { pen.beginPath(); pen.arc(half, half, r, 0, 7); pen[act]() }
  pen.fillStyle = pen.strokeStyle = paper
  if (ring) {
    pen.lineWidth = 3.6
    pen.strokeStyle = ink
    pen.globalAlpha = 0.55
    circle(radius, "stroke")
    pen.globalAlpha = 1
    pen.lineWidth = 2
    pen.strokeStyle = FLAG
    circle(radius, "stroke")
  } else {
    circle(radius + 1, "fill")
    pen.fillStyle = ink
    circle(radius, "fill")
  }
  drawn.set(key, { canvas, half })
  return drawn.get(key)
}

// `indices` by tile, sorted: of a tile only its fair prefix is drawn, as of the points below.
export function drawMarks(pen, entries, indices, kind, toPixels, { ink, paper, width, height, sharp }) {
  const { canvas, half } = picture(kind, ink, paper, sharp)
  for (const { tile, places, count } of entries) {
    const k = tile.side / 65536
    for (const i of indices.get(tile.number) ?? []) {
      if (i >= count) break
      const [x, y] = toPixels([tile.x + k * (places[2 * i] + 0.5), tile.y + k * (places[2 * i + 1] + 0.5)])
      if (x > -half && y > -half && x < width + half && y < height + half) pen.drawImage(canvas, x - half, y - half, 2 * half, 2 * half)
    }
  }
}
