// Hands on the wall: what is selected, opened, rated, deleted and dragged, by keys and by the pointer. It draws nothing.
const PAUSE = 180 // ms; somebody who selects five pictures sends them once
const KEYS = [
  ["Arrows, Home, End, Page up, Page down", "walk"], ["Enter", "open"], ["Space", "quick look"],
  ["X, or Ctrl and Space", "select"], ["Shift and arrows", "select on the way"], ["Ctrl and A", "select all"],
  ["Esc", "select nothing"], ["1 to 5, 0", "rate, or take the rating off"], ["−", "dislike"], ["F", "favourite"],
  ["Delete", "put in the bin"], ["Ctrl and Z", "undo"], ["P", "slideshow"], ["?", "these keys"],
]

// Keys count on the wall, and where nothing else has the focus.
function hears(self, event) {
  const at = event.composedPath()[0]
  if (self.viewer.on || self.keys.open || event.defaultPrevented) return false
  if (at === self.wall) return true
  if (!(at instanceof Element) || at.closest("input, textarea, select, button, a, summary, [role=dialog], [role=listbox], [contenteditable]")) return false
  return at === document.body || at.matches("[data-testid=stMain], [data-testid=stApp], html") || at.getAttribute("tabindex") === "-1"
}

function listen(self) {
  const { wall } = self
  const model = () => self.model
  const item = (at) => model().items[at]

  const send = () => {
    clearTimeout(self.timer)
    model().n += 1 // now: what the page's script says of the selection before this one counts no longer
    self.draw()
    self.timer = setTimeout(() => {
      self.state("chosen", { ids: [...model().chosen], n: model().n })
    }, PAUSE)
  }

  const toggle = (at) => {
    const one = item(at)
    if (!one) return
    const { chosen } = model()
    if (!chosen.delete(one.id)) chosen.add(one.id)
    model().focus = model().anchor = at
    self.say(`${chosen.has(one.id) ? "Selected" : "Not selected"}, ${chosen.size} in all`)
    send()
  }

  self.range = async (from, to) => {
    const [first, last] = from < to ? [from, to] : [to, from]
    try {
      const ids = await numbers(model(), first, last)
      ids.forEach((id) => model().chosen.add(id))
      self.say(`${model().chosen.size} selected`)
      send()
    } catch (error) {
      self.complain(error.message)
    }
  }

  const all = async () => {
    await self.range(0, model().total - 1)
    if (model().chosen.size < model().total) self.complain(`${model().chosen.size.toLocaleString("en")} are selected; that is the most at once.`)
  }

  self.clear = () => {
    if (!model().chosen.size) return
    model().chosen.clear()
    self.say("Nothing selected")
    send()
  }

  const changed = (change, undone = "") => {
    clearTimeout(self.later)
    self.later = setTimeout(() => self.trigger("changed", { change, undone }), 500)
  }

  // What a key does to pictures; true when it was done.
  self.press = async (items, key) => {
    const now = model()
    try {
      if (key === "undo") {
        const answer = await takeBack(now)
        self.say(answer.words)
        changed(0, answer.words)
        return true
      }
      const one = items[0]
      if (!one) return false
      const [what, value] = key === "Delete"
        ? [self.binned ? "restore" : "bin", null]
        : key === "f" ? ["favourite", !one.favourite] : ["rate", key === "-" ? -1 : Number(key)]
      const answer = await act(now, items.map((each) => each.id), what, value)
      if (what in FIELDS) items.forEach((each) => (each[FIELDS[what]] = value)) // also those that a slideshow alone knows
      if (self.viewer.on) self.viewer.fill()
      const many = items.length > 1 ? `${items.length.toLocaleString("en")} pictures ` : ""
      const short = { bin: "deleted", restore: "restored", favourite: value ? "favourite" : "no longer favourite" }[what]
      self.say(`${many}${short || (value < 0 ? "disliked" : value ? `rated ${value}` : "rating taken off")}, undo with Ctrl+Z`)
      if (answer.change) changed(answer.change)
      if (what === "bin" || what === "restore") send()
      return true
    } catch (error) {
      self.complain(error.message)
      return false
    }
  }

  const meant = () => {
    const now = model()
    if (!now.chosen.size) return item(now.focus) ? [item(now.focus)] : []
    const known = new Map(now.items.filter(Boolean).map((one) => [one.id, one]))
    return [...now.chosen].map((id) => known.get(id) || { id, favourite: false })
  }

  self.open = (one) => {
    model().scroll = self.scroller.scrollTop
    self.leaving = performance.now() + 20000
    self.trigger("open", one.id)
  }

  const look = async (play) => {
    const now = model()
    const ids = [...now.chosen]
    if (ids.length > 1) {
      const known = new Map(now.items.filter(Boolean).map((one) => [one.id, one]))
      const missing = ids.filter((id) => !known.has(id)).slice(0, 240)
      try {
        if (missing.length) (await ask(`/wall/ids?ids=${missing}`)).tiles.forEach((one) => known.set(one.id, one))
      } catch (error) {
        return self.complain(error.message)
      }
      self.viewer.open({ list: ids.map((id) => known.get(id)).filter(Boolean), play })
    } else self.viewer.open({ at: now.focus, play })
  }

  self.key = (key, { shift = false, ctrl = false } = {}) => {
    const now = model()
    const page = Math.max(1, Math.floor(self.scroller.clientHeight / self.row) - 1) * self.across
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: self.across, ArrowUp: -self.across, PageDown: page, PageUp: -page,
      Home: -now.focus, End: now.total - 1 - now.focus,
    }
    if (key in steps) {
      if (key === "ArrowUp" && now.focus < self.across) return false
      self.go(now.focus + steps[key], { select: shift })
    } else if (ctrl && key.toLowerCase() === "a") all()
    else if (ctrl && key.toLowerCase() === "z") self.press([], "undo")
    else if ((ctrl && key === " ") || (!ctrl && key.toLowerCase() === "x")) toggle(now.focus)
    else if (ctrl) return false
    else if (key === "Enter") item(now.focus) && self.open(item(now.focus))
    else if (key === " ") look(false)
    else if (key.toLowerCase() === "p") look(true)
    else if (key === "Escape") {
      if (!now.chosen.size) return false
      self.clear()
    } else if (key === "Delete") self.press(meant(), "Delete")
    else if (key.toLowerCase() === "f") self.press(meant(), "f")
    else if (/^[0-5-]$/.test(key)) self.press(meant(), key)
    else if (key === "?") self.keys.open ? self.keys.close() : self.keys.showModal()
    else return false
    return true
  }

  wall.onclick = (event) => {
    const tile = event.target.closest(".tile")
    const one = tile && item(Number(tile.dataset.at))
    if (!one) return
    const at = Number(tile.dataset.at)
    const corner = event.target.closest(".check")
    if (event.shiftKey) self.go(at, { select: true })
    else if (corner || event.ctrlKey || event.metaKey) toggle(at)
    else {
      model().focus = model().anchor = at
      self.open(one)
    }
  }
  wall.ondragstart = (event) => {
    const tile = event.target.closest(".tile")
    const one = tile && item(Number(tile.dataset.at))
    if (!one) return event.preventDefault()
    const ids = model().chosen.has(one.id) ? [...model().chosen] : [one.id]
    event.dataTransfer.setData("application/x-easel-artworks", ids.join(" "))
    event.dataTransfer.setData("text/uri-list", `${location.origin}/pictures/${one.id}`)
    event.dataTransfer.effectAllowed = "copy"
  }
  wall.onmousedown = (event) => {
    if (event.shiftKey) event.preventDefault() // no text is being selected
  }
}
