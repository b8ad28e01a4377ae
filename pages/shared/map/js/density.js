// How many rows lie where, as bands of one colour with their contours: for a layout too full to see into.
const CELL = 2, BANDS = 9, REACH = 5 // pixels a cell; cells to both sides over which a point is spread

// A small canvas to be stretched over the view. Tiles of which only a part is loaded count for their whole square.
export function densityImage(entries, camera, width, height, [r, g, b]) {
  const w = Math.max(1, Math.ceil(width / CELL)), h = Math.max(1, Math.ceil(height / CELL))
  let grid = new Float32Array(w * h)
  for (const { tile, places, inside, count } of entries) {
    const k = (camera.scale * tile.side) / 65536 / CELL
    const left = w / 2 + (camera.scale / CELL) * (tile.x - camera.x), base = h / 2 - (camera.scale / CELL) * (tile.y - camera.y)
    for (let i = 0; i < count; i++) {
      if (inside && !inside[i]) continue
      const x = (left + k * places[2 * i]) | 0, y = (base - k * places[2 * i + 1]) | 0
      if (x >= 0 && y >= 0 && x < w && y < h) grid[y * w + x]++
    }
  }
  for (let turn = 0; turn < 3; turn++) grid = blur(grid, w, h) // three boxes are nearly a Gaussian
  return paint(grid, w, h, [r, g, b])
}

function blur(grid, w, h, reach = REACH) {
  const across = new Float32Array(grid.length), out = new Float32Array(grid.length), share = 1 / (2 * reach + 1)
  for (let y = 0; y < h; y++) {
    let sum = 0
    for (let x = -reach; x < w; x++) {
      if (x + reach < w) sum += grid[y * w + x + reach]
      if (x - reach - 1 >= 0) sum -= grid[y * w + x - reach - 1]
      if (x >= 0) across[y * w + x] = sum * share
    }
  }
  for (let x = 0; x < w; x++) {
    let sum = 0
    for (let y = -reach; y < h; y++) {
      if (y + reach < h) sum += across[(y + reach) * w + x]
      if (y - reach - 1 >= 0) sum -= across[(y - reach - 1) * w + x]
      if (y >= 0) out[y * w + x] = sum * share
    }
  }
  return out
}

function paint(grid, w, h, [r, g, b]) {
  const canvas = document.createElement("canvas")
  canvas.width = w
  canvas.height = h
  const pen = canvas.getContext("2d"), image = pen.createImageData(w, h), most = grid.reduce((a, v) => Math.max(a, v), 1e-9)
  const bands = Uint8Array.from(grid, value => { const share = Math.sqrt(value / most); return share < 0.02 ? 0 : Math.ceil(share * BANDS) })
  for (let i = 0; i < grid.length; i++) {
    const band = bands[i]
    if (!band) continue
    // A contour where a band ends: there it is nearly solid.
    const ends = band > Math.min(bands[i - 1] ?? band, bands[i + 1] ?? band, bands[i - w] ?? band, bands[i + w] ?? band)
    image.data.set([r, g, b, Math.min(255, Math.round(12 + (175 * band) / BANDS) + (ends ? 68 : 0))], 4 * i)
  }
  pen.putImageData(image, 0, 0)
  return canvas
}
