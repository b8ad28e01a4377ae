// Mounts both. Of two bars that Streamlit draws for a while, the one that it drew last has the keys.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".bar")
  root.__bar ??= mountBar(root)
  root.__bar.update(data, setTriggerValue)
  return () => { root.__bar?.free(); root.__bar = null }
}

function mountBar(root) {
  let send = () => {}
  const go = ({ page, query }) => send("go", { page, query, at: Date.now() })
  const opener = el("button", { type: "button", class: "opener", "aria-keyshortcuts": isMac ? "Meta+K" : "Control+K", "aria-haspopup": "dialog", title: "Pages, datasets, rows and verbs" },
    el("span", { class: "text" }, "Go to"), el("kbd", {}, isMac ? "⌘ K" : "Ctrl K"))
  root.replaceChildren(opener)
  const menu = createMenu(root, go), tray = createTray(root, go)
  opener.onclick = menu.show

  function onKey(event) {
    if (event.key.toLowerCase() !== "k" || event.shiftKey || event.altKey || event.ctrlKey === event.metaKey) return
    if (globalThis.__tamis_bar !== root || !root.isConnected || isEditing(event)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    if (menu.isOpen()) menu.close()
    else menu.show()
  }
  // In a text of several lines the keys are the writer's; so is Ctrl K in any field of a Mac, where it cuts the rest of a line.
  function isEditing(event) {
    const at = event.composedPath()[0]
    if (menu.isOpen() || !at?.tagName) return false
    return at.isContentEditable || at.tagName === "TEXTAREA" || (isMac && event.ctrlKey && at.tagName === "INPUT")
  }
  addEventListener("keydown", onKey, true)

  function update(data, setTriggerValue) {
    send = setTriggerValue
    globalThis.__tamis_bar = root
    menu.update(data)
    tray.update(data)
  }
  function free() {
    removeEventListener("keydown", onKey, true)
    tray.free()
    if (globalThis.__tamis_bar === root) globalThis.__tamis_bar = null
  }
  return { update, free }
}
