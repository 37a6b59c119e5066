// The small things that editors are built from: buttons, sliders, steps to undo, and what carries a value to Python.
// An editor's own code comes after this file.
const STEPS = 120 // how many steps can be undone
const PAUSE = 160 // ms without another key before Python is told

function history() {
  const past = []
  const future = []
  return {
    push(step) {
      past.push(step)
      if (past.length > STEPS) past.shift()
      future.length = 0
    },
    last: () => past[past.length - 1],
    back() {
      const step = past.pop()
      if (step) future.push(step)
      return step
    },
    forth() {
      const step = future.pop()
      if (step) past.push(step)
      return step
    },
    past: () => past.length,
    future: () => future.length,
  }
}

// Hands a value to Python a moment after the last change; `flush` does it now.
function messenger() {
  let timer = 0
  let waiting = null
  const self = {
    set: null,
    n: 0,
    later(name, value, pause) {
      waiting = [name, value]
      clearTimeout(timer)
      if (pause) timer = setTimeout(self.flush, pause)
      else self.flush()
    },
    flush() {
      clearTimeout(timer)
      if (!waiting || !self.set) return
      const [name, value] = waiting
      waiting = null
      self.n = Math.max(self.n + 1, Date.now()) // grows over a reload too
      self.set(name, { ...value, n: self.n })
    },
  }
  self.drop = () => {
    clearTimeout(timer)
    waiting = null
  }
  window.addEventListener("pagehide", self.flush)
  return self
}

function tool(board, { icon, label, keys = "", word = "", press, group }) {
  const button = make("button", word ? "tool worded" : "tool")
  button.type = "button"
  button.append(glyph(icon))
  if (word) button.append(make("span", "", word))
  button.setAttribute("aria-label", label)
  const tip = keys ? `${label}  ·  ${keys}` : label
  button.title = tip
  button.onpointerenter = () => board.tip(tip)
  button.onfocus = () => button.matches(":focus-visible") && board.tip(tip)
  button.onpointerleave = button.onblur = () => board.tip("")
  button.onclick = () => {
    board.tip("") // what the tool does now counts for more than its name
    if (button.getAttribute("aria-disabled") !== "true") press(button)
  }
  group.append(button)
  return button
}

function slider(board, { label, min, max, step = 1, value, group, change }) {
  const box = make("label", "slide")
  const input = make("input")
  Object.assign(input, { type: "range", min, max, step, value })
  input.setAttribute("aria-label", label)
  const name = make("span", "", label)
  name.setAttribute("aria-hidden", "true")
  box.append(name, input)
  input.oninput = () => change(Number(input.value))
  group.append(box)
  return input
}

// The words beside a slider, which hold its value where it has a unit.
function reading(input, words) {
  input.parentElement.firstChild.textContent = words
  input.setAttribute("aria-valuetext", words)
}

function enable(button, yes) {
  button.setAttribute("aria-disabled", String(!yes))
}

function press(button, yes) {
  button.setAttribute("aria-pressed", String(yes))
}

// One stop for Tab, arrows within.
function roving(bar) {
  const all = () => [...bar.querySelectorAll("button.tool")].filter((button) => button.offsetParent)
  bar.addEventListener("focusin", (event) => {
    if (!event.target.matches("button.tool")) return
    for (const button of bar.querySelectorAll("button.tool")) button.tabIndex = button === event.target ? 0 : -1
  })
  bar.addEventListener("keydown", (event) => {
    if (!event.target.matches("button.tool")) return
    const list = all()
    const at = list.indexOf(event.target)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: list.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    list[(to + list.length) % list.length].focus()
  })
  return () => bar.querySelectorAll("button.tool").forEach((button, i) => (button.tabIndex = i ? -1 : 0))
}

// An editor lives on while Streamlit runs the page again, and when the page is left and opened again.
const instances = new Map()

function instance(data, parentElement, setStateValue, begin) {
  let self = instances.get(data.key)
  if (!self) {
    for (const [key, other] of instances) if (instances.size > 5 && !other.board.root.isConnected) instances.delete(key)
    self = begin()
    instances.set(data.key, self)
  }
  self.post.set = setStateValue
  for (const other of parentElement.querySelectorAll(".board")) if (other !== self.board.root) other.remove()
  if (self.board.root.parentNode !== parentElement) parentElement.append(self.board.root)
  self.take(data)
  return self.post.flush
}
