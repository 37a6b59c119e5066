// The sheet of a grid: pictures in labelled rows and columns, as large as lets the whole be seen. Every word enters the page as text.
const SMALLEST = 76
const LARGEST = 288
const GAP = 8
const LABEL = 32 // pixels of the words above or under a picture
const HEAD = 92 // of the headings of the rows

function element(name, className, text) {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

function filled(box, cell) {
  const look = `${cell.state}|${cell.id || ""}`
  if (box.dataset.look !== look) {
    box.dataset.look = look
    const inner = element(cell.id ? "button" : "div", `square ${cell.state}`)
    if (cell.id) {
      inner.type = "button"
      inner.dataset.id = cell.id
    }
    inner.append(element("span", "words"))
    box.replaceChildren(inner)
  }
  const inner = box.firstChild
  inner.style.setProperty("--ratio", cell.ratio)
  const words = inner.querySelector(".words")
  if (words.textContent !== cell.words) words.textContent = cell.words
  words.title = cell.words
  inner.title = cell.id ? cell.alt : ""
  if (!cell.id) inner.setAttribute("aria-label", `${cell.where}: ${cell.words}`)
  shown(inner, cell)
}

function shown(inner, cell) {
  const now = inner.querySelector("img:last-of-type")
  if (!cell.src || (now && now.getAttribute("src") === cell.src)) return
  const image = new Image()
  image.alt = cell.id ? `${cell.where}: ${cell.alt}` : ""
  image.draggable = false
  image.addEventListener("load", () => {
    image.classList.add("here")
    inner.querySelectorAll("img").forEach((old) => old !== image && old.remove())
  })
  image.src = cell.src
  inner.prepend(image)
}

function table(data) {
  const made = element("table", "sheet")
  const top = element("tr")
  const corner = element("td", "corner")
  corner.append(element("span", "across", `${data.x} →`), element("span", "", `${data.y} ↓`))
  top.append(corner)
  for (const word of data.columns) top.append(heading(word, "col"))
  const head = element("thead")
  head.append(top)
  const body = element("tbody")
  for (const word of data.rows) {
    const row = element("tr")
    row.append(heading(word, "row"))
    for (const _ of data.columns) row.append(element("td", "cell"))
    body.append(row)
  }
  made.append(head, body)
  return made
}

function heading(word, scope) {
  const made = element("th")
  made.scope = scope
  const inner = element("span", "label", word)
  inner.title = word
  made.append(inner)
  return made
}

function flow(data) {
  const made = element("div", "flow")
  for (const word of data.columns) {
    const figure = element("div", "figure")
    const label = element("span", "label", word)
    label.title = word
    figure.append(element("div", "cell"), label)
    made.append(figure)
  }
  return made
}

// The largest square at which everything is seen at once; if that is too small to see anything, it scrolls
function fit(frame, data) {
  const wide = frame.clientWidth - 4
  const high = Math.max(320, window.innerHeight - data.room)
  const across = data.columns.length
  const bound = (size) => Math.floor(Math.max(SMALLEST, Math.min(LARGEST, size)))
  let side = 0
  let columns = across
  if (data.rows.length) {
    const by = (wide - HEAD) / across - GAP
    const head = Math.max(LABEL, frame.querySelector("thead").offsetHeight)
    const down = ((high - head - 4) / data.rows.length - GAP) * data.ratio
    side = bound(Math.min(by, down))
  } else {
    for (let count = 1; count <= across; count += 1) {
      const size = bound(
        Math.min(wide / count - GAP, (high / Math.ceil(across / count) - GAP - LABEL) * data.ratio),
      )
      if (size > side && count * (size + GAP) <= wide + GAP) {
        side = size
        columns = count
      }
    }
    side = side || SMALLEST
  }
  frame.style.setProperty("--side", `${side}px`)
  frame.style.setProperty("--head", `${HEAD}px`)
  frame.style.setProperty("--columns", String(columns))
  frame.style.maxHeight = `${high}px`
}

function move(frame, from, key) {
  const all = [...frame.querySelectorAll(".cell")]
  const at = all.indexOf(from.closest(".cell"))
  const across = Number(frame.dataset.across)
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[key]
  if (!step) return false
  for (let next = at + step; all[next]; next += step) {
    const button = all[next].querySelector("button")
    if (button) {
      button.focus()
      return true
    }
  }
  return true
}

export default function ({ data, parentElement, setTriggerValue }) {
  const shape = JSON.stringify([data.x, data.y, data.columns, data.rows])
  let frame = parentElement.querySelector(".frame")
  if (!frame || frame.dataset.shape !== shape) {
    if (frame) frame.remove()
    frame = element("div", "frame")
    frame.dataset.shape = shape
    frame.setAttribute("role", "region")
    frame.setAttribute("aria-label", data.title)
    frame.append(data.rows.length ? table(data) : flow(data))
    parentElement.append(frame)
  }
  frame.onclick = (event) => {
    const button = event.target.closest("button")
    if (button) setTriggerValue("open", Number(button.dataset.id))
  }
  frame.onkeydown = (event) => {
    if (move(frame, event.target, event.key)) event.preventDefault()
  }
  const boxes = frame.querySelectorAll(".cell")
  data.cells.forEach((cell, at) => boxes[at] && filled(boxes[at], cell))
  const refit = () => {
    fit(frame, data)
    frame.dataset.across = data.rows.length ? data.columns.length : frame.style.getPropertyValue("--columns")
  }
  refit()
  const observer = new ResizeObserver(refit)
  observer.observe(parentElement.host || parentElement)
  window.addEventListener("resize", refit)
  return () => {
    observer.disconnect()
    window.removeEventListener("resize", refit)
  }
}
