// Hands on the map: wheel, drag, pinch, a line around pictures, keys; what lies under the pointer. It draws nothing.
const CHOOSABLE = 20_000
const REACH = 11 // px between a pointer and the dot that it means

function nearestTo(me, x, y, reach) {
  const tile = me.laid?.findLast((one) => Math.abs(one.x - x) < one.side / 2 && Math.abs(one.y - y) < one.side / 2)
  if (tile) return tile.i
  const [mx, my] = onMap(me, x, y)
  const far = reach / side(me)
  let [best, least] = [-1, far * far]
  for (const i of within(me.points, [mx - far, my - far, mx + far, my + far])) {
    const away = ((me.points.x[i] / PLACES - mx) * me.stretch) ** 2 + (me.points.y[i] / PLACES - my) ** 2
    if (away < least) (best = i), (least = away)
  }
  return best
}

// The picture that keys mean: the thumbnail nearest to the middle, where there are any, else the dot.
function middle(me) {
  const [x, y] = [me.wide / 2, me.high / 2]
  const far = (tile) => Math.hypot(tile.x - x, tile.y - y)
  const tile = [...(me.laid ?? [])].sort((a, b) => far(a) - far(b))[0]
  return tile && far(tile) < 220 ? tile.i : nearestTo(me, x, y, 160)
}

function choose(me, line) {
  const shape = line.map(([x, y]) => onMap(me, x, y))
  const [xs, ys] = [shape.map(([x]) => x), shape.map(([, y]) => y)]
  const ids = []
  for (const i of within(me.points, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)])) {
    if (ids.length < CHOOSABLE && (!me.lit || has(me.lit, i)) && inside(shape, me.points.x[i] / PLACES, me.points.y[i] / PLACES)) ids.push(me.points.ids[i])
  }
  me.live.textContent = `${counted(ids.length)} chosen`
  me.send("lasso", { ids })
}

function lassoMode(me, on) {
  me.lassoing = on
  me.lassoTool.setAttribute("aria-pressed", String(on))
  me.stage.classList.toggle("lassoing", on)
}

function peekAt(me, i, x, y) {
  const dot = i >= 0 && !me.laid?.some((one) => one.i === i)
  me.peek.hidden = !dot
  if (!dot) return
  const src = `/thumbs/${me.points.ids[i]}`
  if (me.peek.getAttribute("src") !== src) me.peek.src = src
  me.peek.style.transform = `translate(${clamp(x + 16, 8, me.wide - 158)}px, ${clamp(y + 16, 8, me.high - 158)}px)`
}

function listen(me) {
  const { stage } = me
  const place = (event) => {
    const box = stage.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }
  const held = new Map()
  stage.addEventListener("wheel", (event) => {
    if (!me.points) return
    event.preventDefault()
    zoomAt(me, Math.exp(-clamp(event.deltaY * (event.deltaMode ? 30 : 1), -240, 240) * (event.ctrlKey ? 0.01 : 0.0022)), ...place(event))
  }, { passive: false })
  stage.addEventListener("pointerdown", (event) => {
    if (!me.points || event.button > 0 || event.target.closest("button")) return
    held.set(event.pointerId, place(event))
    stage.setPointerCapture(event.pointerId)
    me.flight = null
    me.byKeys = false
    const [x, y] = place(event)
    if (held.size > 1) (me.drag = null), (me.lasso = null)
    else if (event.shiftKey || me.lassoing) me.lasso = [[x, y]]
    else me.drag = { x, y, view: me.view, moved: false }
  })
  stage.addEventListener("pointermove", (event) => {
    if (!me.points) return
    const [x, y] = place(event)
    if (held.size === 2 && held.has(event.pointerId)) {
      const before = [...held.values()]
      held.set(event.pointerId, [x, y])
      const after = [...held.values()]
      const span = ([[ax, ay], [bx, by]]) => Math.hypot(ax - bx, ay - by)
      zoomAt(me, span(after) / Math.max(1, span(before)), (after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2)
    } else if (me.lasso) {
      const [lx, ly] = me.lasso[me.lasso.length - 1]
      if (Math.hypot(x - lx, y - ly) > 4) me.lasso.push([x, y]), veil(me)
    } else if (me.drag) {
      const { drag } = me
      if (Math.hypot(x - drag.x, y - drag.y) > 4) drag.moved = true
      if (!drag.moved) return
      stage.classList.add("dragging")
      me.peek.hidden = true
      look(me, { ...drag.view, x: drag.view.x - (x - drag.x) / side(me) / me.stretch, y: drag.view.y - (y - drag.y) / side(me) })
    } else {
      const i = event.target.closest("button") ? -1 : nearestTo(me, x, y, REACH)
      if (i !== me.hover) (me.hover = i), veil(me)
      stage.classList.toggle("on", i >= 0)
      peekAt(me, i, x, y)
    }
  })
  const up = (event) => {
    if (!held.delete(event.pointerId)) return
    stage.classList.remove("dragging")
    const { drag, lasso } = me
    me.drag = me.lasso = null
    if (event.type === "pointercancel") return veil(me)
    if (lasso) {
      veil(me)
      if (lasso.length > 3) choose(me, lasso)
      else if (me.chosen) me.send("lasso", { ids: [] })
    } else if (drag && !drag.moved) {
      const i = nearestTo(me, ...place(event), REACH)
      if (i >= 0) me.send("open", me.points.ids[i])
    } else if (drag) tell(me)
  }
  stage.addEventListener("pointerup", up)
  stage.addEventListener("pointercancel", up)
  stage.addEventListener("pointerleave", () => {
    me.hover = -1
    me.peek.hidden = true
    if (me.points && me.view) veil(me)
  })
  stage.addEventListener("dblclick", (event) => {
    if (!event.target.closest("button")) zoomAt(me, 2, ...place(event))
  })
  stage.addEventListener("blur", () => me.points && veil(me))
  me.box.addEventListener("keydown", (event) => keyed(me, event))
}

function keyed(me, event) {
  if (!me.points || event.ctrlKey || event.metaKey || event.altKey) return
  const { view } = me
  const far = 0.14 / view.zoom
  const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }
  const inList = me.list.contains(event.target)
  if (event.key in moves && !inList) look(me, { ...view, x: view.x + moves[event.key][0], y: view.y + moves[event.key][1] })
  else if (event.key === "+" || event.key === "=") zoomBy(me, 1.7)
  else if (event.key === "-") zoomBy(me, 1 / 1.7)
  else if (event.key === "0" || event.key === "Home") fly(me, whole(me))
  else if (event.key === "l") lassoMode(me, !me.lassoing)
  else if (event.key === "Escape" && !me.list.hidden) showList(me, false), me.listTool.focus()
  else if (event.key === "Escape" && me.lassoing) lassoMode(me, false)
  else if (event.key === "Escape" && me.chosen) me.send("lasso", { ids: [] })
  else if (event.key === "Enter" && event.target === me.stage) {
    const i = middle(me)
    if (i >= 0) me.send("open", me.points.ids[i])
  } else return
  me.flight = event.key in moves ? null : me.flight
  me.byKeys = true
  event.preventDefault()
  event.stopPropagation()
  clearTimeout(me.telling)
  me.telling = setTimeout(() => tell(me), 500)
  veil(me)
}
