// The names over the map, as many as have room at a zoom, and the list of all groups in words. Names enter the page as text.
const levelAt = (me) => {
  const deepest = Math.max(0, ...me.data.places.map((place) => place.level))
  return Math.min(deepest, NEARER.filter((zoom) => me.view.zoom >= zoom).length)
}

function nameButton(me, place) {
  const button = make("button", "name")
  button.type = "button"
  button.append(make("span", "word", place.name), make("span", "count", place.pictures.toLocaleString("en")))
  button.setAttribute("aria-label", `${place.name}, ${counted(place.pictures)}; go there`)
  button.addEventListener("click", () => flyTo(me, place))
  button.addEventListener("focus", () => {
    const [x, y] = spot(me, place)
    if (x < 0 || y < 0 || x > me.wide || y > me.high) fly(me, { ...me.view, x: place.x, y: place.y })
  })
  return button
}

const spot = (me, place) => {
  const at = placing(me)
  return [at.x + place.x * PLACES * at.across, at.y + place.y * PLACES * at.down]
}

// The names of this zoom's groups, large groups first, none over another.
function label(me, at) {
  const level = levelAt(me)
  const shown = []
  for (const place of me.data.places) {
    if (place.level !== level || !place.name) continue
    const [x, y] = spot(me, place)
    if (x < -40 || y < -20 || x > me.wide + 40 || y > me.high + 20) continue
    const width = 34 + 7.4 * (place.name.length + 1 + String(place.pictures).length)
    const rect = [x - width / 2, y - 15, x + width / 2, y + 15]
    if (shown.some(({ rect: other }) => rect[0] < other[2] && rect[2] > other[0] && rect[1] < other[3] && rect[3] > other[1])) continue
    shown.push({ place, x, y, rect })
    if (shown.length === 24) break
  }
  const now = new Map()
  for (const { place, x, y } of shown) {
    const button = me.buttons.get(place.number) || nameButton(me, place)
    button.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px) translate(-50%, -50%)`
    button.style.setProperty("--hue", me.hue(place.number))
    now.set(place.number, button)
  }
  const gone = [...me.buttons.keys()].filter((number) => !now.has(number))
  const come = [...now.keys()].filter((number) => !me.buttons.has(number))
  for (const number of gone) me.buttons.get(number).remove()
  for (const number of come) me.names.append(now.get(number))
  me.buttons = now
}

function showList(me, open) {
  me.list.hidden = !open
  me.listTool.setAttribute("aria-expanded", String(open))
  if (open) me.list.querySelector("button")?.focus()
}

// All groups in words, each under the one that it is part of; also for whoever cannot see the map.
function listed(me) {
  const part = (parent, level) => {
    const own = me.data.places.filter((place) => place.level === level && place.parent === parent && place.name)
    if (!own.length) return null
    const list = make("ul")
    for (const place of own) {
      const item = make("li")
      const button = make("button")
      button.type = "button"
      const mark = make("i")
      mark.style.background = me.hue(place.number)
      button.append(mark, make("span", "word", place.name), make("span", "count", place.pictures.toLocaleString("en")))
      button.setAttribute("aria-label", `${place.name}, ${counted(place.pictures)}; go there`)
      button.addEventListener("click", () => flyTo(me, place))
      item.append(button)
      const below = level < 1 ? part(place.number, level + 1) : null
      if (below && below.children.length > 1) item.append(below)
      list.append(item)
    }
    return list
  }
  me.list.replaceChildren(part(-1, 0) || make("p", "", "The groups have no names: their pictures have no captions."))
}
