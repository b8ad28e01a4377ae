// What runs in a file that was sent: the map of the page over tiles that lie in the file.
import mount from "./component.js"
import { inlineSource } from "./inline.js"

const given = JSON.parse(document.getElementById("given").textContent)
given.source = inlineSource(given)
mount({ data: given, parentElement: document.getElementById("map"), setTriggerValue() {} })
