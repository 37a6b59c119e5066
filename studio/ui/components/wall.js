// The wall: an answer of any length, of which only what is in sight is in the page. What is chosen goes to the page's script,
// what a key does to a picture to the gallery itself; neither draws the page anew. Every word enters as text.
const OVER = 3 // rows beyond what is in sight, above and below
const GAP = 10
const SIDES = [104, 136, 176, 232, 320] // px that a tile is at least wide
const PAUSE = 180 // ms; somebody who selects five pictures sends them once
const KEYS = [
  ["Arrows, Home, End, Page up, Page down", "walk"], ["Enter", "open"], ["Space", "quick look"],
  ["X, or Ctrl and Space", "select"], ["Shift and arrows", "select on the way"], ["Ctrl and A", "select all"],
  ["Esc", "select nothing"], ["1 to 5, 0", "rate, or take the rating off"], ["−", "dislike"], ["F", "favourite"],
  ["Delete", "put in the bin"], ["Ctrl and Z", "undo"], ["P", "slideshow"], ["?", "these keys"],
]
const models = new Map() // by what was asked, so that who comes back from a picture finds the wall as it was

function modelOf(key) {
  let model = models.get(key)
  if (!model) {
    model = leaves(key)
    if (models.size > 7) models.delete(models.keys().next().value)
    try {
      model.scroll = Number(sessionStorage.getItem(`easel-wall ${key}`)) || 0
    } catch { /* a browser that keeps nothing */ }
  }
  models.delete(key)
  models.set(key, model)
  return model
}

function size(set) {
  try {
    if (set !== undefined) localStorage.setItem("easel-tiles", set)
    const kept = Number(localStorage.getItem("easel-tiles") ?? 2)
    return SIDES[kept] ? kept : 2
  } catch {
    return set ?? 2
  }
}

function build() {
  const self = { nodes: new Map(), free: [], timer: 0, later: 0, moved: 0, leaving: 0, coming: false, was: 0, row: 1, across: 1, model: null }
  self.root = make("div", "wallroot")
  const head = make("div", "head")
  self.count = make("p", "count")
  const small = make("input", "size")
  Object.assign(small, { type: "range", min: 0, max: SIDES.length - 1, step: 1, value: size() })
  small.setAttribute("aria-label", "Size of the pictures")
  small.title = "Size of the pictures"
  small.oninput = () => (size(small.value), self.fit())
  self.play = button("Slideshow (P)", "slideshow", () => self.key("p"))
  self.help = button("Keys (?)", "keyboard", () => self.key("?"))
  head.append(self.count, make("span", "gap"), small, self.play, self.help)
  self.wall = make("div", "wall")
  self.wall.tabIndex = 0
  self.wall.setAttribute("role", "listbox")
  self.wall.setAttribute("aria-multiselectable", "true")
  self.wall.setAttribute("aria-label", "Pictures")
  self.live = make("p", "live")
  self.live.setAttribute("role", "status")
  self.live.setAttribute("aria-live", "polite")
  self.keys = make("dialog", "keys")
  self.keys.setAttribute("aria-label", "Keys")
  const list = make("dl")
  for (const [name, does] of KEYS) list.append(make("dt", "", name), make("dd", "", does))
  self.keys.append(make("h2", "", "Keys"), list)
  self.keys.onclick = () => self.keys.close()
  self.root.append(head, self.wall, self.live, self.keys)
  return self
}

function blank() {
  const tile = make("div", "tile")
  tile.setAttribute("role", "option")
  tile.draggable = true
  const image = make("img")
  image.decoding = "async"
  image.draggable = false
  image.alt = ""
  image.onload = () => image.classList.add("here")
  const marks = make("span", "marks")
  marks.append(make("span", "label"), make("span", "heart"))
  const foot = make("span", "foot")
  foot.append(make("span", "stars"), make("span", "alt"), make("span", "why"))
  const check = make("span", "check")
  check.append(symbol("check"))
  tile.append(image, foot, marks, check)
  return tile
}

function told(item) {
  const parts = [item.alt]
  if (item.rating > 0) parts.push(`rated ${item.rating}`)
  if (item.rating < 0) parts.push("disliked")
  if (item.favourite) parts.push("favourite")
  if (item.gone) parts.push("its file is gone")
  if (item.why) parts.push(item.why)
  return parts.join(", ")
}

// `flying`: whoever flies past a thousand pictures wants to see none of them.
function fill(tile, item, at, model, flying) {
  const said = `${at} ${model.total} ${at === model.focus} ${flying} ${item ? `${model.chosen.has(item.id)} ${JSON.stringify(item)}` : ""}`
  if (tile.said === said) return
  tile.said = said
  const [image, foot, marks] = tile.children
  tile.id = `tile-${at}`
  tile.dataset.at = at
  tile.setAttribute("aria-posinset", at + 1)
  tile.setAttribute("aria-setsize", model.total)
  tile.classList.toggle("active", at === model.focus)
  const chosen = Boolean(item) && model.chosen.has(item.id)
  tile.classList.toggle("chosen", chosen)
  tile.setAttribute("aria-selected", String(chosen))
  tile.classList.toggle("blank", !item)
  if (!item) {
    image.classList.remove("here")
    image.removeAttribute("src")
    delete tile.dataset.id
    tile.setAttribute("aria-label", "Loading")
    marks.hidden = true
    foot.hidden = true
    return
  }
  tile.dataset.id = item.id
  const src = `/thumbs/${item.id}`
  if (image.getAttribute("src") !== src) {
    image.classList.remove("here")
    if (flying) image.removeAttribute("src")
    else image.src = src
    if (image.complete && image.naturalWidth) image.classList.add("here")
  }
  tile.setAttribute("aria-label", told(item))
  tile.classList.toggle("disliked", item.rating < 0)
  tile.classList.toggle("favourite", Boolean(item.favourite))
  tile.classList.toggle("rated", item.rating !== 0)
  tile.classList.toggle("gone", Boolean(item.gone))
  marks.hidden = false
  foot.hidden = false
  marks.firstChild.textContent = item.label || ""
  marks.firstChild.hidden = !item.label
  mark(foot.firstChild, item.rating)
  foot.children[1].textContent = item.alt
  foot.children[2].textContent = item.why || ""
}

function scrollerOf(element) {
  for (let at = element; at; at = at.parentNode || at.host) {
    if (at instanceof Element && /auto|scroll/.test(getComputedStyle(at).overflowY) && at.clientHeight < innerHeight + 40) return at
  }
  return document.scrollingElement
}

function behave(self) {
  const { wall } = self
  const model = () => self.model
  const item = (at) => model().items[at]

  self.fit = () => {
    const width = wall.clientWidth
    if (!width) return
    const side = SIDES[size()] * (innerWidth < 900 ? 0.8 : 1)
    self.across = Math.max(2, Math.floor((width + GAP) / (side + GAP)))
    self.row = (width - GAP * (self.across - 1)) / self.across + GAP
    wall.style.setProperty("--side", `${self.row - GAP}px`)
    self.draw()
  }

  self.draw = () => {
    const now = model()
    if (!now || !wall.isConnected) return
    const rows = Math.ceil(now.total / self.across)
    wall.style.height = `${Math.max(0, rows * self.row - GAP)}px`
    self.count.textContent = now.chosen.size
      ? `${now.chosen.size.toLocaleString("en")} of ${now.total.toLocaleString("en")} selected`
      : self.words || `${now.total.toLocaleString("en")} picture${now.total === 1 ? "" : "s"}`
    self.root.classList.toggle("choosing", now.chosen.size > 0)
    const frame = self.scroller.getBoundingClientRect()
    const top = Math.max(0, Math.max(0, frame.top) - wall.getBoundingClientRect().top)
    const high = Math.min(innerHeight, self.scroller.clientHeight)
    const from = Math.max(0, Math.floor(top / self.row) - OVER) * self.across
    const to = Math.min(now.total, (Math.ceil((top + high) / self.row) + OVER) * self.across)
    for (const [at, tile] of self.nodes) {
      if (at < from || at >= to) {
        self.nodes.delete(at)
        self.free.push(tile)
      }
    }
    const flying = performance.now() - self.moved < 90 && Math.abs(self.scroller.scrollTop - self.was) > high
    self.was = self.scroller.scrollTop
    let next = null
    for (let at = to - 1; at >= from; at -= 1) {
      let tile = self.nodes.get(at)
      if (!tile) {
        tile = self.free.pop() || blank()
        self.nodes.set(at, tile)
      }
      fill(tile, now.items[at], at, now, flying)
      tile.style.transform = `translate(${(at % self.across) * self.row}px,${Math.floor(at / self.across) * self.row}px)`
      if (tile.parentNode !== wall || tile.nextSibling !== next) wall.insertBefore(tile, next)
      next = tile
    }
    self.free.forEach((tile) => tile.remove())
    self.free.length = Math.min(self.free.length, 60)
    wall.setAttribute("aria-activedescendant", self.nodes.has(now.focus) ? `tile-${now.focus}` : "")
    const wait = performance.now() - self.moved < 90 // who flies past wants none of it
    clearTimeout(self.settle)
    if (wait) self.settle = setTimeout(self.draw, 100)
    else need(now, from, to)
  }

  self.say = (words) => {
    self.live.textContent = ""
    requestAnimationFrame(() => (self.live.textContent = words))
  }

  self.go = (at, { select = false } = {}) => {
    const now = model()
    at = Math.max(0, Math.min(now.total - 1, at))
    if (select) range(now.anchor, at)
    else now.anchor = at
    now.focus = at
    const top = wall.getBoundingClientRect().top + Math.floor(at / self.across) * self.row
    const frame = self.scroller.getBoundingClientRect()
    const above = Math.max(0, frame.top) + 12
    const below = Math.min(innerHeight, frame.top + self.scroller.clientHeight) - 96 // the bar of what is selected stands there
    if (top < above) self.scroller.scrollTop = at < self.across ? 0 : self.scroller.scrollTop + top - above // the page's own head
    else if (top + self.row > below) self.scroller.scrollTop += top + self.row - below
    self.draw()
  }

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

  const range = async (from, to) => {
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
    await range(0, model().total - 1)
    if (model().chosen.size < model().total) self.complain(`${model().chosen.size.toLocaleString("en")} are selected; that is the most at once.`)
  }

  self.clear = () => {
    if (!model().chosen.size) return
    model().chosen.clear()
    self.say("Nothing selected")
    send()
  }

  self.complain = (words) => {
    self.say(words)
    self.count.textContent = words
    self.words = words
    setTimeout(() => ((self.words = ""), self.draw()), 6000)
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

  self.viewer = viewer(self.root, {
    count: () => model().total,
    item: (at) => picture(model(), at),
    key: (one, key) => self.press([one], key),
    open: (one) => self.open(one),
    say: (words) => self.complain(words),
    follow: (at) => at >= 0 && self.go(at),
    back: () => wall.focus({ preventScroll: true }),
  })
}

// Keys count on the wall, and where nothing else has the focus.
function hears(self, event) {
  const at = event.composedPath()[0]
  if (self.viewer.on || self.keys.open || event.defaultPrevented) return false
  if (at === self.wall) return true
  if (!(at instanceof Element) || at.closest("input, textarea, select, button, a, summary, [role=dialog], [role=listbox], [contenteditable]")) return false
  return at === document.body || at.matches("[data-testid=stMain], [data-testid=stApp], html") || at.getAttribute("tabindex") === "-1"
}

// To where one was, as long as parts of the page above still arrive and nobody scrolls.
function comeBack(self) {
  const { scroll } = self.model
  if (!scroll) return
  const app = document.querySelector("[data-testid=stApp]")
  let calm = 0
  let given = false
  const stop = () => (given = true)
  const ways = ["wheel", "keydown", "pointerdown"]
  ways.forEach((way) => addEventListener(way, stop, { once: true, passive: true }))
  const again = (now) => {
    if (app?.dataset.testScriptState === "running") calm = 0
    else calm = calm || now
    if (given || !self.wall.isConnected || (calm && now - calm > 700)) {
      self.coming = false
      ways.forEach((way) => removeEventListener(way, stop))
      return
    }
    if (Math.abs(self.scroller.scrollTop - scroll) > 1) self.scroller.scrollTop = scroll
    requestAnimationFrame(again)
  }
  self.coming = true
  requestAnimationFrame(again)
}

const open = new WeakMap()

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  let self = open.get(parentElement)
  const fresh = !self
  if (fresh) {
    self = build()
    behave(self)
    open.set(parentElement, self)
    parentElement.append(self.root)
  }
  self.trigger = setTriggerValue
  self.state = setStateValue
  self.binned = data.binned
  did(data.done)
  const model = modelOf(data.key)
  const other = self.model !== model
  self.model = model
  model.told = () => requestAnimationFrame(self.draw)
  model.say = self.complain
  if (model.run !== data.run) { // the page's script ran: its answer is the newest
    model.run = data.run
    model.route = data.route
    model.stamp = data.stamp
    renew(model, { count: false })
    model.total = data.total
    model.items.length = Math.min(model.items.length, model.total)
    lay(model, data.start, data.tiles)
  } else if (model.stamp !== data.stamp) { // somebody changed pictures, and not by these keys
    model.stamp = data.stamp
    renew(model)
  }
  if (other) model.n = data.n
  if (data.n >= model.n) model.chosen = new Set(data.chosen)
  self.scroller = scrollerOf(parentElement.host || parentElement)
  self.fit()
  if (other) comeBack(self)
  const scrolled = () => {
    self.moved = performance.now()
    if (!self.wall.isConnected) return
    // neither while the page is put together nor while it is taken apart: then nobody scrolls but the browser
    if (!self.coming && performance.now() > self.leaving) model.scroll = self.scroller.scrollTop
    cancelAnimationFrame(self.frame)
    self.frame = requestAnimationFrame(self.draw)
  }
  const keep = () => {
    try {
      sessionStorage.setItem(`easel-wall ${data.key}`, Math.round(model.scroll))
    } catch { /* a browser that keeps nothing */ }
  }
  const pressed = (event) => {
    if (event.altKey || !hears(self, event)) return
    // what is open over the wall closes first, also where a button of it that went grey has lost the focus
    if (event.key === "Escape" && document.querySelector('[data-testid="stPopoverBody"]')) return
    const ctrl = event.ctrlKey || event.metaKey
    if (self.key(event.key, { shift: event.shiftKey && event.key.startsWith("Arrow"), ctrl })) {
      event.preventDefault()
      event.stopPropagation()
    }
  }
  // the bar's own Clear: what is pressed next begins with nothing selected, however late the page's script answers
  const cleared = (event) => event.target.closest?.(".st-key-bulk_clear button") && self.clear()
  const target = self.scroller === document.scrollingElement ? window : self.scroller
  const observer = new ResizeObserver(() => requestAnimationFrame(self.fit))
  observer.observe(self.wall)
  target.addEventListener("scroll", scrolled, { passive: true })
  window.addEventListener("keydown", pressed, true)
  window.addEventListener("click", cleared, true)
  window.addEventListener("resize", self.fit)
  window.addEventListener("pagehide", keep)
  return () => {
    keep()
    observer.disconnect()
    target.removeEventListener("scroll", scrolled)
    window.removeEventListener("keydown", pressed, true)
    window.removeEventListener("click", cleared, true)
    window.removeEventListener("resize", self.fit)
    window.removeEventListener("pagehide", keep)
  }
}
