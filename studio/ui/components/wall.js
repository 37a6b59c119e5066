// The wall: an answer of any length, of which only what is in sight is in the page. What is chosen goes to the page's script,
// what a key does to a picture to the gallery itself; neither draws the page anew. Every word enters as text.
const OVER = 3 // rows beyond what is in sight, above and below
const GAP = 10
const SIDES = [104, 136, 176, 232, 320] // px that a tile is at least wide
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

function build(root) {
  const self = { nodes: new Map(), free: [], timer: 0, later: 0, moved: 0, leaving: 0, coming: false, was: 0, row: 1, across: 1, model: null }
  self.root = make("div", "wallroot")
  const head = make("div", "head")
  self.count = make("p", "count")
  const small = make("input", "size")
  Object.assign(small, { type: "range", min: 0, max: SIDES.length - 1, step: 1, value: size() })
  small.setAttribute("aria-label", "Size of the pictures")
  small.title = "Size of the pictures"
  small.oninput = () => (size(small.value), self.fit())
  self.play = tool("Slideshow (P)", "slideshow", () => self.key("p"))
  self.help = tool("Keys (?)", "keyboard", () => self.key("?"))
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
  draws(self)
  listen(self)
  root.append(self.root)
  return self
}

function scrollerOf(element) {
  for (let at = element; at; at = at.parentNode || at.host) {
    if (at instanceof Element && /auto|scroll/.test(getComputedStyle(at).overflowY) && at.clientHeight < innerHeight + 40) return at
  }
  return document.scrollingElement
}

function draws(self) {
  const { wall } = self
  const model = () => self.model

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
      : self.words || (now.among > now.total ? `The nearest ${now.total.toLocaleString("en")} of ${counted(now.among)}` : counted(now.total))
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
        tile = self.free.pop() || blankTile()
        self.nodes.set(at, tile)
      }
      fillTile(tile, now.items[at], at, now, flying)
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
    if (select) self.range(now.anchor, at)
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

  self.complain = (words) => {
    self.say(words)
    self.count.textContent = words
    self.words = words
    setTimeout(() => ((self.words = ""), self.draw()), 6000)
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

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  const self = once(parentElement, build)
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
    model.among = data.among
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
    if (event.altKey || !self.wall.isConnected || !hears(self, event)) return // gone, and not yet told so: a picture was opened
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
