// The tile index in the browser: which tiles a view needs, and how many points of each make one fair sample.

// Records of 32 bytes, little-endian: see TILE in tamis.compute.map.tiles.
export function readIndex(buffer) {
  const bytes = new DataView(buffer), tiles = []
  for (let at = 0, number = 0; at < buffer.byteLength; at += 32, number++) {
    const side = 1 / 2 ** bytes.getUint8(at), u32 = offset => bytes.getUint32(at + offset, true)
    const tile = {
      number, side, x: u32(4) * side, y: u32(8) * side, start: u32(12), n: u32(16), total: u32(20), last: u32(24),
      parent: bytes.getInt32(at + 28, true), first: 0, children: [], needs: [],
    }
    tiles.push(tile)
    if (tile.parent >= 0) {
      tiles[tile.parent].children.push(tile)
      tile.first = tiles[tile.parent].last
    }
  }
  return tiles
}

const touches = (tile, camera, halfWidth, halfHeight) =>
  tile.x <= camera.x + halfWidth && tile.x + tile.side >= camera.x - halfWidth &&
  tile.y <= camera.y + halfHeight && tile.y + tile.side >= camera.y - halfHeight

// Tiles that touch the view, those first whose ranks begin first, while at most `budget` points are asked for.
export function wanted(tiles, camera, width, height, budget) {
  const halfWidth = width / 2 / camera.scale, halfHeight = height / 2 / camera.scale, found = []
  let points = 0
  for (const tile of tiles) { // numbered by first rank, so parents come before children
    if (!touches(tile, camera, halfWidth, halfHeight)) continue
    tile.needs = tile.children.filter(child => touches(child, camera, halfWidth, halfHeight))
    if (points && points + tile.n > budget) break
    found.push(tile)
    points += tile.n
  }
  return found
}

// The rank up to which every square in view is complete. Drawing whatever is loaded looks right and is not: a square whose
// quarters came already would seem fuller than one whose quarters are on their way.
export function fairRank(list, has) {
  const drawn = new Set(list.filter(has))
  const open = [...drawn].filter(tile => !tile.needs.every(child => drawn.has(child)))
  return Math.min(Infinity, ...open.map(tile => tile.last))
}

// How many of a tile's points lie below a rank: ranks are uniform inside a tile.
export function prefix(tile, rank) {
  if (rank >= tile.last) return tile.n
  const share = (rank - tile.first) / Math.max(1, tile.last - tile.first)
  return Math.max(0, Math.min(tile.n, Math.round(tile.n * share)))
}

// Runs of neighbouring numbers, each of about `most` points: one request each.
export function runs(tiles, numbers, most) {
  const sorted = [...numbers].sort((a, b) => a - b), found = []
  let run = null, points = 0
  for (const number of sorted) {
    if (run && number === run[1] + 1 && points + tiles[number].n <= most) {
      run[1] = number
      points += tiles[number].n
    } else {
      run = [number, number]
      points = tiles[number].n
      found.push(run)
    }
  }
  return found
}
