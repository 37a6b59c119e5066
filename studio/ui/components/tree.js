// Where a picture comes from and what was made of it: parents to the left, children to the right, each one a button.
const [WIDE, HIGH, ACROSS, DOWN] = [112, 150, 96, 18] // px: a node and the room between two of them
const PASS = 22 // px for a line that passes a column

// A column for each node, one further right than its furthest parent. Where a line passes a column, it gets a place of its own
// there, so that it never runs behind a picture; rows are sorted by where their neighbours are, so that lines stay short.
function arrange(nodes, edges) {
  const spots = new Map(nodes.map((node) => [node.id, { node, column: 0, y: 0, high: HIGH, before: [], after: [], parents: [], children: [] }]))
  const known = edges.filter((edge) => edge.from !== edge.to && spots.has(edge.from) && spots.has(edge.to))
  for (const { from, to } of known) {
    spots.get(from).children.push(spots.get(to))
    spots.get(to).parents.push(spots.get(from))
  }
  for (let round = 0, moved = true; moved && round < nodes.length; round += 1) {
    moved = false
    for (const spot of spots.values())
      for (const child of spot.children) {
        const least = Math.min(nodes.length - 1, spot.column + 1)
        if (child.column < least) (child.column = least), (moved = true)
      }
  }
  for (const spot of spots.values()) // somebody without parents stands right before the first child
    if (!spot.parents.length && spot.children.length) spot.column = Math.max(0, Math.min(...spot.children.map((child) => child.column)) - 1)
  const columns = []
  for (const spot of spots.values()) (columns[spot.column] ||= []).push(spot)
  const ways = known.map(({ from, to, role }) => {
    const way = [spots.get(from)]
    for (let column = way[0].column + 1; column < spots.get(to).column; column += 1) {
      const passing = { column, y: 0, high: PASS, before: [], after: [] }
      ;(columns[column] ||= []).push(passing)
      way.push(passing)
    }
    way.push(spots.get(to))
    way.slice(1).forEach((spot, i) => (spot.before.push(way[i]), way[i].after.push(spot)))
    return { way, role }
  })
  const full = [...columns].map((column) => column || [])
  const heights = full.map((column) => column.reduce((sum, spot) => sum + spot.high + DOWN, -DOWN))
  const tallest = Math.max(HIGH, ...heights)
  const settle = (column, i) => {
    let y = (tallest - heights[i]) / 2
    for (const spot of column) (spot.y = y), (y += spot.high + DOWN)
  }
  const pull = (spot, side) => (spot[side].length ? spot[side].reduce((sum, other) => sum + other.y + other.high / 2, 0) / spot[side].length : spot.y + spot.high / 2)
  full.forEach(settle)
  for (let sweep = 0; sweep < 6; sweep += 1) {
    const side = sweep % 2 ? "after" : "before"
    const order = full.map((_, i) => i)
    for (const i of sweep % 2 ? order.reverse() : order) {
      full[i].sort((one, two) => pull(one, side) - pull(two, side))
      settle(full[i], i)
    }
  }
  return { spots, ways, width: full.length * (WIDE + ACROSS) - ACROSS, height: tallest }
}

const left = (spot) => 14 + spot.column * (WIDE + ACROSS)
const top = (spot) => 10 + spot.y
const line = (spot) => top(spot) + (spot.node ? WIDE / 2 : PASS / 2)

function node(spot, current) {
  const { node: data } = spot
  const button = make("button", "node")
  button.type = "button"
  button.dataset.id = data.id
  button.style.left = `${left(spot)}px`
  button.style.top = `${top(spot)}px`
  const frame = make("span", "thumb")
  if (data.gone) frame.append(make("span", "gone", "Deleted"))
  else {
    const image = make("img")
    image.alt = ""
    image.draggable = false
    image.onload = () => image.classList.add("here")
    image.src = data.src
    frame.append(image)
  }
  button.append(frame, make("span", "label", data.label))
  button.title = data.alt
  button.setAttribute("aria-label", [data.label, data.alt, data.gone ? "deleted" : "", data.id === current ? "this picture" : ""].filter(Boolean).join(", "))
  button.setAttribute("aria-current", String(data.id === current))
  button.setAttribute("aria-disabled", String(Boolean(data.gone)))
  button.tabIndex = data.id === current ? 0 : -1
  return button
}

// The curve from a picture to what was made of it with an arrow head, and the word for how.
function link({ way, role }) {
  const curve = document.createElementNS("http://www.w3.org/2000/svg", "path")
  const bend = ACROSS / 2
  let path = `M${left(way[0]) + WIDE} ${line(way[0])}`
  way.slice(1).forEach((spot, i) => {
    const [x0, y0, y1] = [left(way[i]) + WIDE, line(way[i]), line(spot)]
    const x1 = left(spot) - (spot.node ? 5 : 0)
    path += `C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`
    if (!spot.node) path += `H${x1 + WIDE}`
    else path += `M${x1 - 6} ${y1 - 5}L${x1} ${y1}L${x1 - 6} ${y1 + 5}`
  })
  curve.setAttribute("d", path)
  const word = make("span", "role", role)
  const passing = way.length > 2 ? way[1] : null // on a long line the word stands where the line is straight
  word.style.left = `${passing ? left(passing) + WIDE / 2 : left(way[1]) - ACROSS / 2 - 3}px`
  word.style.top = `${passing ? line(passing) : (line(way[0]) + line(way[1])) / 2}px`
  return [curve, word]
}

function next(plan, id, key) {
  const here = plan.spots.get(id)
  if (!here) return null
  const near = (spots) => [...spots].sort((a, b) => Math.abs(a.y - here.y) - Math.abs(b.y - here.y))[0]
  if (key === "ArrowLeft") return near(here.parents)
  if (key === "ArrowRight") return near(here.children)
  const column = [...plan.spots.values()].filter((spot) => spot.column === here.column)
  return near(column.filter((spot) => (key === "ArrowUp" ? spot.y < here.y : spot.y > here.y)))
}

const open = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let self = open.get(parentElement)
  if (!self) {
    self = { box: make("div", "tree"), said: "" }
    self.box.setAttribute("role", "group")
    self.box.setAttribute("aria-label", "Where this picture comes from and what was made of it")
    open.set(parentElement, self)
    parentElement.append(self.box)
  }
  const { box } = self
  box.onclick = (event) => {
    const button = event.target.closest("button.node")
    if (button && button.getAttribute("aria-disabled") !== "true") setTriggerValue("chosen", Number(button.dataset.id))
  }
  const said = JSON.stringify(data)
  if (said === self.said) return
  self.said = said
  const plan = arrange(data.nodes, data.edges)
  const sheet = make("div", "sheet")
  sheet.style.width = `${28 + plan.width}px`
  sheet.style.height = `${20 + plan.height}px`
  const lines = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  lines.setAttribute("aria-hidden", "true")
  sheet.append(lines)
  const words = []
  for (const way of plan.ways) {
    const [curve, word] = link(way)
    lines.append(curve)
    words.push(word)
  }
  const buttons = new Map()
  for (const [id, spot] of plan.spots) buttons.set(id, node(spot, data.current))
  sheet.append(...buttons.values(), ...words)
  if (!buttons.has(data.current) && buttons.size) [...buttons.values()][0].tabIndex = 0
  box.replaceChildren(sheet)
  box.onkeydown = (event) => {
    if (!event.key.startsWith("Arrow") || !event.target.matches("button.node")) return
    event.preventDefault()
    event.stopPropagation()
    const to = next(plan, Number(event.target.dataset.id), event.key)
    if (!to) return
    event.target.tabIndex = -1
    const button = buttons.get(to.node.id)
    button.tabIndex = 0
    button.focus()
    button.scrollIntoView({ block: "nearest", inline: "nearest" })
  }
  const here = plan.spots.get(data.current)
  if (here) box.scrollTo(left(here) + WIDE / 2 - box.clientWidth / 2, top(here) + HIGH / 2 - box.clientHeight / 2)
}
