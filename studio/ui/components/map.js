// A map of the gallery: dots from afar, thumbnails from near, names of groups over them; to wander, to choose from, to open.
// The points come from a route of ours once for each version of the map. Names enter the page as text.
const FAR_LIGHT = ["#2f7ba6", "#b8541c", "#1f7a4d", "#a8327c", "#8a6a00", "#0f7182", "#6b3fb6", "#b13a36", "#5c6d1c", "#7b5338"]
const FAR_DARK = ["#7cc4f2", "#ffb285", "#86d6a6", "#f09ad0", "#ecd06f", "#8fdde6", "#c4a6ff", "#ff9c93", "#bccf86", "#d9b99c"]

const pointsHeld = new Map() // version -> promise of points; the map's bytes cross the wire once

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
  me.lassoTool = pressable("tool", "Draw around pictures to choose them (or drag with Shift)", () => lassoMode(me, !me.lassoing), glyph("lasso_select"))
  me.lassoTool.setAttribute("aria-pressed", "false")
  me.listTool = pressable("tool", "List of the groups", () => showList(me, me.list.hidden), glyph("format_list_bulleted"))
  me.listTool.setAttribute("aria-expanded", "false")
  me.tools.append(
    pressable("tool", "Nearer (+)", () => zoomBy(me, 1.7), glyph("add")),
    pressable("tool", "Further away (-)", () => zoomBy(me, 1 / 1.7), glyph("remove")),
    pressable("tool", "Show all (0)", () => fly(me, whole(me)), glyph("fit_screen")),
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
  if (me.points) me.stretch = stretched(me)
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
  const { points } = me
  const at = placing(me)
  const seen = within(points, [...onMap(me, -60, -60), ...onMap(me, me.wide + 60, me.high + 60)])
  const searching = me.lit !== null
  const first = (i) => (has(me.chosen, i) ? 4 : 0) + (has(me.lit, i) ? 2 : 0)
  const shown = searching ? seen.filter((i) => has(me.lit, i) || has(me.chosen, i)) : seen
  const laid = layTiles(shown, points, at, { width: me.wide, height: me.high, first, most: searching ? 56 : 96 })
  dots(me, seen, laid, searching)
  tiles(me, laid)
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

function tiles(me, laid) {
  const { points, dpr } = me
  const pen = me.canvas.getContext("2d")
  pen.setTransform(dpr, 0, 0, dpr, 0, 0)
  pen.imageSmoothingQuality = "high"
  const now = performance.now()
  let rising = false
  for (const { i, x, y, side: size } of laid) {
    const tile = tileOf(points.ids[i], () => paint(me))
    const chosen = has(me.chosen, i)
    const half = size / 2
    const shown = tile ? (calm() ? 1 : clamp((now - tile.born) / 180, 0, 1)) : 0
    if (tile && shown < 1) rising = true
    if (tile) {
      pen.globalAlpha = shown
      pen.shadowColor = me.dark ? "rgb(0 0 0 / .5)" : "rgb(60 45 20 / .28)"
      pen.shadowBlur = 7
      pen.shadowOffsetY = 2
      pen.drawImage(tile, x - half, y - half, size, size)
      pen.shadowColor = "transparent"
    }
    if (tile || chosen) {
      pen.globalAlpha = chosen ? 1 : 0.9 * shown
      const out = chosen ? 2.5 : 0 // what is chosen has its ring around it, with a gap
      pen.lineWidth = chosen ? 3 : 1.6
      pen.strokeStyle = chosen ? me.accent : me.hue(points.group[i])
      pen.beginPath()
      pen.roundRect(x - half - out, y - half - out, size + 2 * out, size + 2 * out, size / 8 + out)
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
    const [x, y] = [at.x + me.points.x[i] * at.across, at.y + me.points.y[i] * at.down]
    pen.lineWidth = width
    pen.strokeStyle = me.accent
    pen.beginPath()
    if (tile) pen.roundRect(x - tile.side / 2 - 2, y - tile.side / 2 - 2, tile.side + 4, tile.side + 4, tile.side / 7)
    else pen.arc(x, y, 9, 0, 7)
    pen.stroke()
  }
  if (me.hover >= 0) ring(me.hover, 2.5)
  if (me.byKeys && me.stage.matches(":focus")) {
    const i = middle(me)
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

// --- what was said and chosen ---------------------------------------------------------------------------------------------

function foot(me) {
  const parts = [counted(me.points.count)]
  if (me.lit) parts.push(`${me.data.found.toLocaleString("en")} found`)
  me.foot.textContent = parts.join(" · ")
}

// Tell those who listen what is in sight.
function tell(me) {
  const names = [...me.buttons.values()].slice(0, 4).map((button) => button.firstChild.textContent)
  me.live.textContent = `${counted(me.seen ?? 0)} in sight${names.length ? `: ${names.join("; ")}` : ""}`
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
  const me = once(parentElement, built)
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
      me.stretch = stretched(me)
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
