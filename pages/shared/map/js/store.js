// What a tab holds of a map: places, colour codes and filters by tile. It outlives the element that draws it, so that coming
// back to a page fetches nothing.
import { indicesOf, unpackBits } from "./source.js"
import { readIndex, runs, wanted } from "./tree.js"

const KEPT = new Map() // by the address of a map
const COLUMNS_HELD = 12
const AT_ONCE = 400_000 // points a request
const SECOND = 270_000 // the children of the first tile together are the next fair sample
export const MOST_POINTS = 4_000_000

export function openStore(source) {
  const held = KEPT.get(source.key) ?? { tiles: null, places: new Map(), columns: new Map(), masks: new Map(), marks: new Map() }
  KEPT.set(source.key, held)

  // The newest of a few maps by tile; the least used is dropped.
  function recent(all, id) {
    const found = all.get(id) ?? new Map()
    all.delete(id)
    all.set(id, found)
    while (all.size > COLUMNS_HELD) all.delete(all.keys().next().value)
    return found
  }
  const store = {
    held,
    async open() { held.tiles ??= readIndex(await source.index()) },
    codes: id => recent(held.columns, id),
    inside: id => (id ? recent(held.masks, id) : null),
    marks: id => held.marks.get(id) ?? held.marks.set(id, new Map()).get(id),
    has: (number, column, mask) => held.places.has(number) && (!column || store.codes(column).has(number)) && (!mask || store.inside(mask).has(number)),

    // Fetch what the view still lacks, the best next sample first; answers how many requests were made in this step.
    async step(camera, width, height, budget, { column, mask, marks = [], next = "" }) {
      const list = wanted(held.tiles, camera, width, height, budget).map(tile => tile.number)
      const missing = list.filter(number => !held.places.has(number)), first = held.places.size === 0
      const [run] = runs(held.tiles, missing, first ? 1 : held.places.size === 1 ? SECOND : AT_ONCE)
      const jobs = run ? [places(...run)] : []
      const coming = number => held.places.has(number) || (run && number >= run[0] && number <= run[1])
      const lacking = (byTile, fetchRun) => {
        const numbers = list.filter(number => coming(number) && !byTile.has(number))
        for (const [a, b] of runs(held.tiles, numbers, AT_ONCE)) jobs.push(fetchRun(a, b))
      }
      if (column) lacking(store.codes(column), (a, b) => codes(column, a, b))
      if (mask) lacking(store.inside(mask), (a, b) => inside(mask, a, b))
      for (const id of marks) lacking(store.marks(id), (a, b) => marked(id, a, b))
      if (next && next !== column) lacking(store.codes(next), (a, b) => codes(next, a, b))
      await Promise.all(jobs)
      return jobs.length
    },

    // The deepest tiles out of view go when too much is held; answers which.
    evict(camera, width, height) {
      let points = 0
      for (const number of held.places.keys()) points += held.tiles[number].n
      if (points <= MOST_POINTS) return []
      const seen = new Set(wanted(held.tiles, camera, width, height, MOST_POINTS).map(tile => tile.number)), gone = []
      for (const number of [...held.places.keys()].sort((a, b) => b - a)) {
        if (points <= MOST_POINTS * 0.75) break
        if (seen.has(number)) continue
        points -= held.tiles[number].n
        held.places.delete(number)
        for (const all of [held.columns, held.masks, held.marks]) for (const byTile of all.values()) byTile.delete(number)
        gone.push(number)
      }
      return gone
    },
  }
  const cut = (bytes, per, first, last, into) => {
    const begin = held.tiles[first].start
    for (let number = first; number <= last; number++) {
      const { start, n } = held.tiles[number]
      into.set(number, bytes.subarray(per * (start - begin), per * (start - begin + n)))
    }
  }
  const places = async (a, b) => cut(await source.places(a, b), 2, a, b, held.places)
  const codes = async (id, a, b) => cut(await source.column(id, a, b), 1, a, b, store.codes(id))
  const inside = async (id, a, b) => {
    const bits = await source.bits(id, a, b)
    for (const [number, one] of unpackBits(bits, held.tiles, a, b)) store.inside(id).set(number, one)
  }
  const marked = async (id, a, b) => {
    const bits = await source.bits(id, a, b)
    for (const [number, one] of unpackBits(bits, held.tiles, a, b)) store.marks(id).set(number, indicesOf(one))
  }
  return store
}
