// Names of people and datasets are set as text, never as HTML.
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made[key] = value
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value)
  }
  made.append(...children.filter(one => one !== null && one !== undefined))
  return made
}

const isMac = /Mac|iPhone|iPad/.test(navigator.platform)

// An address of the app, as a link that opens in another tab has it.
function addressOf({ page, query }) {
  const address = new URL(page, document.baseURI)
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
  return address.href
}
