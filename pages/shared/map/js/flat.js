// The picture without a GPU: a raster written in plain JavaScript, far quicker than WebGL in software.
//
// A pixel keeps how many points fell on it and the colour code that came last. Points stand in random order, so the last one
// is a fair draw of what lies there. Small buffers stay in the processor's cache: that, not the arithmetic, makes it quick.
const OUTSIDE = 1, INSIDE = 2 // what a pixel holds: rows that the filter leaves out, rows that it keeps

const RIM = 0.45 // how solid the rim of a disc is, against its middle
const SOFT = 4 // pixels from which a disc has a rim

// Row by row: how many pixels a disc leaves free at both ends, and how many of what is left are rim.
function discOf(size) {
  const spans = new Uint8Array(size), rims = new Uint8Array(size), r = size / 2, isSoft = size >= SOFT
  const free = (radius, j) => {
    const dy = j + 0.5 - r, reach = radius * radius - dy * dy
    return reach <= 0 ? r : r - Math.sqrt(reach)
  }
  for (let j = 0; j < size; j++) {
    spans[j] = size < 3 ? 0 : Math.min(size >> 1, Math.round(free(r, j)))
    if (isSoft) rims[j] = Math.max(1, Math.round(free(r - 0.9, j)) - spans[j])
  }
  return { size, spans, rims, isSoft }
}

export function createFlat(canvas) {
  const pen = canvas.getContext("2d")
  const tiles = new Map(), shade = new Uint8Array(256)
  let inks = new Uint32Array(256), image, out, counts, codes, held

  function fit() {
    const { width, height } = canvas
    if (image?.width === width && image.height === height) return
    image = pen.createImageData(width, height)
    out = new Uint32Array(image.data.buffer)
    counts = new Uint8Array(width * height)
    codes = new Uint8Array(width * height)
    held = new Uint8Array(width * height)
  }

  function scatter(tile, camera, { x, y, side, count }, masked) {
    const { width, height } = canvas, { pairs, codes: code, inside } = tile
    const k = (camera.scale * side) / 65536
    const left = width / 2 + camera.scale * (x - camera.x) + k / 2, base = height / 2 - camera.scale * (y - camera.y) - k / 2
    // A tile wholly in view needs no look at the edges.
    const whole = left >= 0 && left + 65536 * k < width && base < height && base - 65536 * k >= 0
    for (let i = 0; i < count; i++) {
      const pair = pairs[i], px = (left + k * (pair & 0xffff)) | 0, py = (base - k * (pair >>> 16)) | 0
      if (!whole && (px < 0 || py < 0 || px >= width || py >= height)) continue
      const at = py * width + px
      if (masked && !inside[i]) {
        if (!held[at]) held[at] = OUTSIDE
        continue
      }
      held[at] = INSIDE
      codes[at] = code[i]
      if (counts[at] < 255) counts[at]++
    }
  }

  // A disc around one pixel, thinner at its rim. The more solid of two keeps its place, so nothing faded covers what matters.
  function stamp(row, x, disc, pixel, solid) {
    const { width, height } = canvas, { size, spans, rims } = disc, half = size >> 1
    const soft = disc.isSoft ? (solid * RIM) | 0 : solid, rimPixel = ((pixel & 0xffffff) | (soft << 24)) >>> 0
    for (let j = 0; j < size; j++) {
      const yy = row - half + j
      if (yy < 0 || yy >= height) continue
      const line = yy * width, left = x - half + spans[j], right = x - half + size - spans[j]
      const from = Math.max(0, left), to = Math.min(width, right)
      const inner = left + rims[j], outer = right - rims[j]
      for (let at = line + from, px = from; px < to; px++, at++) {
        const isRim = px < inner || px >= outer
        if (out[at] >>> 24 <= (isRim ? soft : solid)) out[at] = isRim ? rimPixel : pixel
      }
    }
  }

  function resolve(style) {
    const { width, height } = canvas, size = Math.max(1, Math.round(style.size))
    for (let n = 1; n < 256; n++) shade[n] = Math.round(255 * (1 - Math.pow(1 - style.alpha, n)))
    const [r, g, b, a] = style.ghost, ghost = (((a << 24) | (b << 16) | (g << 8) | r) >>> 0), discs = [discOf(size), discOf(Math.max(1, Math.round(style.ghostSize)))]
    for (let row = 0, at = 0; row < height; row++) for (let x = 0; x < width; x++, at++) {
      const what = held[at]
      if (!what) continue
      if (what === OUTSIDE) {
        if (discs[1].size > 1) stamp(row, x, discs[1], ghost, a)
        else if (out[at] >>> 24 <= a) out[at] = ghost
        continue
      }
      const solid = Math.max(shade[counts[at]], a + 1), pixel = ((inks[codes[at]] & 0xffffff) | (solid << 24)) >>> 0
      if (size > 1) stamp(row, x, discs[0], pixel, solid)
      else if (out[at] >>> 24 <= solid) out[at] = pixel
    }
  }

  return {
    kind: "canvas2d",
    palette(rgba) { inks = new Uint32Array(rgba.slice().buffer) },
    // Places as pairs of uint16, colour codes, and one byte a point that says whether the filter keeps it.
    put(number, places, code, inside) {
      const pairs = places.byteOffset % 4 ? new Uint32Array(places.slice().buffer) : new Uint32Array(places.buffer, places.byteOffset, places.length / 2)
      tiles.set(number, { pairs, codes: code, inside })
    },
    drop(number) { tiles.delete(number) },
    draw(camera, list, style) {
      fit()
      counts.fill(0)
      held.fill(0)
      out.fill(0)
      if (!style.hidden) {
        for (const entry of list) scatter(tiles.get(entry.number), camera, entry, style.masked)
        resolve(style)
      }
      pen.putImageData(image, 0, 0)
    },
    free() {
      tiles.clear()
      image = undefined
    },
  }
}
