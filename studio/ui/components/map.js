// A map of the gallery: dots from afar, thumbnails from near, names of groups over them; to wander, to choose from, to open.
// The points come from a route of ours once for each version of the map. Names enter the page as text.
const FAR_LIGHT = ["#2f49b8", "#b8541c", "#1f7a4d", "#a8327c", "#8a6a00", "#0f7182", "#6b3fb6", "#b13a36", "#5c6d1c", "#7b5338"]
const FAR_DARK = ["#93abff", "#ffb285", "#86d6a6", "#f09ad0", "#ecd06f", "#8fdde6", "#c4a6ff", "#ff9c93", "#bccf86", "#d9b99c"]
const CLOSEST = 60 // how far one can go in
const CHOOSABLE = 20_000
const NEARER = [1.9, 4.2] // from these zooms on the next level's names are shown

const pointsHeld = new Map() // version -> promise of points; the map's bytes cross the wire once
const maps = new WeakMap()

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
const counted = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`
const clamp = (value, low, high) => Math.min(high, Math.max(low, value))
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches

function toolButton(icon, label, does) {
  const button = make("button", "tool")
  button.type = "button"
  button.title = label
  button.setAttribute("aria-label", label)
  const symbol = make("span", "symbol", icon)
  symbol.setAttribute("aria-hidden", "true")
  button.append(symbol)
  button.addEventListener("click", does)
  return button
}

function built(root) {
  const me = { root, data: null, points: null, view: null, drag: null, lasso: null, lassoing: false, frame: 0, hover: -1, lit: null, chosen: null, buttons: new Map() }
  me.box = make("div", "map")
  me.stage = make("div", "stage")
  me.stage.tabIndex = 0
  me.stage.setAttribute("role", "application")
  me.stage.setAttribute("aria-roledescription", "map of pictures")
  me.stage.setAttribute("aria-label", "Map of the gallery. Arrows move, plus and minus zoom, 0 shows all, Enter opens the picture in the middle. Tab goes through the groups.")
  me.canvas = make("canvas")
  me.canvas.setAttribute("aria-hidden", "true")
  me.over = make("canvas")
  me.over.setAttribute("aria-hidden", "true")
  me.names = make("div", "names")
  me.names.setAttribute("role", "group")
  me.names.setAttribute("aria-label", "Groups in sight")
  me.peek = make("img", "peek")
  me.peek.alt = ""
  me.peek.hidden = true
  me.live = make("p", "live")
  me.live.setAttribute("role", "status")
  me.tools = make("div", "tools")
  me.lassoTool = toolButton("lasso_select", "Draw around pictures to choose them (or drag with Shift)", () => lassoMode(me, !me.lassoing))
  me.lassoTool.setAttribute("aria-pressed", "false")
  me.listTool = toolButton("format_list_bulleted", "List of the groups", () => showList(me, me.list.hidden))
  me.listTool.setAttribute("aria-expanded", "false")
  me.tools.append(
    toolButton("add", "Nearer (+)", () => zoomBy(me, 1.7)),
    toolButton("remove", "Further away (-)", () => zoomBy(me, 1 / 1.7)),
    toolButton("fit_screen", "Show all (0)", () => fly(me, whole(me))),
    me.lassoTool,
    me.listTool,
  )
  me.list = make("nav", "list")
  me.list.setAttribute("aria-label", "Groups of the map")
  me.list.hidden = true
  me.foot = make("p", "foot")
  me.stage.append(me.canvas, me.over, me.names, me.peek)
  me.box.append(me.tools, me.stage, me.list, me.foot, me.live)
  root.append(me.box)
  listen(me)
  new ResizeObserver(() => fit(me)).observe(me.stage)
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(() => dress(me), 60))
  return me
}

// --- where one looks: `view` is the middle of the window on the map, 0 to 1, and the zoom ------------------------------

const whole = (me) => ({ x: 0.5, y: 0.5, zoom: 1, ...(me.wide > me.high * 1.5 && me.points ? spread(me) : {}) })

// What is drawn seldom fills the square; the window begins where the pictures are.
function spread({ points }) {
  if (!points.count) return {}
  let [top, bottom, left, right] = [PLACES, 0, PLACES, 0]
  for (let i = 0; i < points.count; i += 1) {
    top = Math.min(top, points.y[i])
    bottom = Math.max(bottom, points.y[i])
    left = Math.min(left, points.x[i])
    right = Math.max(right, points.x[i])
  }
  return { x: (left + right) / 2 / PLACES, y: (top + bottom) / 2 / PLACES }
}

const unit = (me) => Math.min(me.wide * 0.62, me.high) // px of the map's side at zoom 1, for a window that is wide
const side = (me, zoom = me.view.zoom) => unit(me) * zoom * 1.02

function placing(me, dpr = 1) {
  const all = side(me)
  return { scale: (all / PLACES) * dpr, x: (me.wide / 2 - me.view.x * all) * dpr, y: (me.high / 2 - me.view.y * all) * dpr }
}

function onMap(me, x, y) {
  const all = side(me)
  return [me.view.x + (x - me.wide / 2) / all, me.view.y + (y - me.high / 2) / all]
}

function look(me, view) {
  me.view = { x: clamp(view.x, -0.1, 1.1), y: clamp(view.y, -0.1, 1.1), zoom: clamp(view.zoom, 0.6, CLOSEST) }
  remember(me)
  paint(me)
}

function remember(me) {
  clearTimeout(me.keeping)
  me.keeping = setTimeout(() => sessionStorage.setItem("easel-map", JSON.stringify(me.view)), 200)
}

function recalled() {
  try {
    const view = JSON.parse(sessionStorage.getItem("easel-map"))
    return view && [view.x, view.y, view.zoom].every(Number.isFinite) ? view : null
  } catch {
    return null
  }
}

function zoomAt(me, factor, x, y) {
  me.flight = null
  const [mx, my] = onMap(me, x, y)
  const zoom = clamp(me.view.zoom * factor, 0.6, CLOSEST)
  const all = side(me, zoom)
  look(me, { x: mx - (x - me.wide / 2) / all, y: my - (y - me.high / 2) / all, zoom })
}

const zoomBy = (me, factor) => fly(me, { ...me.view, zoom: clamp(me.view.zoom * factor, 0.6, CLOSEST) })

// Go there in a quarter of a second, so that one sees where one comes from.
function fly(me, to) {
  if (calm()) return (look(me, to), tell(me))
  const from = me.view
  const flight = (me.flight = { began: performance.now() })
  const step = (now) => {
    if (me.flight !== flight) return
    const share = clamp((now - flight.began) / 320, 0, 1)
    const eased = 1 - (1 - share) ** 3
    const zoom = from.zoom * (to.zoom / from.zoom) ** eased
    // what stands still on the way is the point that both windows share
    const part = Math.abs(to.zoom - from.zoom) < 1e-6 ? eased : (1 / from.zoom - 1 / zoom) / (1 / from.zoom - 1 / to.zoom)
    look(me, { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part, zoom })
    if (share < 1) requestAnimationFrame(step)
    else (me.flight = null), tell(me)
  }
  requestAnimationFrame(step)
}

function flyTo(me, place) {
  const [left, top, right, bottom] = place.box
  const span = Math.max((right - left) / (me.wide / unit(me)), (bottom - top) / (me.high / unit(me)), 0.012)
  const next = NEARER[place.level] ? Math.max(NEARER[place.level] * 1.02, 0.78 / span) : 0.78 / span
  fly(me, { x: (left + right) / 2, y: (top + bottom) / 2, zoom: clamp(next, 1, CLOSEST) })
}

// --- drawing ------------------------------------------------------------------------------------------------------------

function fit(me) {
  const { width, height } = me.stage.getBoundingClientRect()
  if (!width || !height) return
  me.wide = width
  me.high = height
  me.dpr = Math.min(2, devicePixelRatio || 1)
  for (const canvas of [me.canvas, me.over]) {
    canvas.width = Math.round(width * me.dpr)
    canvas.height = Math.round(height * me.dpr)
  }
  me.image = null
  paint(me)
}

function dress(me) {
  const style = getComputedStyle(me.box)
  const probe = document.createElement("canvas").getContext("2d")
  const colour = (text) => {
    probe.fillStyle = text
    return probe.fillStyle.startsWith("#") ? probe.fillStyle : "#808080"
  }
  me.ground = colour(style.getPropertyValue("--st-background-color").trim())
  me.ink = colour(style.getPropertyValue("--st-text-color").trim())
  me.accent = colour(style.getPropertyValue("--st-primary-color").trim())
  const [r, g, b] = rgb(me.ground)
  me.dark = r * 0.3 + g * 0.6 + b * 0.1 < 128
  me.palette = me.dark ? FAR_DARK : FAR_LIGHT
  me.box.classList.toggle("dark", me.dark)
  paint(me)
}

// The colour of each group is that of the group furthest out that it is part of.
function colours(me) {
  const by = new Map(me.data.places.map((place) => [place.number, place]))
  const order = new Map(me.data.places.filter((place) => place.level === 0).map((place, i) => [place.number, i]))
  const most = Math.max(0, ...by.keys()) + 1
  const full = new Int32Array(most)
  me.hue = (number) => {
    let place = by.get(number)
    while (place && place.parent >= 0 && by.has(place.parent)) place = by.get(place.parent)
    return me.palette[(place ? order.get(place.number) ?? 0 : 0) % me.palette.length]
  }
  for (const number of by.keys()) full[number] = packed(rgb(me.hue(number)))
  const quiet = new Int32Array(most).fill(packed(rgb(me.ink)))
  const accent = new Int32Array(most).fill(packed(rgb(me.accent)))
  return { full, quiet, accent }
}

function paint(me) {
  if (me.frame || !me.points || !me.wide || !me.view || !me.palette) return
  me.frame = requestAnimationFrame(() => {
    me.frame = 0
    painted(me)
  })
}

function painted(me) {
  const { points, dpr } = me
  const at = placing(me)
  const edge = 60 / side(me)
  const [left, top] = onMap(me, 0, 0)
  const [right, bottom] = onMap(me, me.wide, me.high)
  const seen = []
  within(points, [left - edge, top - edge, right + edge, bottom + edge], (i) => seen.push(i))
  const searching = me.lit !== null
  const first = (i) => (has(me.chosen, i) ? 4 : 0) + (has(me.lit, i) ? 2 : 0)
  const matter = searching ? seen.filter((i) => has(me.lit, i)) : seen
  const few = seen.length <= MANY ? seen : searching && matter.length <= MANY ? matter : []
  const laid = layTiles(few, points, at, { width: me.wide, height: me.high, first })
  dots(me, seen, laid, searching)
  tiles(me, laid, searching)
  me.laid = laid
  me.seen = seen.length
  label(me, at)
  veil(me)
}

function dots(me, seen, laid, searching) {
  const { points, dpr } = me
  const pen = me.canvas.getContext("2d")
  if (!me.image) me.image = pen.createImageData(me.canvas.width, me.canvas.height)
  me.shades ||= colours(me)
  const radius = clamp(0.95 + 66 / Math.sqrt(seen.length + 30), 1, 5.2) * dpr * (laid.length ? 0.8 : 1)
  const weight = clamp(0.42 + 24 / Math.sqrt(seen.length + 1), 0.42, 0.92)
  const layers = []
  if (searching) {
    layers.push({ rows: seen.filter((i) => !has(me.lit, i)), radius: radius * 0.85, weight: me.dark ? 0.16 : 0.13, colours: me.shades.quiet })
    layers.push({ rows: seen.filter((i) => has(me.lit, i)), radius: Math.max(radius, 2.4 * dpr), weight: 0.95, colours: me.shades.full })
  } else layers.push({ rows: seen, radius, weight, colours: me.shades.full })
  if (me.chosen) layers.push({ rows: seen.filter((i) => has(me.chosen, i)), radius: Math.max(radius * 1.25, 2.6 * dpr), weight: 1, colours: me.shades.accent })
  paintDots(me.image, layers, points, placing(me, dpr))
  pen.putImageData(me.image, 0, 0)
}

function tiles(me, laid, searching) {
  const { points, dpr } = me
  const pen = me.canvas.getContext("2d")
  pen.setTransform(dpr, 0, 0, dpr, 0, 0)
  pen.imageSmoothingQuality = "high"
  const now = performance.now()
  let rising = false
  for (const { i, x, y, side: size } of laid) {
    const tile = tileOf(points.ids[i], () => paint(me))
    const chosen = has(me.chosen, i)
    const dim = searching && !has(me.lit, i) && !chosen
    const half = size / 2
    const shown = tile ? (calm() ? 1 : clamp((now - tile.born) / 180, 0, 1)) : 0
    if (tile && shown < 1) rising = true
    if (tile) {
      pen.globalAlpha = (dim ? 0.16 : 1) * shown
      pen.shadowColor = me.dark ? "rgb(0 0 0 / .5)" : "rgb(60 45 20 / .28)"
      pen.shadowBlur = dim ? 0 : 7
      pen.shadowOffsetY = dim ? 0 : 2
      pen.drawImage(tile, x - half, y - half, size, size)
      pen.shadowColor = "transparent"
    }
    if (!dim && (tile || chosen)) {
      pen.globalAlpha = chosen ? 1 : 0.9 * shown
      pen.lineWidth = chosen ? 3 : 1.6
      pen.strokeStyle = chosen ? me.accent : me.hue(points.group[i])
      pen.beginPath()
      pen.roundRect(x - half, y - half, size, size, size / 8)
      pen.stroke()
    }
  }
  pen.globalAlpha = 1
  pen.setTransform(1, 0, 0, 1, 0, 0)
  if (rising) paint(me)
}

// What lies over all: the line being drawn, the picture that is pointed at, the middle for whoever uses keys.
function veil(me) {
  const pen = me.over.getContext("2d")
  pen.setTransform(me.dpr, 0, 0, me.dpr, 0, 0)
  pen.clearRect(0, 0, me.wide, me.high)
  const at = placing(me)
  const ring = (i, width) => {
    const tile = me.laid?.find((one) => one.i === i)
    const [x, y] = [at.x + me.points.x[i] * at.scale, at.y + me.points.y[i] * at.scale]
    pen.lineWidth = width
    pen.strokeStyle = me.accent
    pen.beginPath()
    if (tile) pen.roundRect(x - tile.side / 2 - 2, y - tile.side / 2 - 2, tile.side + 4, tile.side + 4, tile.side / 7)
    else pen.arc(x, y, 9, 0, 7)
    pen.stroke()
  }
  if (me.hover >= 0) ring(me.hover, 2.5)
  if (me.byKeys && me.stage.matches(":focus")) {
    const i = nearestTo(me, me.wide / 2, me.high / 2, 160)
    if (i >= 0) ring(i, 3.5)
  }
  if (me.lasso) {
    pen.lineWidth = 2
    pen.strokeStyle = me.accent
    pen.fillStyle = `${me.accent}26`
    pen.beginPath()
    for (const [x, y] of me.lasso) pen.lineTo(x, y)
    pen.closePath()
    pen.fill()
    pen.setLineDash([6, 5])
    pen.stroke()
    pen.setLineDash([])
  }
}

// --- names --------------------------------------------------------------------------------------------------------------

const levelAt = (me) => {
  const deepest = Math.max(0, ...me.data.places.map((place) => place.level))
  return Math.min(deepest, NEARER.filter((zoom) => me.view.zoom >= zoom).length)
}

function nameButton(me, place) {
  const button = make("button", "name")
  button.type = "button"
  button.append(make("span", "word", place.name), make("span", "count", place.pictures.toLocaleString("en")))
  button.setAttribute("aria-label", `${place.name}, ${counted(place.pictures, "picture")}; go there`)
  button.addEventListener("click", () => flyTo(me, place))
  button.addEventListener("focus", () => {
    const [x, y] = spot(me, place)
    if (x < 0 || y < 0 || x > me.wide || y > me.high) fly(me, { ...me.view, x: place.x, y: place.y })
  })
  return button
}

const spot = (me, place) => {
  const at = placing(me)
  return [at.x + place.x * PLACES * at.scale, at.y + place.y * PLACES * at.scale]
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
      button.setAttribute("aria-label", `${place.name}, ${counted(place.pictures, "picture")}; go there`)
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

// --- what was said and chosen ---------------------------------------------------------------------------------------------

function foot(me) {
  const parts = [counted(me.points.count, "picture")]
  if (me.lit) parts.push(`${me.data.found.toLocaleString("en")} found`)
  me.foot.textContent = parts.join(" · ")
}

// Tell those who listen what is in sight.
function tell(me) {
  const names = [...me.buttons.values()].slice(0, 4).map((button) => button.firstChild.textContent)
  me.live.textContent = `${counted(me.seen ?? 0, "picture")} in sight${names.length ? `: ${names.join("; ")}` : ""}`
}

function nearestTo(me, x, y, reach) {
  const tile = me.laid?.findLast((one) => Math.abs(one.x - x) < one.side / 2 && Math.abs(one.y - y) < one.side / 2)
  if (tile) return tile.i
  const [mx, my] = onMap(me, x, y)
  const far = reach / side(me)
  let [best, least] = [-1, far * far]
  within(me.points, [mx - far, my - far, mx + far, my + far], (i) => {
    const away = (me.points.x[i] / PLACES - mx) ** 2 + (me.points.y[i] / PLACES - my) ** 2
    if (away < least) [best, least] = [i, away]
  })
  return best
}

function choose(me, line) {
  const shape = line.map(([x, y]) => onMap(me, x, y))
  const [xs, ys] = [shape.map(([x]) => x), shape.map(([, y]) => y)]
  const ids = []
  within(me.points, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], (i) => {
    if (ids.length < CHOOSABLE && (!me.lit || has(me.lit, i)) && inside(shape, me.points.x[i] / PLACES, me.points.y[i] / PLACES)) ids.push(me.points.ids[i])
  })
  me.live.textContent = `${counted(ids.length, "picture")} chosen`
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

// --- hands ----------------------------------------------------------------------------------------------------------------

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
      look(me, { ...drag.view, x: drag.view.x - (x - drag.x) / side(me), y: drag.view.y - (y - drag.y) / side(me) })
    } else {
      const i = event.target.closest("button") ? -1 : nearestTo(me, x, y, 11)
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
      const i = nearestTo(me, ...place(event), 11)
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
    const i = nearestTo(me, me.wide / 2, me.high / 2, 160)
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

// --- the map's bytes -------------------------------------------------------------------------------------------------------

function fetched(version) {
  if (!pointsHeld.has(version)) {
    const coming = fetch(`/map/points?of=${encodeURIComponent(version)}`).then(async (answer) => {
      if (!answer.ok) throw new Error(`${answer.status}`)
      return pointsOf(await answer.arrayBuffer())
    })
    pointsHeld.clear()
    pointsHeld.set(version, coming)
    coming.catch(() => pointsHeld.delete(version))
  }
  return pointsHeld.get(version)
}

export default function ({ data, parentElement, setTriggerValue }) {
  let me = maps.get(parentElement)
  if (!me) {
    me = built(parentElement)
    maps.set(parentElement, me)
  }
  me.send = setTriggerValue
  me.data = data
  me.lit = data.searching ? maskOf(data.lit) ?? new Uint8Array(Math.ceil((me.points?.count ?? 0) / 8)) : null
  me.chosen = maskOf(data.chosen)
  me.shades = null
  me.buttons.forEach((button) => button.remove())
  me.buttons = new Map()
  if (me.version === data.version) {
    dress(me)
    listed(me)
    foot(me)
    return
  }
  me.box.classList.add("waiting")
  fetched(data.version)
    .then((points) => {
      me.points = points
      me.version = data.version
      if (!me.wide) fit(me)
      me.view ||= recalled() || whole(me)
      me.box.classList.remove("waiting")
      dress(me)
      me.shades = null
      colours(me)
      listed(me)
      foot(me)
    })
    .catch(() => {
      me.box.classList.remove("waiting")
      me.foot.textContent = "The map could not be read; reload the page."
    })
}
