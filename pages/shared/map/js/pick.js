// Which points lie where, over the places held in memory.
// An entry is {tile: {x, y, side}, places, inside, count}; `inside` is null where nothing is filtered.

// The point nearest to a position, not farther than `reach`; rows that the filter leaves out only where nothing else is near.
export function nearest(entries, x, y, reach) {
  return search(entries, x, y, reach, true) ?? search(entries, x, y, reach, false)
}

function search(entries, x, y, reach, kept) {
  let best = reach * reach, found = null
  for (const entry of entries) {
    const { tile, places, inside, count } = entry
    if (x < tile.x - reach || y < tile.y - reach || x > tile.x + tile.side + reach || y > tile.y + tile.side + reach) continue
    const k = tile.side / 65536, tx = (x - tile.x) / k - 0.5, ty = (y - tile.y) / k - 0.5
    let most = best / (k * k)
    for (let i = 0; i < count; i++) {
      if (kept && inside && !inside[i]) continue
      const dx = places[2 * i] - tx, dy = places[2 * i + 1] - ty, d = dx * dx + dy * dy
      if (d < most) {
        most = d
        best = d * k * k
        found = { entry, i }
      }
    }
  }
  return found && located(found.entry, found.i)
}

// The nearest kept point in a direction (dx, dy of length 1): within a cone of 45 degrees to both sides.
export function neighbour(entries, x, y, dx, dy, least) {
  let best = Infinity, found = null
  for (const entry of entries) {
    const { tile, places, inside, count } = entry, k = tile.side / 65536
    for (let i = 0; i < count; i++) {
      if (inside && !inside[i]) continue
      const px = tile.x + k * (places[2 * i] + 0.5) - x, py = tile.y + k * (places[2 * i + 1] + 0.5) - y
      const ahead = px * dx + py * dy, aside = Math.abs(px * dy - py * dx)
      if (ahead <= least || aside > ahead) continue
      const cost = ahead + 2 * aside // straight ahead rather than near and aside
      if (cost < best) {
        best = cost
        found = { entry, i }
      }
    }
  }
  return found && located(found.entry, found.i)
}

function located({ tile, places }, i) {
  const k = tile.side / 65536
  return { place: tile.start + i, x: tile.x + k * (places[2 * i] + 0.5), y: tile.y + k * (places[2 * i + 1] + 0.5) }
}

// A function that says whether a position lies in a polygon: drawn once into a mask of cells, then one look a point.
export function polygonTest(corners, cells = 1024) {
  const xs = corners.map(c => c[0]), ys = corners.map(c => c[1])
  const x0 = Math.min(...xs), y0 = Math.min(...ys), side = Math.max(Math.max(...xs) - x0, Math.max(...ys) - y0) || 1e-9
  const pen = new OffscreenCanvas(cells, cells).getContext("2d", { willReadFrequently: true }), k = cells / side
  pen.beginPath()
  for (const [x, y] of corners) pen.lineTo((x - x0) * k, (y - y0) * k)
  pen.fill("evenodd")
  const image = pen.getImageData(0, 0, cells, cells).data
  return (x, y) => {
    const px = Math.floor((x - x0) * k), py = Math.floor((y - y0) * k)
    return px >= 0 && py >= 0 && px < cells && py < cells && image[4 * (py * cells + px) + 3] > 127
  }
}

// The corners that matter of a line drawn by hand (Ramer, Douglas and Peucker), at most `most` of them.
export function simplify(path, tolerance, most = 200) {
  let kept = path
  for (let t = tolerance; kept === path || kept.length > most; t *= 1.6) kept = thin(path, t)
  return kept
}

function thin(path, tolerance) {
  const keep = new Uint8Array(path.length), todo = [[0, path.length - 1]]
  keep[0] = keep[path.length - 1] = 1
  while (todo.length) {
    const [a, b] = todo.pop(), [ax, ay] = path[a], dx = path[b][0] - ax, dy = path[b][1] - ay, length = Math.hypot(dx, dy)
    let far = tolerance, at = -1
    for (let i = a + 1; i < b; i++) {
      const px = path[i][0] - ax, py = path[i][1] - ay
      const d = length ? Math.abs(px * dy - py * dx) / length : Math.hypot(px, py)
      if (d > far) {
        far = d
        at = i
      }
    }
    if (at < 0) continue
    keep[at] = 1
    todo.push([a, at], [at, b])
  }
  return path.filter((_, i) => keep[i])
}
