// The view as a PNG: points drawn anew at twice the size, names, what the colours say, and the facts of a caption.
const SHARP = 2, LINE = 18, LEGEND_WIDE = 230, MOST_ITEMS = 30, PAD = 10

export async function savePicture(view, { column, caption, name }) {
  const { width, height, points, over } = view.picture(SHARP), { ink, paper, font } = view.state
  const pen = document.createElement("canvas").getContext("2d"), { canvas } = pen
  const face = size => `${size}px ${font ?? "system-ui"}, sans-serif`
  pen.font = face(12)
  const lines = wrap(caption, text => pen.measureText(text).width, width - 2 * PAD), wide = column.kind === "none" ? 0 : LEGEND_WIDE
  canvas.width = SHARP * (width + wide)
  canvas.height = SHARP * (height + LINE * lines.length + PAD)
  pen.scale(SHARP, SHARP)
  pen.fillStyle = paper
  pen.fillRect(0, 0, canvas.width, canvas.height)
  for (const layer of [points, over]) pen.drawImage(layer, 0, 0, width, height)
  pen.fillStyle = ink
  pen.font = face(12)
  pen.textBaseline = "middle"
  lines.forEach((text, i) => pen.fillText(text, PAD, height + LINE * (i + 0.7)))
  if (wide) drawKey(pen, column, width + PAD, { ink, face })
  const blob = await new Promise(done => canvas.toBlob(done, "image/png")), link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = `${name}.png`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  return canvas
}

function drawKey(pen, column, left, { ink, face }) {
  const wide = LEGEND_WIDE - 2 * PAD
  pen.font = `600 ${face(13)}`
  pen.fillText(column.title, left, PAD + 6, wide)
  pen.font = face(12)
  if (column.kind === "groups") {
    column.items.slice(0, MOST_ITEMS).forEach(({ label, count, colour }, i) => {
      const y = PAD + 8 + LINE * (i + 1)
      pen.fillStyle = colour
      pen.beginPath()
      pen.arc(left + 5, y, 5, 0, 7)
      pen.fill()
      pen.fillStyle = ink
      pen.fillText(`\u2068${label}\u2069  ${count.toLocaleString()}`, left + 17, y, wide - 17)
    })
    return
  }
  column.colours.forEach((colour, i) => {
    pen.fillStyle = colour
    pen.fillRect(left + (wide * i) / column.colours.length, PAD + 20, wide / column.colours.length + 0.5, 10)
  })
  pen.fillStyle = ink
  const ends = column.ticks ?? [column.low, column.high].map(v => Number(v.toPrecision(3)).toLocaleString())
  ends.forEach((text, i) => {
    pen.textAlign = i === 0 ? "left" : i === ends.length - 1 ? "right" : "center"
    pen.fillText(text, left + (wide * i) / (ends.length - 1), PAD + 40)
  })
  pen.textAlign = "left"
}

function wrap(facts, measure, most) {
  const lines = []
  for (const fact of facts) {
    const longer = `${lines.at(-1)} · ${fact}`
    if (lines.length && measure(longer) <= most) lines[lines.length - 1] = longer
    else lines.push(fact)
  }
  return lines
}
