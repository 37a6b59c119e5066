// Stars, a heart and a thumb turned down for one picture, and the keys of the page that shows it. It changes the picture itself,
// at once; the page's script only hears of it.
const LATER = 450 // ms; who rates and walks on waits for nothing

function plateOf() {
  const self = { root: make("div", "plate"), stars: [], work: Promise.resolve() }
  const tool = (name, icon, press) => {
    const one = make("button", `tool ${icon}`)
    one.type = "button"
    one.title = name
    one.append(make("span", `mark ${icon}`))
    one.onclick = press
    self.root.append(one)
    return one
  }
  const group = make("div", "five")
  group.setAttribute("role", "radiogroup")
  group.setAttribute("aria-label", "Rating")
  for (let stars = 1; stars <= 5; stars += 1) {
    const one = make("button", "star")
    one.type = "button"
    one.title = `${stars} (key ${stars})`
    one.setAttribute("role", "radio")
    one.setAttribute("aria-label", `${stars} ${stars > 1 ? "stars" : "star"}`)
    one.append(make("span", "mark"))
    one.onclick = () => self.key(String(self.rating === stars ? 0 : stars))
    self.stars.push(one)
    group.append(one)
  }
  self.root.append(group)
  self.down = tool("Dislike (-)", "down", () => self.key(self.rating === -1 ? "0" : "-"))
  self.heart = tool("Favourite (F)", "heart", () => self.key("f"))
  self.live = make("p", "live")
  self.live.setAttribute("role", "status")
  self.root.append(self.live)
  return self
}

function paint(self) {
  self.stars.forEach((one, at) => {
    one.classList.toggle("on", at < self.rating)
    one.setAttribute("aria-checked", String(at + 1 === self.rating))
  })
  self.down.classList.toggle("on", self.rating === -1)
  self.down.setAttribute("aria-pressed", String(self.rating === -1))
  self.down.setAttribute("aria-label", "Dislike")
  self.heart.classList.toggle("on", self.favourite)
  self.heart.setAttribute("aria-pressed", String(self.favourite))
  self.heart.setAttribute("aria-label", "Favourite")
}

function rule(self) {
  const tell = (what, change = 0, undone = "") => {
    clearTimeout(self.timer)
    self.trigger("did", { do: what, change, undone })
  }
  const change = (what, value, words, then) => {
    const before = [self.rating, self.favourite]
    const { id } = self
    if (what === "rate") self.rating = value
    if (what === "favourite") self.favourite = value
    paint(self)
    self.live.textContent = `${words}, undo with Ctrl+Z`
    self.work = self.work.then(async () => {
      try {
        const made = await ask("/wall/change", undefined, { ids: [id], what, value })
        did(made.change)
        then(made.change)
      } catch (error) {
        if (self.id === id) [self.rating, self.favourite] = before
        paint(self)
        self.live.textContent = error.message
      }
    })
  }
  const soon = (made) => {
    clearTimeout(self.timer)
    self.timer = setTimeout(() => tell("changed", made), LATER)
  }
  self.key = (key) => {
    if (/^[0-5-]$/.test(key)) {
      const value = key === "-" ? -1 : Number(key)
      change("rate", value, value < 0 ? "Disliked" : value ? `Rated ${value}` : "Rating taken off", soon)
    } else if (key.toLowerCase() === "f") change("favourite", !self.favourite, self.favourite ? "No longer a favourite" : "Favourite", soon)
    else if (key === "Delete" && !self.binned) change("bin", null, "Deleted", (made) => tell("binned", made))
    else if (key === "undo") {
      self.work = self.work.then(() => unmake()).then(
        (answer) => ((self.live.textContent = answer.words), tell("undone", 0, answer.words)),
        (error) => (self.live.textContent = error.message),
      )
    } else {
      const way = { ArrowLeft: "before", ArrowRight: "after", Escape: "back" }[key]
      if (!way) return false
      self.work.then(() => tell(way))
    }
    return true
  }
}

const TAKEN = "input, textarea, select, [contenteditable], [role=dialog], [role=slider], [role=listbox], [role=radiogroup], [role=combobox], [role=tab], .tree, .tiles"
const plates = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let self = plates.get(parentElement)
  if (!self) {
    self = plateOf()
    rule(self)
    plates.set(parentElement, self)
    parentElement.append(self.root)
    const page = document.querySelector("[data-testid=stMain]") // whoever comes from far down a wall begins at the top
    if (page) page.scrollTop = 0
  }
  Object.assign(self, data, { trigger: setTriggerValue })
  did(data.done)
  paint(self)
  const pressed = (event) => {
    const at = event.composedPath().find((one) => one instanceof Element)
    const ours = self.root.contains(at)
    if (!self.root.isConnected || event.defaultPrevented || event.altKey || event.shiftKey || document.querySelector("dialog[open]")) return
    if (!ours && event.composedPath().some((one) => one instanceof Element && one.matches(TAKEN))) return
    const ctrl = event.ctrlKey || event.metaKey
    if (ctrl ? event.key.toLowerCase() === "z" && self.key("undo") : self.key(event.key)) {
      event.preventDefault()
      event.stopPropagation()
    }
  }
  window.addEventListener("keydown", pressed, true)
  return () => window.removeEventListener("keydown", pressed, true)
}
