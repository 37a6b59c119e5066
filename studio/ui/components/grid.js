// A grid of thumbnails. The data are plain values; every word enters the page as text.
const HEART = "M12 20.5 4.6 13.2a4.8 4.8 0 0 1 6.8-6.8l.6.6.6-.6a4.8 4.8 0 0 1 6.8 6.8z"

function heart() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("class", "heart")
  svg.setAttribute("aria-hidden", "true")
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path")
  path.setAttribute("d", HEART)
  svg.append(path)
  return svg
}

function tile(item) {
  const button = document.createElement("button")
  button.type = "button"
  button.className = "tile"
  button.dataset.id = item.id
  const image = document.createElement("img")
  image.loading = "lazy"
  image.decoding = "async"
  image.draggable = false
  image.addEventListener("load", () => image.classList.add("here"))
  const label = document.createElement("span")
  label.className = "label"
  const foot = document.createElement("span")
  foot.className = "foot"
  button.append(image, foot, label, heart())
  return button
}

function fill(button, item, current) {
  const [image, foot, label] = button.children
  if (image.getAttribute("src") !== item.src) {
    image.classList.remove("here")
    image.src = item.src
    if (image.complete) image.classList.add("here")
  }
  image.alt = item.alt
  foot.textContent = item.alt
  label.textContent = item.label || ""
  label.hidden = !item.label
  button.classList.toggle("favourite", Boolean(item.favourite))
  button.classList.toggle("current", item.id === current)
  button.setAttribute("aria-current", item.id === current ? "true" : "false")
}

function step(list, from, key) {
  const all = [...list.querySelectorAll("button")]
  const at = all.indexOf(from)
  const row = all.filter((other) => other.offsetTop === all[0].offsetTop).length || 1
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row, Home: -at, End: all.length - 1 - at }
  if (!(key in moves)) return false
  all[Math.min(all.length - 1, Math.max(0, at + moves[key]))].focus()
  return true
}

export default function ({ data, parentElement, setTriggerValue }) {
  let list = parentElement.querySelector(".tiles")
  if (!list) {
    list = document.createElement("div")
    list.setAttribute("role", "group")
    list.setAttribute("aria-label", "Pictures")
    parentElement.append(list)
  }
  list.className = data.strip ? "tiles strip" : "tiles"
  list.onclick = (event) => {
    const button = event.target.closest("button")
    if (button) setTriggerValue("open", Number(button.dataset.id))
  }
  list.onkeydown = (event) => {
    if (step(list, event.target, event.key)) event.preventDefault()
  }
  const old = new Map([...list.children].map((child) => [child.dataset.id, child]))
  const now = data.tiles.map((item) => {
    const button = old.get(String(item.id)) || tile(item)
    fill(button, item, data.current)
    return button
  })
  list.replaceChildren(...now)
}
