// The picture on a real GPU: per tile one buffer of uint16 places, one of colour codes, one of what the filter keeps.
// Same tiles, same palette and same calls as flat.js; a camera is {x, y, scale}: its centre, and pixels per unit.
const SOFTWARE = /swiftshader|llvmpipe|softpipe|basic render|software/i
const ALL = 0, REST = 1, KEPT = 2 // passes

const VERTEX = `#version 300 es
layout(location=0) in vec2 place; layout(location=1) in float code; layout(location=2) in float inside;
uniform vec4 fit; uniform float size, ghostSize; uniform int pass; uniform float alpha; uniform vec4 ghost; uniform sampler2D palette;
flat out vec4 ink; flat out float big;
void main() {
  bool kept = inside > .5;
  if ((pass == ${REST} && kept) || (pass == ${KEPT} && !kept)) {
    gl_Position = vec4(2., 2., 2., 1.); gl_PointSize = 1.; ink = vec4(0.); big = 0.;
    return;
  }
  vec3 c = texelFetch(palette, ivec2(int(code + .5), 0), 0).rgb;
  ink = pass == ${REST} ? vec4(ghost.rgb * ghost.a, ghost.a) : vec4(c * alpha, alpha);
  gl_PointSize = pass == ${REST} ? ghostSize : size; big = gl_PointSize;
  gl_Position = vec4(place * fit.xy + fit.zw, 0., 1.);
}`
const FRAGMENT = `#version 300 es
precision mediump float; flat in vec4 ink; flat in float big; out vec4 shown;
void main() {
  if (big > 3.5) { vec2 d = gl_PointCoord - .5; if (dot(d, d) > .25) discard; }
  shown = ink;
}`

// True only for a real GPU: software WebGL is slower than the raster of flat.js.
export function hardwareGl() {
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true })
  if (!gl) return false
  const named = gl.getExtension("WEBGL_debug_renderer_info")
  const name = String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER))
  gl.getExtension("WEBGL_lose_context")?.loseContext()
  return !SOFTWARE.test(name)
}

function compile(gl) {
  const program = gl.createProgram()
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const made = gl.createShader(kind)
    gl.shaderSource(made, text)
    gl.compileShader(made)
    gl.attachShader(program, made)
  }
  gl.linkProgram(program)
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null
}

// Null where there is no WebGL2 after all. `lost` is called when the browser takes the context away.
export function createGl(canvas, lost) {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, stencil: false, preserveDrawingBuffer: true })
  const program = gl && compile(gl)
  if (!program) return null
  const tiles = new Map()
  const at = Object.fromEntries(["fit", "size", "ghostSize", "pass", "alpha", "ghost"].map(name => [name, gl.getUniformLocation(program, name)]))
  gl.useProgram(program)
  gl.enable(gl.BLEND)
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture())
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST)
  canvas.addEventListener("webglcontextlost", lost)

  function attribute(tile, name, slot, bytes, size, kind, normal) {
    tile[name] ??= gl.createBuffer()
    gl.bindBuffer(gl.ARRAY_BUFFER, tile[name])
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.STATIC_DRAW)
    gl.enableVertexAttribArray(slot)
    gl.vertexAttribPointer(slot, size, kind, normal, 0, 0)
  }
  function drop(number) {
    const tile = tiles.get(number)
    if (!tile) return
    for (const name of ["places", "codes", "inside"]) gl.deleteBuffer(tile[name])
    gl.deleteVertexArray(tile.vao)
    tiles.delete(number)
  }
  return {
    kind: "webgl2",
    palette(rgba) { gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, rgba) },
    put(number, places, codes, inside) {
      const tile = tiles.get(number) ?? { vao: gl.createVertexArray() }
      gl.bindVertexArray(tile.vao)
      // A change of colour or filter moves no position.
      if (!tiles.has(number)) attribute(tile, "places", 0, places, 2, gl.UNSIGNED_SHORT, true)
      attribute(tile, "codes", 1, codes, 1, gl.UNSIGNED_BYTE, false)
      if (inside) attribute(tile, "inside", 2, inside, 1, gl.UNSIGNED_BYTE, false)
      else gl.disableVertexAttribArray(2)
      gl.bindVertexArray(null)
      tiles.set(number, tile)
    },
    drop,
    draw(camera, list, style) {
      const { width, height } = canvas
      gl.viewport(0, 0, width, height)
      gl.clearColor(0, 0, 0, 0)
      gl.clear(gl.COLOR_BUFFER_BIT)
      if (style.hidden) return
      gl.uniform1f(at.size, style.size)
      gl.uniform1f(at.ghostSize, style.ghostSize)
      gl.uniform1f(at.alpha, style.alpha)
      gl.uniform4f(at.ghost, ...style.ghost.map(v => v / 255))
      for (const pass of style.masked ? [REST, KEPT] : [ALL]) {
        gl.uniform1i(at.pass, pass)
        for (const { number, x, y, side, count } of list) {
          const sx = (2 * camera.scale) / width, sy = (2 * camera.scale) / height
          gl.uniform4f(at.fit, sx * side, sy * side, sx * (x - camera.x), sy * (y - camera.y))
          gl.bindVertexArray(tiles.get(number).vao)
          gl.drawArrays(gl.POINTS, 0, count)
        }
      }
      gl.bindVertexArray(null)
    },
    free() {
      canvas.removeEventListener("webglcontextlost", lost)
      for (const number of [...tiles.keys()]) drop(number)
      gl.getExtension("WEBGL_lose_context")?.loseContext()
    },
  }
}
