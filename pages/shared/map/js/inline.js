// Tiles and columns that lie in the file itself, answered as the server's routes would.
import { readIndex } from "./tree.js"

const bytesOf = text => Uint8Array.from(atob(text ?? ""), c => c.charCodeAt(0))

export function inlineSource({ base, arrays, texts, clusters }) {
  const held = new Map(), tiles = readIndex(bytesOf(arrays.index).buffer), cards = new Map()
  const part = name => held.get(name) ?? held.set(name, bytesOf(arrays[name])).get(name)
  const last = tile => tiles[tile].start + tiles[tile].n
  // Of `size` bytes a point, as a copy of its own: views of other types want it at an even place.
  const cut = (name, size, a, b) => part(name).slice(size * tiles[a].start, size * last(b))
  const begins = [0]
  for (const tile of tiles) begins.push(begins.at(-1) + ((tile.n + 7) >> 3))

  async function textOf(number, at) {
    if (!texts.length) return {}
    if (!cards.has(number)) {
      const stream = new Blob([bytesOf(texts[number])]).stream().pipeThrough(new DecompressionStream("gzip"))
      cards.set(number, new Response(stream).json())
    }
    return (await cards.get(number))[at]
  }
  return {
    key: base, token: "",
    index: async () => part("index").slice().buffer,
    places: async (a, b) => new Uint16Array(cut("xy", 4, a, b).buffer),
    rows: async (a, b) => new Uint32Array(cut("rows", 4, a, b).buffer),
    column: async (id, a, b) => cut(`column ${id}`, 1, a, b),
    bits: async (id, a, b) => part(`bits ${id}`).slice(begins[a], begins[b + 1]),
    async card(place) {
      const tile = tiles.find(one => place < last(one.number)), group = arrays.clusters ? part("clusters")[place] : 255
      const row = new Uint32Array(cut("rows", 4, tile.number, tile.number).buffer)[place - tile.start]
      const [id, name] = clusters[group] ?? [null, ""]
      return { row, group: id, cluster: name, scores: [], ...(await textOf(tile.number, place - tile.start)) }
    },
  }
}
