// Where tiles and columns come from: routes of the server that served the page.
const TRIES = 3

export class Stale extends Error {} // the server was started anew, or has forgotten this map: the page must run again

export function routeSource(base) {
  const source = {
    key: base, token: "",
    index: () => get("index"),
    places: async (first, last) => new Uint16Array(await get(`xy/${first}-${last}`)),
    rows: async (first, last) => new Uint32Array(await get(`rows/${first}-${last}`)),
    column: async (id, first, last) => new Uint8Array(await get(`column/${id}/${first}-${last}`)),
    bits: async (id, first, last) => new Uint8Array(await get(`bits/${id}/${first}-${last}`)),
    card: async place => JSON.parse(new TextDecoder().decode(await get(`card/${place}`))),
  }
  async function get(path) {
    for (let turn = 1; ; turn++) {
      try {
        const answer = await fetch(new URL(`${base}/${path}`, document.baseURI), { headers: { "X-Tamis-Map": source.token } })
        if (answer.status === 403 || answer.status === 404) throw new Stale(`${path}: ${answer.status}`)
        if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
        return await answer.arrayBuffer()
      } catch (error) {
        if (error instanceof Stale || turn === TRIES) throw error
        await new Promise(done => setTimeout(done, 400 * turn))
      }
    }
  }
  return source
}

// What a page holds for the map that it drew: /api/page.
export async function askPage(page, asked) {
  const answer = await fetch(new URL("api/page", document.baseURI), {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...page, asked }),
  })
  if (answer.status === 404) throw new Stale("page: 404")
  const said = await answer.json()
  if (!answer.ok) throw new Error(said.error)
  return said.answer
}

// The bits of all tiles, unpacked as each is drawn.
export function bitsByTile(bits, view) {
  const unpacked = new Map(), begins = []
  return {
    get(number) {
      if (!begins.length) {
        let begin = 0
        for (const { n } of view.tiles) {
          begins.push(begin)
          begin += (n + 7) >> 3
        }
      }
      if (!unpacked.has(number)) unpacked.set(number, unpackBits(bits.subarray(begins[number]), view.tiles, number, number).get(number))
      return unpacked.get(number)
    },
  }
}

// One byte a point from one bit a point; each tile begins at a new byte.
export function unpackBits(bits, tiles, first, last) {
  const found = new Map()
  let begin = 0
  for (let number = first; number <= last; number++) {
    const n = tiles[number].n, inside = new Uint8Array(n)
    for (let i = 0; i < n; i++) inside[i] = (bits[begin + (i >> 3)] >> (i & 7)) & 1
    found.set(number, inside)
    begin += (n + 7) >> 3
  }
  return found
}

// Where the ones are.
export function indicesOf(inside) {
  const found = []
  for (let i = 0; i < inside.length; i++) if (inside[i]) found.push(i)
  return Uint32Array.from(found)
}
