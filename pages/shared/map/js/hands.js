// What pointers and keys do on a map: pan, zoom, lasso, box, point, walk.
import { simplify } from "./pick.js"

const MOVED = 4 // pixels after which a press is a drag
const CLICK_MS = 230 // a second click within it is a double click
const HOVER_MS = 110
const ZOOM_STEP = 1.6

// With a tool of its own, or with Shift held while the hand tool is chosen, a drag marks; keys say what becomes of the mark.
export const howOf = (event, tool) =>
  event.altKey ? "subtract" : event.ctrlKey || event.metaKey ? "intersect" : event.shiftKey && tool !== "pan" ? "add" : "set"

export function giveHands(root, view, { say, tool, choose, can, eager }) {
  const pointers = new Map(), at = event => {
    const box = root.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }
  let hold = null, clicked = 0, rested = 0

  function down(event) {
    if (event.button !== 0 || event.target.closest(".chrome")) return
    root.setPointerCapture?.(event.pointerId)
    root.focus({ preventScroll: true })
    pointers.set(event.pointerId, at(event))
    say("hover", null)
    if (pointers.size === 2) {
      hold = { pinch: true, ...spread() }
      view.set({ path: null })
      return
    }
    const [x, y] = at(event), marks = can("region") && (tool() !== "pan" || event.shiftKey)
    hold = { x, y, from: [x, y], moved: false, marks, box: tool() === "box", path: [view.at(x, y)], how: howOf(event, tool()) }
  }
  function spread() {
    const [[ax, ay], [bx, by]] = [...pointers.values()]
    return { x: (ax + bx) / 2, y: (ay + by) / 2, apart: Math.hypot(ax - bx, ay - by) || 1 }
  }
  function move(event) {
    const [x, y] = at(event)
    if (!hold) return rest(event, x, y)
    if (!pointers.has(event.pointerId)) return
    pointers.set(event.pointerId, [x, y])
    if (hold.pinch) {
      if (pointers.size < 2) return
      const now = spread()
      view.pan(now.x - hold.x, now.y - hold.y)
      view.zoom(now.apart / hold.apart, view.at(now.x, now.y))
      Object.assign(hold, now)
      return
    }
    if (Math.hypot(x - hold.from[0], y - hold.from[1]) > MOVED) hold.moved = true
    if (!hold.moved) return
    if (!hold.marks) view.pan(x - hold.x, y - hold.y)
    else if (hold.box) view.set({ path: rectangle(hold.path[0], view.at(x, y)) })
    else {
      hold.path.push(view.at(x, y))
      view.set({ path: hold.path })
    }
    Object.assign(hold, { x, y })
  }
  function up(event) {
    pointers.delete(event.pointerId)
    const was = hold
    if (!was || pointers.size) return
    hold = null
    view.set({ path: null })
    if (was.pinch) return view.settle()
    if (!was.moved) return click(event)
    if (!was.marks) return view.settle()
    const corners = was.box ? rectangle(was.path[0], view.at(was.x, was.y)).slice(0, 4) : simplify(was.path, 0.75 / view.state.camera.scale)
    if (corners.length > 2) mark(corners, was.how, was.box)
  }
  function mark(corners, how, box) {
    // Added to nothing it is the whole of the mark.
    const first = !view.state.regions.length && (how === "add" || how === "subtract")
    view.keepPolygon(corners, first && how === "add" ? "set" : how)
    say("region", { corners: corners.map(c => c.map(v => Number(v.toFixed(7)))), how, box })
  }
  function click(event) {
    const [x, y] = at(event)
    clearTimeout(clicked)
    if (!can("open")) return
    clicked = setTimeout(() => {
      const found = view.nearest(...view.at(x, y))
      if (found) open(found)
    }, CLICK_MS)
  }
  function open(found) {
    view.set({ cursor: [found.x, found.y] })
    say("open", { place: found.place })
  }
  function twice(event) {
    if (event.target.closest(".chrome")) return
    clearTimeout(clicked)
    const { camera } = view.state, [x, y] = view.at(...at(event)), by = event.shiftKey ? 0.5 : 2
    const scale = camera.scale * by
    view.fly({ scale, x: x - (x - camera.x) / by, y: y - (y - camera.y) / by })
  }
  function wheel(event) {
    // A map among other things lets the page scroll by until somebody takes it in hand.
    const held = eager() || event.ctrlKey || root.getRootNode().activeElement === root
    if (!held || event.target.closest(".scrolls")) return
    event.preventDefault()
    const lines = event.deltaMode === 1 ? 16 : 1, speed = event.ctrlKey ? 0.01 : 0.0018 // a pinch on a touchpad comes with Control
    view.zoom(Math.exp(-event.deltaY * lines * speed), view.at(...at(event)))
    clearTimeout(rested)
    rested = setTimeout(() => view.settle(), 140)
  }
  let waiting = 0
  function rest(event, x, y) {
    clearTimeout(waiting)
    if (event.pointerType === "touch" || event.target.closest(".chrome")) return say("hover", null)
    waiting = setTimeout(() => {
      const found = view.nearest(...view.at(x, y))
      say("hover", found && { ...found, how: "pointer" })
    }, HOVER_MS)
  }
  function leave() {
    clearTimeout(waiting)
    say("hover", null)
  }

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
  function walk([dx, dy]) {
    const { camera, cursor, mark } = view.state, [x, y] = cursor ?? mark ?? [camera.x, camera.y]
    const found = cursor || mark ? view.neighbour(x, y, dx, dy) : view.nearest(x, y) ?? view.neighbour(x, y, dx, dy)
    if (!found) return
    view.set({ cursor: [found.x, found.y] })
    const [px, py] = view.toPixels([found.x, found.y]), box = root.getBoundingClientRect(), edge = 40
    if (px < edge || py < edge || px > box.width - edge || py > box.height - edge) view.fly({ ...camera, x: found.x, y: found.y })
    hands.at = found
    say("hover", { ...found, how: "keys" })
  }
  const keys = {
    Enter: () => hands.at && can("open") && open(hands.at),
    f: () => view.frame(),
    0: () => view.fly(view.whole()),
    "+": () => step(ZOOM_STEP), "=": () => step(ZOOM_STEP), "-": () => step(1 / ZOOM_STEP),
    l: () => can("region") && choose("lasso"), b: () => can("region") && choose("box"), v: () => choose("pan"), d: () => say("density"),
    " ": () => say("play"), "[": () => say("step", -1), "]": () => say("step", 1),
    "/": () => document.querySelector("input[aria-label='Search']")?.focus(),
    Escape: escape,
  }
  function step(by) {
    view.zoom(by)
    view.settle()
  }
  function escape() {
    if (hold) {
      hold = null
      view.set({ path: null })
    } else if (tool() !== "pan") choose("pan")
    else if (view.state.regions.length) say("region", { how: "clear", corners: [], box: false })
    view.set({ cursor: null })
    say("hover", null)
  }
  function key(event) {
    if (event.target.closest(".chrome") && event.key !== "Escape") return
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const act = arrows[event.key] ? () => walk(arrows[event.key]) : keys[event.key]
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  const listeners = {
    pointerdown: down, pointermove: move, pointerup: up, pointercancel: up, pointerleave: leave, dblclick: twice, keydown: key,
  }
  for (const [name, act] of Object.entries(listeners)) root.addEventListener(name, act)
  root.addEventListener("wheel", wheel, { passive: false })
  const hands = {
    at: null,
    free() {
      for (const timer of [clicked, rested, waiting]) clearTimeout(timer)
    },
  }
  return hands
}

const rectangle = ([ax, ay], [bx, by]) => [[ax, ay], [bx, ay], [bx, by], [ax, by], [ax, ay]]
