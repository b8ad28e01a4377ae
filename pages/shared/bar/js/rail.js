// Folds the rail to icons and out again, at once and without a run of the page; the browser remembers it for every page.
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button"), root = document.documentElement
  const KEPT = "tamis rail"

  function read() {
    try { return localStorage.getItem(KEPT) === "icons" } catch { return root.dataset.rail === "icons" }
  }
  function show(folded) {
    root.dataset.rail = folded ? "icons" : "whole"
    button.setAttribute("aria-expanded", String(!folded))
    button.title = folded ? "Show the names of the pages" : "Fold the rail to icons"
    button.setAttribute("aria-label", button.title)
    button.querySelector(".mark").textContent = folded ? "»" : "«"
    nameLinks()
  }
  // What an icon stands for is said on hover; its name stays in the page for whoever listens to it.
  function nameLinks() {
    for (const link of document.querySelectorAll('[data-testid="stSidebar"] a[data-testid="stPageLink-NavLink"]')) {
      const name = link.textContent.trim().split("\n").pop()
      if (root.dataset.rail === "icons") link.title = link.querySelector("p")?.textContent ?? name
      else link.removeAttribute("title")
    }
  }
  button.onclick = () => {
    const folded = root.dataset.rail !== "icons"
    try { localStorage.setItem(KEPT, folded ? "icons" : "whole") } catch { /* a browser that keeps nothing */ }
    show(folded)
  }
  show(read())
  const rail = document.querySelector('[data-testid="stSidebar"]')
  const watch = new MutationObserver(nameLinks)
  if (rail) watch.observe(rail, { childList: true, subtree: true })
  return () => watch.disconnect()
}
