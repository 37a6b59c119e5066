// The poses to begin with: a menu under its button, each with a small drawing and its name.
const SKETCH = 112 // px, drawn at twice the size it is shown at

function poseMenu(board, button, add) {
  const list = make("div", "choices")
  list.setAttribute("role", "menu")
  list.setAttribute("aria-label", "Poses to begin with")
  list.hidden = true
  board.frame.append(list)
  button.setAttribute("aria-haspopup", "menu")
  button.setAttribute("aria-expanded", "false")

  const self = {
    open: () => !list.hidden,
    show(open, back = false) {
      list.hidden = !open
      button.setAttribute("aria-expanded", String(open))
      if (open) list.firstChild.focus()
      else if (back) button.focus()
    },
    offer(data) {
      if (list.childElementCount) return
      list.append(...Object.keys(data.presets).map((name) => choice(name, data)))
    },
  }
  function choice(name, data) {
    const item = make("button", "choice")
    item.type = "button"
    item.tabIndex = -1
    item.setAttribute("role", "menuitem")
    const sketch = make("canvas")
    Object.assign(sketch, { width: SKETCH, height: SKETCH })
    const joints = data.presets[name].map((point) => ({ x: point[0], y: point[1], on: true }))
    const [left, top, right, bottom] = bounds(joints, 1, 1)
    const room = (0.75 * SKETCH) / Math.max(right - left, bottom - top, 0.5)
    const at = (x, y) => [SKETCH / 2 + (x - (left + right) / 2) * room, SKETCH / 2 + (y - (top + bottom) / 2) * room]
    drawFigure(sketch.getContext("2d"), joints, { ...data, at, thick: 3.5, dot: 3 })
    item.append(sketch, make("span", "", name))
    item.onclick = () => {
      self.show(false)
      add(name)
    }
    return item
  }
  list.addEventListener("keydown", (event) => {
    const all = [...list.children]
    const spot = all.indexOf(event.target)
    const to = { ArrowDown: spot + 1, ArrowRight: spot + 1, ArrowUp: spot - 1, ArrowLeft: spot - 1, Home: 0, End: all.length - 1 }[event.key]
    if (event.key === "Tab") self.show(false, true)
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    all[(to + all.length) % all.length].focus()
  })
  list.addEventListener("focusout", (event) => {
    if (!list.contains(event.relatedTarget) && event.relatedTarget !== button) self.show(false)
  })
  return self
}
